/** Named timers over a clock: setting one again replaces it, and one that was cancelled or replaced never fires. */
import { assert } from '../base/assert.ts';
import type { ClockPort } from './ports.ts';

export class Timers {
  readonly #clock: ClockPort;
  readonly #maxTimers: number;
  readonly #handles = new Map<string, unknown>();
  readonly #fire: (id: string) => void;

  constructor(clock: ClockPort, maxTimers: number, fire: (id: string) => void) {
    this.#clock = clock;
    this.#maxTimers = maxTimers;
    this.#fire = fire;
  }

  set(id: string, delayMs: number): void {
    assert(Number.isFinite(delayMs) && delayMs >= 0, () => `timer ${id} has a delay of zero or more, not ${delayMs}`);
    const replaced = this.#handles.get(id);
    if (replaced !== undefined) this.#clock.cancelTimer(replaced);
    else assert(this.#handles.size < this.#maxTimers, () => `at most ${this.#maxTimers} timers`);
    const handle = this.#clock.setTimer(delayMs, () => {
      // A handle that is no longer the current one was cancelled or replaced after it had already run out.
      if (this.#handles.get(id) !== handle) return;
      this.#handles.delete(id);
      this.#fire(id);
    });
    this.#handles.set(id, handle);
  }

  cancel(id: string): void {
    const handle = this.#handles.get(id);
    if (handle === undefined) return;
    this.#handles.delete(id);
    this.#clock.cancelTimer(handle);
  }

  clear(): void {
    for (const id of [...this.#handles.keys()]) this.cancel(id);
  }
}
