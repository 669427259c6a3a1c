/**
 * Lets the event loop run during long work: execution is one long chain of promises, which by themselves never let a
 * timer or a socket in.
 */
import { setImmediate } from 'node:timers/promises';

/**
 * Long enough to cost nothing, short enough that what others wait for is not held up by it: a member's word that a block is on
 * its disk comes while it executes the block.
 */
const TURN_MS = 5;

/** Monotonic milliseconds. */
export type Now = () => number;

export const systemNow: Now = () => performance.now();

export class Pacer {
  readonly #now: Now;
  #turnStartMs: number;

  /** A clock that stands still (virtual time, while a simulation works) is never due. */
  constructor(now: Now = systemNow) {
    this.#now = now;
    this.#turnStartMs = now();
  }

  /** True when it is time to `rest`. Cheap enough for inner loops. */
  get due(): boolean {
    return this.#now() - this.#turnStartMs >= TURN_MS;
  }

  async rest(): Promise<void> {
    await setImmediate();
    this.#turnStartMs = this.#now();
  }
}

/** Work in small steps, resting in between when it is time. */
export async function paced<Result>(steps: Generator<void, Result>, pacer: Pacer): Promise<Result> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (pacer.due) await pacer.rest();
  }
}

/** The same work at once. */
export function drain<Result>(steps: Generator<void, Result>): Result {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
