/**
 * The node's executor in virtual time: the work is done at once, while time stands still, and its result comes as late as
 * the world wants it. No threads, and no clock but the world's.
 */
import type { Block } from '../../chain/block.ts';
import type { Header } from '../../chain/header.ts';
import type { ChainParams } from '../../chain/params.ts';
import type { AnyEngine, BuildFields } from '../../consensus/engine.ts';
import { type BuildOptions, type CandidatePool, Executor } from '../../execution/executor.ts';
import type { ExecutedBlock, Execution } from '../../execution/types.ts';
import type { ChainStore } from '../../storage/chain-store.ts';
import type { AsyncWork } from './async-work.ts';

export interface ExecutorTime {
  readonly work: AsyncWork;
  /** Calls back while the node lives. */
  readonly after: (delayUs: number, action: () => void) => void;
  readonly executionUs: () => number;
}

/** Virtual time stands still while the executor works, so no build runs out of it and nothing pauses. */
export const STANDING_STILL = () => 0;

export class TimedExecutor extends Executor {
  readonly #time: ExecutorTime;

  constructor(params: ChainParams, store: ChainStore, engine: AnyEngine, time: ExecutorTime) {
    super(params, store.state, engine, store.view, { now: STANDING_STILL, offload: false });
    this.#time = time;
  }

  override execute(block: Block, parent: Header): Promise<Execution> {
    return this.#timed(() => super.execute(block, parent));
  }

  override build(parent: Header, fields: BuildFields, pool: CandidatePool, options: BuildOptions): Promise<ExecutedBlock> {
    return this.#timed(() => super.build(parent, fields, pool, options));
  }

  /** A failure takes as long as a success. */
  async #timed<T>(compute: () => Promise<T>): Promise<T> {
    const { work, after, executionUs } = this.#time;
    try {
      return await work.track(compute);
    } finally {
      await new Promise<void>((resolve) => {
        after(executionUs(), () => {
          work.touch();
          resolve();
        });
      });
    }
  }
}
