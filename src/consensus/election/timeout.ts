/**
 * Whoever misses the leader for a random time calls itself. Source: Ongaro's dissertation, section 3.4 (the times are random
 * so that two seldom call at once, and never for long). No messages of its own.
 */
import type { ElectionTurn, Elector } from './elector.ts';

export class TimeoutElector implements Elector {
  readonly needsHeartbeats = false;
  /** When this member calls itself; null while somebody leads. */
  #atMs: number | null = null;

  tick(turn: ElectionTurn): void {
    const { leader, nowMs, patienceMs } = turn;
    if (leader !== null) this.#atMs = null;
    // That the leader is silent has taken its time already.
    else if (this.#atMs === null) this.#atMs = nowMs + turn.random() * patienceMs;
    else if (nowMs >= this.#atMs) {
      this.yield(turn);
      turn.lead();
    }
  }

  receive(): void {
    // Each member waits for its own time-out: nobody sends a message of this elector.
  }

  /** Nobody calls itself while somebody leads. */
  keeps(): boolean {
    return true;
  }

  yield({ nowMs, patienceMs, random }: Pick<ElectionTurn, 'nowMs' | 'patienceMs' | 'random'>): void {
    this.#atMs = nowMs + (1 + random()) * patienceMs;
  }
}
