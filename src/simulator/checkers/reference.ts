/**
 * A second ledger, by which the first is judged: every block is executed once more, from genesis on, by the plain rules of
 * transfers alone, and nothing that a node computed is used.
 */
import type { Hash } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { hashHeader } from '../../chain/header.ts';
import type { AnyEngine } from '../../consensus/engine.ts';
import { executeBlock, lightBodyMatches } from '../light-ledger.ts';
import type { Balances } from '../transfers.ts';

/** The state after a block, or why there is none. */
export type Replayed = { readonly state: Balances } | { readonly error: unknown };

export class ReferenceLedger {
  readonly #engine: AnyEngine;
  readonly #results = new Map<Hash, Replayed>();

  constructor(engine: AnyEngine, genesis: Hash, state: Balances) {
    this.#engine = engine;
    this.#results.set(genesis, { state });
  }

  /** Undefined when the parent was never seen. */
  replay(block: Block): Replayed | undefined {
    const hash = hashHeader(block.header);
    const known = this.#results.get(hash);
    if (known !== undefined) return known;
    const parent = this.#results.get(block.header.parentHash);
    if (parent === undefined) return undefined;
    const result = 'error' in parent ? parent : this.#execute(block, parent.state);
    this.#results.set(hash, result);
    return result;
  }

  #execute(block: Block, parent: Balances): Replayed {
    try {
      if (!lightBodyMatches(block)) return { error: new Error('the body is not that of the header') };
      return { state: executeBlock(this.#engine, block, parent) };
    } catch (error) {
      return { error };
    }
  }
}
