/** A network whose engine may change, for tests: Raft and PBFT, signatures without cryptography, and a chain that is a list of blocks. */
import { SynodError } from '../../../src/base/errors.ts';
import type { Hash, Json } from '../../../src/base/types.ts';
import type { Block } from '../../../src/chain/block.ts';
import { payloadCommitment } from '../../../src/chain/block.ts';
import { hashHeader } from '../../../src/chain/header.ts';
import type { EngineSettings } from '../../../src/chain/params.ts';
import type { ChainView, HeaderNode } from '../../../src/chain/tree.ts';
import type { EngineFactory } from '../../../src/consensus/engine.ts';
import { createPbft } from '../../../src/consensus/pbft/engine.ts';
import { createPhases } from '../../../src/consensus/phases/engine.ts';
import { createPow } from '../../../src/consensus/pow/engine.ts';
import { createRaft } from '../../../src/consensus/raft/engine.ts';
import { createZab } from '../../../src/consensus/zab/engine.ts';
import { placeId } from '../../../src/simulator/places.ts';
import { membersOf } from '../../../src/simulator/subjects/member-list.ts';
import { TAG_KEYS } from '../../../src/simulator/tags.ts';
import { childOf, GENESIS, nodeOf } from '../../simulator/support.ts';

const FACTORIES: { readonly [name: string]: EngineFactory } = { pbft: createPbft, pow: createPow, raft: createRaft, zab: createZab };

export const create: EngineFactory = (params, node, signatures) => {
  const factory = FACTORIES[params.engine.name];
  if (factory === undefined) throw new Error(`no engine ${params.engine.name}`);
  return factory(params, node, signatures);
};

/** Settings with so many members. */
export function engineOf(name: string, members: number, settings: { readonly [field: string]: Json } = {}): EngineSettings {
  const nodes = Array.from({ length: members }, (_, place) => placeId(place));
  return { name, settings: { ...settings, members: membersOf(nodes, TAG_KEYS) } };
}

/** As it stands in a genesis file. */
export function inGenesis({ name, settings }: EngineSettings): Json {
  return { name, ...settings };
}

export function phasesOf(engine: EngineSettings, transitions?: Json) {
  const params = { ...GENESIS.params, engine: { ...engine, ...(transitions !== undefined && { transitions }) } };
  const node = { beneficiary: GENESIS.block.header.beneficiary, produce: true, signers: [TAG_KEYS.signer(0, 0)] };
  return createPhases(params, node, TAG_KEYS.signatures, create);
}

export function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof SynodError) return error.code;
    throw error;
  }
  return 'nothing was thrown';
}

/** Blocks in a row, all of them final, each of a phase. */
export class FinalChain {
  readonly genesis: HeaderNode = nodeOf(GENESIS.block);
  readonly #blocks = new Map<Hash, { readonly block: Block; readonly node: HeaderNode }>();
  readonly #row: HeaderNode[] = [this.genesis];

  constructor() {
    this.#blocks.set(this.genesis.hash, { block: GENESIS.block, node: this.genesis });
  }

  get head(): HeaderNode {
    return this.#row.at(-1) ?? this.genesis;
  }

  get finalized(): HeaderNode {
    return this.head;
  }

  get maxHeight(): number {
    return this.head.header.number;
  }

  add(phase: number, payload = new Uint8Array(0)): HeaderNode {
    const parent = this.block(this.head.hash);
    if (parent === undefined) throw new Error('no parent');
    const child = childOf(parent, phase, { extraData: payloadCommitment(payload) });
    const block = { ...child, payload };
    const node = {
      header: block.header,
      seal: block.seal,
      hash: hashHeader(block.header),
      facts: { weight: (BigInt(phase) << 64n) + BigInt(block.header.number), carried: 0n },
    };
    this.#blocks.set(node.hash, { block, node });
    this.#row.push(node);
    return node;
  }

  get(hash: Hash): HeaderNode | undefined {
    return this.#blocks.get(hash)?.node;
  }

  block(hash: Hash): Block | undefined {
    return this.#blocks.get(hash)?.block;
  }

  status(hash: Hash) {
    return this.#blocks.has(hash) ? ('executed' as const) : undefined;
  }

  canonical(number: number): Hash | undefined {
    return this.#row[number]?.hash;
  }

  outputs(): undefined {
    return undefined;
  }

  atHeight(number: number): readonly HeaderNode[] {
    return this.#row.slice(number, number + 1);
  }
}

FinalChain satisfies new () => ChainView;
