/**
 * Real asynchronous work in virtual time. The node's own parts answer by promises; a world is deterministic only if none of
 * them is under way when its next event happens. So virtual time stands still while there is work: the run loop calls
 * `settle` between two events, whenever the one before has touched anything asynchronous.
 *
 * What waits for virtual time itself (a disk, an execution that takes its time) is no work: it goes on by an event.
 */
import { setImmediate } from 'node:timers/promises';
import { InternalError } from '../../base/errors.ts';

/** Turns of Node's event loop; real work takes a few, and what needs more than this has lost its way. */
const MAX_TURNS = 100_000;

export class AsyncWork {
  #isTouched = false;
  #underWay = 0;

  /** Whether `settle` has to be called before the next event. */
  get isDue(): boolean {
    return this.#isTouched;
  }

  /** To be called by every event that calls or resolves something asynchronous. */
  touch(): void {
    this.#isTouched = true;
  }

  /** For work that may need more than promises (threads, files). It begins after the event that asks for it. */
  async track<T>(work: () => Promise<T>): Promise<T> {
    this.#isTouched = true;
    this.#underWay++;
    try {
      await null;
      return await work();
    } finally {
      this.#underWay--;
    }
  }

  /** Resolves when nothing goes on. One turn of the event loop comes after every promise that could be carried on. */
  async settle(): Promise<void> {
    if (!this.#isTouched) return;
    this.#isTouched = false;
    let turns = 0;
    do {
      await setImmediate();
      if (++turns > MAX_TURNS) {
        throw new InternalError('simulator/never-settles', `Asynchronous work has not ended after ${MAX_TURNS} turns of the event loop.`);
      }
    } while (this.#underWay > 0);
  }
}
