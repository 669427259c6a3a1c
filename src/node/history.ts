/**
 * The last hour of what only passing moments show (blocks do not tell how far finality was behind, how fast somebody mined, who voted in
 * time): for pages that are opened later. In memory and bounded; a start begins anew.
 */
import type { History, Moment } from '../rpc/backend.ts';
import type { ClockPort } from './ports.ts';

export const INTERVAL_MS = 5_000;
/** An hour. */
export const MAX_MOMENTS = 720;

/** What is looked at; `participation` may take a while, and is null where nobody counts votes. */
export interface Sights {
  now(): Omit<Moment, 'timeMs' | 'participation'>;
  participation(): Promise<number | null>;
}

export class HistoryKeeper implements History {
  readonly intervalMs = INTERVAL_MS;
  readonly #moments: Moment[] = [];
  readonly #clock: ClockPort;
  readonly #sights: Sights;
  #timer: unknown;
  #isStopped = false;

  constructor(clock: ClockPort, sights: Sights) {
    this.#clock = clock;
    this.#sights = sights;
    this.#wait();
  }

  /** Oldest first. */
  get moments(): readonly Moment[] {
    return this.#moments;
  }

  stop(): void {
    this.#isStopped = true;
    this.#clock.cancelTimer(this.#timer);
  }

  #wait(): void {
    this.#timer = this.#clock.setTimer(INTERVAL_MS, () => void this.#look());
  }

  async #look(): Promise<void> {
    const participation = await this.#sights.participation().catch(() => null);
    if (this.#isStopped) return;
    this.#moments.push({ timeMs: Math.round(this.#clock.wallMs()), ...this.#sights.now(), participation });
    if (this.#moments.length > MAX_MOMENTS) this.#moments.shift();
    this.#wait();
  }
}
