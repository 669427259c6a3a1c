/** A clock that can be set wrong while the node runs, for tests: the wall clock is off by so much, monotonic time goes on as it should. */
import type { ClockPort } from './ports.ts';

export class OffsetClock implements ClockPort {
  readonly #clock: ClockPort;
  offsetMs = 0;

  constructor(clock: ClockPort) {
    this.#clock = clock;
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  wallMs(): number {
    return this.#clock.wallMs() + this.offsetMs;
  }

  setTimer(delayMs: number, callback: () => void): unknown {
    return this.#clock.setTimer(delayMs, callback);
  }

  cancelTimer(handle: unknown): void {
    this.#clock.cancelTimer(handle);
  }
}
