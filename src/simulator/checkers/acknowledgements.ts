/**
 * When a client may believe that a transaction is done: a node that was given it has it in a final block on disk. Under
 * proof-of-work nobody may believe that for certain; there, the depth that CommonPrefix(k) names is all that is claimed.
 */
import { toHex } from '../../base/bytes.ts';
import type { Hash, Hex } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import type { Observation } from '../observations.ts';
import type { Setting } from './checker.ts';

export interface Acknowledgement {
  readonly node: number;
  /** Of the transaction: its bytes. */
  readonly id: Hex;
  readonly block: Block;
  readonly hash: Hash;
  /** Of the transaction, in the block. */
  readonly index: number;
}

/** Is told everything, and says what is acknowledged by it. The same transaction may be, by several nodes. */
export class Acknowledgements {
  readonly #chainOf: Setting['chainOf'];
  /** Nodes that a transaction was given to. */
  readonly #asked = new Map<Hex, Set<number>>();
  /** By node, up to which height final blocks were looked at. */
  readonly #seen = new Map<number, number>();

  constructor(chainOf: Setting['chainOf']) {
    this.#chainOf = chainOf;
  }

  observe(observation: Observation): readonly Acknowledgement[] {
    if (observation.type === 'submitted') {
      const id = toHex(observation.transaction);
      const asked = this.#asked.get(id) ?? new Set();
      this.#asked.set(id, asked.add(observation.node));
    }
    return observation.type === 'finalDurable' ? this.#finalized(observation.node, observation.block.header.number) : [];
  }

  #finalized(node: number, height: number): Acknowledgement[] {
    const chain = this.#chainOf(node);
    if (chain === null) return [];
    const found: Acknowledgement[] = [];
    for (let number = (this.#seen.get(node) ?? 0) + 1; number <= height; number++) {
      const hash = chain.canonical(number);
      const block = hash && chain.block(hash);
      if (hash === undefined || block === undefined) continue;
      for (const [index, bytes] of block.transactions.entries()) {
        const id = toHex(bytes);
        if (this.#asked.get(id)?.has(node) === true) found.push({ node, id, block, hash, index });
      }
    }
    this.#seen.set(node, height);
    return found;
  }
}
