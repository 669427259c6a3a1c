/**
 * The chain as a node would have it that was never killed: the same parts over a database that never fails. Every block
 * that a node executed is executed here once more, in a fresh executor and from genesis on; nothing that a node computed
 * is used.
 */
import { RuleError } from '../../base/errors.ts';
import type { Hash } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { hashHeader } from '../../chain/header.ts';
import type { ChainParams } from '../../chain/params.ts';
import type { Facts } from '../../chain/tree.ts';
import type { AnyEngine } from '../../consensus/engine.ts';
import { Executor } from '../../execution/executor.ts';
import { checkBody } from '../../node/inbox.ts';
import type { GenesisState } from '../../storage/chain-rows.ts';
import { ChainStore } from '../../storage/chain-store.ts';
import { MemoryDatabase } from '../../storage/memory.ts';
import { STANDING_STILL } from './timed-executor.ts';

export class Twin {
  readonly store: ChainStore;
  readonly #params: ChainParams;
  readonly #engine: AnyEngine;

  private constructor(store: ChainStore, params: ChainParams, engine: AnyEngine) {
    this.store = store;
    this.#params = params;
    this.#engine = engine;
  }

  static async open(params: ChainParams, engine: AnyEngine, genesis: GenesisState): Promise<Twin> {
    return new Twin(await ChainStore.open(new MemoryDatabase(), genesis, { now: STANDING_STILL }), params, engine);
  }

  /** Null for a valid block, else why it is not; undefined when its parent was never seen. */
  async replay(block: Block, facts: Facts): Promise<RuleError | null | undefined> {
    const { store } = this;
    const { view } = store;
    const hash = hashHeader(block.header);
    if (view.status(hash) === 'executed') return null;
    const parent = view.get(block.header.parentHash);
    if (parent === undefined) return undefined;
    try {
      checkBody(block);
      store.insert(block, facts);
      if (view.status(parent.hash) !== 'executed') throw new RuleError('block/parent', 'The parent of the block is invalid.');
      const executor = new Executor(this.#params, store.state, this.#engine, view, { now: STANDING_STILL, offload: false });
      store.executed(hash, await executor.execute(block, parent.header));
      return null;
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      if (view.status(hash) === 'stored') store.invalid(hash);
      return error;
    }
  }

  /** Moves to the head of another chain. False when this twin has never seen it valid. */
  async follow(hash: Hash): Promise<boolean> {
    const { view } = this.store;
    if (view.status(hash) !== 'executed') return false;
    if (view.head.hash !== hash) await this.store.setHead(hash);
    return true;
  }
}
