/**
 * Virtual time: a clock that jumps from event to event, and the seed from which everything is drawn. Time is in integer
 * microseconds; events of the same time happen in the order in which they were scheduled. Nothing here knows of nodes.
 *
 * Each purpose has its own random stream (`stream`), so that one more draw in one place changes nothing in all others.
 */
import { assert } from '../base/assert.ts';
import { InternalError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import { EventQueue, type Scheduled } from './event-queue.ts';
import { Trace, type TraceSink } from './trace.ts';

export const US_PER_MS = 1_000;
/** More events than this in one microsecond: something answers itself without end. */
export const MAX_EVENTS_WITHOUT_TIME = 50_000;
/** What may be due at once; an engine that sets timers without end meets this. */
export const MAX_SCHEDULED = 2_000_000;

export class World {
  readonly trace: Trace;
  readonly #random: Random;
  readonly #queue = new EventQueue();
  #nowUs = 0;
  #events = 0;
  #eventsNow = 0;

  constructor(seed: string | number, sink: TraceSink | null = null) {
    this.#random = new Random(seed);
    this.trace = new Trace(sink);
  }

  get nowUs(): number {
    return this.#nowUs;
  }

  get nowMs(): number {
    return this.#nowUs / US_PER_MS;
  }

  /** Events so far. */
  get events(): number {
    return this.#events;
  }

  stream(purpose: string): Random {
    return this.#random.stream(purpose);
  }

  /** Calls `action` after so many microseconds (rounded up to a whole one; at least 0). */
  after(delayUs: number, action: () => void): Scheduled {
    assert(delayUs >= 0 && Number.isFinite(delayUs), () => `an event is due now or later, not in ${delayUs} us`);
    assert(this.#queue.size < MAX_SCHEDULED, () => `at most ${MAX_SCHEDULED} events wait`);
    return this.#queue.push(this.#nowUs + Math.ceil(delayUs), action);
  }

  cancel(event: Scheduled): void {
    event.action = null;
  }

  /** Lets the next event happen. False when nothing is due by `untilUs`: then it is that time. Throws `simulator/no-progress`. */
  step(untilUs: number): boolean {
    const next = this.#queue.pop(untilUs);
    if (next === undefined) {
      this.#nowUs = Math.max(this.#nowUs, untilUs);
      return false;
    }
    this.#eventsNow = next.atUs > this.#nowUs ? 0 : this.#eventsNow + 1;
    if (this.#eventsNow > MAX_EVENTS_WITHOUT_TIME) {
      const message = `${MAX_EVENTS_WITHOUT_TIME} events happened at ${this.nowMs} ms and time does not move on: something answers itself without end.`;
      throw new InternalError('simulator/no-progress', message, { atMs: this.nowMs });
    }
    this.#nowUs = next.atUs;
    this.#events++;
    const { action } = next;
    next.action = null;
    action?.();
    return true;
  }
}
