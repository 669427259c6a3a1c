/**
 * A node's own idea of time. Its monotonic clock may run at another rate than the world's (crystals differ, and a host that
 * is short of time slows its guests), its wall clock may be wrong besides. Both come from one oscillator: while the rate is
 * wrong, the wall clock drifts as well, until it is set right at the end.
 */
import type { ClockPort } from '../node/ports.ts';
import type { Scheduled } from './event-queue.ts';
import { US_PER_MS, type World } from './world.ts';

/** Fewer that are over are not worth looking for. */
const TIDY_TIMERS = 16;

interface Timer {
  /** By this clock. */
  readonly dueUs: number;
  readonly callback: () => void;
  scheduled: Scheduled;
}

export class NodeClock implements ClockPort {
  /** What the wall clock is wrong by, apart from any drift. */
  offsetMs = 0;
  readonly #world: World;
  /** What the world's clock shows at its beginning, in milliseconds since 1970. */
  readonly #beginMs: number;
  /** In the order in which they were set, with some that are over: `#tidy` takes them out now and then. */
  #timers: Timer[] = [];
  #live = 0;
  #rate = 1;
  /** Of this clock and of the world's, when the rate last changed. */
  #localUs = 0;
  #changedUs = 0;
  /** By how much this clock was ahead when the wall clock was last set right. */
  #forgivenUs = 0;

  constructor(world: World, beginMs: number) {
    this.#world = world;
    this.#beginMs = beginMs;
  }

  nowMs(): number {
    return this.#nowUs() / US_PER_MS;
  }

  wallMs(): number {
    return Math.floor(this.#beginMs + (this.#nowUs() - this.#forgivenUs) / US_PER_MS + this.offsetMs);
  }

  setTimer(delayMs: number, callback: () => void): unknown {
    const dueUs = this.#nowUs() + delayMs * US_PER_MS;
    const timer: Timer = { dueUs, callback, scheduled: this.#schedule(dueUs, () => this.#fire(timer)) };
    this.#timers.push(timer);
    this.#live++;
    return timer;
  }

  cancelTimer(handle: unknown): void {
    const timer = handle as Timer;
    if (isOver(timer)) return;
    this.#world.cancel(timer.scheduled);
    this.#tidy();
  }

  /** From now on a second of the world counts as so many seconds here. Timers follow; at 1 the wall clock is set right. */
  setRate(rate: number): void {
    if (rate === this.#rate) return;
    this.#localUs = this.#nowUs();
    this.#changedUs = this.#world.nowUs;
    this.#rate = rate;
    if (rate === 1) this.#forgivenUs = this.#localUs - this.#changedUs;
    for (const timer of this.#timers) {
      if (isOver(timer)) continue;
      this.#world.cancel(timer.scheduled);
      timer.scheduled = this.#schedule(timer.dueUs, () => this.#fire(timer));
    }
  }

  #nowUs(): number {
    return this.#localUs + (this.#world.nowUs - this.#changedUs) * this.#rate;
  }

  #schedule(dueUs: number, action: () => void): Scheduled {
    return this.#world.after(Math.max(0, dueUs - this.#nowUs()) / this.#rate, action);
  }

  #fire(timer: Timer): void {
    this.#tidy();
    timer.callback();
  }

  /** Once half of the list and more is over. A set that forgets each at once makes its table anew every few timers. */
  #tidy(): void {
    this.#live--;
    if (this.#timers.length > 2 * this.#live + TIDY_TIMERS) this.#timers = this.#timers.filter((timer) => !isOver(timer));
  }
}

/** It fired, or was cancelled. */
function isOver({ scheduled }: Timer): boolean {
  return scheduled.action === null;
}
