/** A small simulated network's options and genesis, blocks made by hand, and an engine that does nothing. */
import { EMPTY } from '../../src/base/bytes.ts';
import { DecodeError } from '../../src/base/errors.ts';
import type { Block } from '../../src/chain/block.ts';
import { type Header, hashHeader } from '../../src/chain/header.ts';
import type { Facts, HeaderNode } from '../../src/chain/tree.ts';
import type { AnyEngine } from '../../src/consensus/engine.ts';
import { type Genesis, makeGenesis } from '../../src/simulator/genesis.ts';
import type { StoredBlock } from '../../src/simulator/light-chain.ts';
import type { Options } from '../../src/simulator/options.ts';
import { powSubject } from '../../src/simulator/subjects/pow.ts';
import { type Balances, balancesRoot, encodeTransfer, type Transfer, transfersRoot } from '../../src/simulator/transfers.ts';

/** Three nodes, quick links, no clients. */
export const OPTIONS: Options = {
  nodes: 3,
  faultsMs: 60_000,
  survivors: [0, 1, 2],
  latencyMs: 10,
  jitterMs: 1,
  diskWriteMs: 1,
  executionMs: 1,
  transfersPerMinute: 0,
  accounts: 4,
  hashRates: [300, 300, 300],
  engine: { blockTimeSeconds: 2, minimumDifficulty: 50, blockRewardWei: 5 },
};

export const optionsWith = (changes: Partial<Options>): Options => ({ ...OPTIONS, ...changes });

export const GENESIS: Genesis = makeGenesis(powSubject, OPTIONS);

/** Weighs a block by its height alone. */
export const factsOf = (number: number): Facts => ({ weight: BigInt(number), carried: 0n });

export function nodeOf({ header, seal }: Block, facts: Facts = factsOf(header.number)): HeaderNode {
  return { header, seal, hash: hashHeader(header), facts };
}

export const GENESIS_STORED: StoredBlock = { block: GENESIS.block, node: nodeOf(GENESIS.block), status: 'executed', state: GENESIS.state };

/** A child; `name` tells siblings apart. Its state is the parent's unless the header says otherwise. */
export function childOf(parent: Block, name = 0, header: Partial<Header> = {}): Block {
  const { number, timestamp } = parent.header;
  return {
    header: { ...parent.header, parentHash: hashHeader(parent.header), number: number + 1, timestamp: timestamp + 1 + name, ...header },
    seal: EMPTY,
    transactions: [],
    payload: EMPTY,
  };
}

/** So many blocks, each the child of the one before. */
export function chainOn(parent: Block, length: number, name = 0): Block[] {
  const blocks: Block[] = [];
  for (let above = parent; blocks.length < length; ) {
    above = childOf(above, name);
    blocks.push(above);
  }
  return blocks;
}

/** A child with these transfers and the header that goes with them; `after` is the state that it claims. */
export function blockWith(parent: Block, transfers: readonly Transfer[], after: Balances, header: Partial<Header> = {}): Block {
  const transactions = transfers.map(encodeTransfer);
  const claims = {
    transactionsRoot: transfersRoot(transactions),
    gasUsed: 21_000n * BigInt(transfers.length),
    stateRoot: balancesRoot(after),
    ...header,
  };
  return { ...childOf(parent, 0, claims), transactions };
}

/** Pays nothing, checks nothing, wants nothing. */
export const IDLE_ENGINE: AnyEngine = {
  name: 'idle',
  finality: 'instant',
  faults: 'crash',
  init: () => ({}),
  step: () => [],
  encode: () => EMPTY,
  decode: () => {
    throw new DecodeError('idle/message', 'The idle engine has no messages.');
  },
  genesisFacts: () => factsOf(0),
  verifyHeader: ({ header }) => factsOf(header.number),
  verifySeal: () => undefined,
  verifyCertificate: () => undefined,
  randomness: ({ parentHash }) => parentHash,
  rewards: () => [],
  inspect: () => null,
};
