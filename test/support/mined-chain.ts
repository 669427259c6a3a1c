/** Real proof-of-work blocks that a datadir accepts: built by the executor, mined here at the lowest difficulty. */

import { readFileSync } from 'node:fs';
import { present } from '../../src/base/assert.ts';
import { addressOf, EMPTY } from '../../src/base/bytes.ts';
import { type Hash, ZERO_ADDRESS, ZERO_HASH } from '../../src/base/types.ts';
import type { Block } from '../../src/chain/block.ts';
import { EMPTY_NONCE, type Header, hashHeader } from '../../src/chain/header.ts';
import type { HeaderNode } from '../../src/chain/tree.ts';
import { checkProof, nextDifficulty, type PowRules, recentTimes } from '../../src/consensus/pow/rules.ts';
import { parseSettings } from '../../src/consensus/pow/settings.ts';
import { createEngine } from '../../src/consensus/registry.ts';
import { Executor } from '../../src/execution/executor.ts';
import { buildGenesis, parseGenesis } from '../../src/execution/genesis.ts';
import { decodeTransaction } from '../../src/execution/transaction.ts';
import { ChainStore } from '../../src/storage/chain-store.ts';
import { MemoryDatabase } from '../../src/storage/memory.ts';
import { blsSignatures } from '../../src/wallet/bls.ts';
import { mine } from '../consensus/pow/support.ts';
import { ListPool } from '../execution/support.ts';

/** The shipped network with the easiest of proofs and these accounts. */
export function easyDocument(alloc: Record<string, unknown> = {}): object {
  const document = JSON.parse(readFileSync(new URL('../../genesis/pow.json', import.meta.url), 'utf8'));
  const engine = { ...document.config.engine, minimumDifficulty: 1 };
  return { ...document, config: { ...document.config, engine }, difficulty: '0x8', alloc: { ...document.alloc, ...alloc } };
}

export interface BlockWishes {
  /** Tells apart children of one parent. */
  readonly beneficiary?: number;
  readonly transactions?: readonly Uint8Array[];
  /** Put into the header before it is mined: a lie about the execution. */
  readonly stateRoot?: Hash;
  /** Seconds; ten after its parent when it is not named, which is slow enough to keep the difficulty low. */
  readonly timestamp?: number;
}

/** Keeps every block that it mined, in memory, so that any of them can be a parent. */
export class MinedChain {
  readonly genesis: Block;
  readonly #store: ChainStore;
  readonly #executor: Executor;
  readonly #engine: ReturnType<typeof createEngine>;
  readonly #rules: PowRules;
  /** The true state below blocks that lied about theirs. */
  readonly #trueRoots = new Map<Hash, Hash>();

  private constructor(genesis: Block, store: ChainStore, executor: Executor, engine: ReturnType<typeof createEngine>, rules: PowRules) {
    this.genesis = genesis;
    this.#store = store;
    this.#executor = executor;
    this.#engine = engine;
    this.#rules = rules;
  }

  static async start(document: object = easyDocument()): Promise<MinedChain> {
    const { block, execution, params } = await buildGenesis(parseGenesis(document));
    const engine = createEngine(params, { beneficiary: ZERO_ADDRESS, produce: false, signers: [] }, blsSignatures);
    const store = await ChainStore.open(new MemoryDatabase(), { block, execution, facts: engine.genesisFacts(block.header) });
    const executor = new Executor(params, store.state, engine, store.view);
    const rules = { params, settings: parseSettings(params.engine.settings), checkProof };
    return new MinedChain(block, store, executor, engine, rules);
  }

  async mine(parent: Block, wishes: BlockWishes = {}): Promise<Block> {
    const node = present(this.#store.view.get(hashHeader(parent.header)), 'a parent that was mined here');
    const built = await this.#build(node, wishes);
    const header = mine({ ...built.block.header, parentHash: node.hash, ...(wishes.stateRoot && { stateRoot: wishes.stateRoot }) });
    const block = { ...built.block, header };
    const facts = this.#engine.verifyHeader(block, node, this.#store.view, header.timestamp * 1_000);
    const hash = hashHeader(header);
    this.#store.insert(block, facts);
    this.#store.executed(hash, built.execution);
    if (wishes.stateRoot !== undefined) this.#trueRoots.set(hash, built.block.header.stateRoot);
    return block;
  }

  async mineChain(parent: Block, length: number): Promise<Block[]> {
    const blocks: Block[] = [];
    for (let i = 0; i < length; i++) blocks.push(await this.mine(blocks.at(-1) ?? parent));
    return blocks;
  }

  #build(parent: HeaderNode, { beneficiary = 1, transactions = [], timestamp = parent.header.timestamp + 10 }: BlockWishes) {
    const { view } = this.#store;
    const base: Header = { ...parent.header, stateRoot: this.#trueRoots.get(parent.hash) ?? parent.header.stateRoot };
    const fields = {
      timestamp,
      beneficiary: addressOf(new Uint8Array(20).fill(beneficiary)),
      difficulty: nextDifficulty(this.#rules, parent, view, recentTimes(parent, view), timestamp),
      mixHash: ZERO_HASH,
      nonce: EMPTY_NONCE,
      payload: EMPTY,
    };
    const pool = new ListPool(transactions.map((bytes) => decodeTransaction(bytes, this.#rules.params)));
    return this.#executor.build(base, fields, pool, { gasLimit: base.gasLimit, buildTimeMs: 60_000 });
  }
}
