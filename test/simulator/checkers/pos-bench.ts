/** A bench for proof-of-stake's checkers: a chain of stake whose validators belong to the first two nodes. */
import { EMPTY } from '../../../src/base/bytes.ts';
import type { Block } from '../../../src/chain/block.ts';
import type { Facts, HeaderNode } from '../../../src/chain/tree.ts';
import type { Effect, Event } from '../../../src/consensus/engine.ts';
import { encodePayload, encodeSeal } from '../../../src/consensus/pos/codec.ts';
import type { StakeBlock } from '../../../src/consensus/pos/transition.ts';
import type { CheckerFactory } from '../../../src/simulator/checkers/checker.ts';
import { depositorOf } from '../../../src/simulator/subjects/pos-clients.ts';
import { StakeChain, signerAt } from '../../consensus/pos/stake-chain.ts';
import { nodeOf } from '../support.ts';
import { type BenchInput, CheckerBench } from './bench.ts';

export const VALIDATORS = 8;

/** All stake is that of node 0 (even keys) and of node 1 (odd ones). */
export function newChain(): StakeChain {
  const validators = Array.from({ length: VALIDATORS }, (_, i) => ({ publicKey: signerAt(i).publicKey, depositor: depositorOf(i % 2) }));
  return new StakeChain(VALIDATORS, { validators });
}

export function blockOf({ header, seal, payload }: StakeBlock): Block {
  return { header, seal: encodeSeal(seal), transactions: [], payload: encodePayload(payload) };
}

const genesisOf = (chain: StakeChain): Block => ({ header: chain.genesis, seal: EMPTY, transactions: [], payload: EMPTY });
export const factsAt = ({ header, slot }: StakeBlock): Facts => ({ weight: BigInt(header.number), carried: BigInt(slot) });

export class PosBench extends CheckerBench {
  constructor(
    factory: CheckerFactory,
    chain: StakeChain,
    input: BenchInput = {},
    state: ConstructorParameters<typeof CheckerBench>[2] = null,
  ) {
    const block = genesisOf(chain);
    const genesis = { block, node: nodeOf(block, { weight: 0n, carried: 0n }), status: 'executed' as const, state: [] };
    super(factory, { ...input, network: { params: chain.rules.params, genesis } }, state);
  }

  get messages(): string[] {
    return this.reports.map(({ message }) => message);
  }

  keep(node: number, ...blocks: readonly StakeBlock[]): HeaderNode[] {
    return blocks.map((block) => this.insert(node, blockOf(block), factsAt(block)));
  }

  step(node: number, event: Event<unknown>, effects: readonly Effect<unknown>[] = []): void {
    this.observe({ type: 'step', node, event, effects });
  }

  final(node: number, block: HeaderNode, certificate: Uint8Array = Uint8Array.of(1, 2, 3, 4)): void {
    this.observe({ type: 'finalized', node, block, certificate });
  }
}
