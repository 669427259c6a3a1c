/**
 * Long work on the event loop takes a breath: after a slice of time it lets everything else that waits have its turn.
 * Without it a log query over thousands of blocks would hold up gossip, mining and every other client.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

const SLICE_MS = 8;

export class Breather {
  #sliceStartMs = performance.now();

  /** Call it once for each small piece of work. */
  async breathe(): Promise<void> {
    if (performance.now() - this.#sliceStartMs < SLICE_MS) return;
    await nextTurn();
    this.#sliceStartMs = performance.now();
  }
}
