/** What the log says of new heads: each block while the node is level with its peers, a summary now and then while it catches up. */
import type { HeadChange } from '../storage/chain-store.ts';
import type { Progress } from '../sync/types.ts';
import type { Logger } from './logger.ts';

const SUMMARY_INTERVAL_MS = 2_000;
/** Blocks that come faster than this are summed up. */
const EACH_INTERVAL_MS = 100;
/** A peer that is a block or two ahead is everyday life. */
const NOTABLE_GAP = 8;

export class ImportLog {
  readonly #logger: Logger;
  #lastMs = Number.NEGATIVE_INFINITY;
  #summaryMs = Number.NEGATIVE_INFINITY;
  #blocks = 0;
  #phase: Progress['phase'] = 'idle';
  #syncMs = Number.NEGATIVE_INFINITY;
  #reorgs = { count: 0, deepest: 0, last: 0, dropped: 0 };

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** What sync is doing: each phase as it begins, and its progress now and then. */
  sync({ phase, current, target }: Progress, nowMs: number): void {
    const isNews = phase !== this.#phase || nowMs - this.#syncMs >= SUMMARY_INTERVAL_MS;
    const isWork = phase !== 'idle' && target - current >= NOTABLE_GAP;
    if (isNews && isWork) {
      this.#syncMs = nowMs;
      this.#logger.info({ phase, current, target, left: target - current }, 'Synchronising');
    }
    this.#phase = phase;
  }

  /** Since this process started: how many, the depth of the deepest and of the last in blocks that were left, and all of these. */
  get reorgs(): { readonly count: number; readonly deepest: number; readonly last: number; readonly dropped: number } {
    return this.#reorgs;
  }

  head({ removed, added, newHead }: HeadChange, nowMs: number): void {
    const { number } = newHead.header;
    if (removed.length > 0) {
      const { count, deepest, dropped } = this.#reorgs;
      const last = removed.length;
      this.#reorgs = { count: count + 1, deepest: Math.max(deepest, last), last, dropped: dropped + last };
      this.#logger.warn({ number, hash: newHead.hash, dropped: removed.length, added: added.length }, 'Chain reorganised');
      return;
    }
    this.#blocks += added.length;
    const hurried = nowMs - this.#lastMs < EACH_INTERVAL_MS;
    this.#lastMs = nowMs;
    if (hurried && nowMs - this.#summaryMs < SUMMARY_INTERVAL_MS) return;
    this.#summaryMs = nowMs;
    this.#logger.info({ number, hash: newHead.hash, blocks: this.#blocks, gas: newHead.header.gasUsed.toString() }, 'Imported block');
    this.#blocks = 0;
  }
}
