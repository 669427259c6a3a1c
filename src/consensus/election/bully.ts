/**
 * The highest place that is up leads. Source: Hector Garcia-Molina, "Elections in a Distributed Computing System" (1982), the
 * Bully algorithm: ask those above; if none answers, tell those below; whoever is asked from below answers and asks in turn;
 * whoever comes back, and sees somebody below lead, holds an election.
 *
 * The paper assumes that messages are never lost and that a node which is up answers in time; with these, one member is
 * chosen. Here neither holds, so every phase has an end, after which the election is held again, and what is chosen is
 * only advice (elector.ts).
 */
import type { ElectionMessage, ElectionTurn, Elector } from './elector.ts';

/** Of `patienceMs`: those above have so long to answer. */
const ANSWER_PATIENCES = 1;
/** And whoever answered, or was announced, has so long to be heard as the leader. */
const VICTORY_PATIENCES = 3;

type Phase = 'idle' | 'asked' | 'waiting';

export class BullyElector implements Elector {
  readonly needsHeartbeats = true;
  /** 'asked': those above were asked. 'waiting': somebody should lead soon, perhaps this member. */
  #phase: Phase = 'idle';
  #untilMs = 0;

  tick(turn: ElectionTurn): void {
    const { leader, place, nowMs } = turn;
    if (leader !== null && leader >= place) {
      this.#phase = 'idle';
      return;
    }
    if (this.#phase !== 'idle' && nowMs < this.#untilMs) return;
    if (this.#phase === 'asked') this.#win(turn);
    else this.#ask(turn);
  }

  receive(turn: ElectionTurn, from: number, { word }: ElectionMessage): void {
    const isAbove = from > turn.place;
    if (word === 'election' && !isAbove) {
      turn.send(from, { word: 'answer', candidate: turn.place });
      // A member that leads has been heard of by now, or will be.
      if (this.#phase === 'idle' && turn.leader !== turn.place) this.#ask(turn);
    } else if (word === 'answer' && isAbove && this.#phase === 'asked') this.#wait(turn);
    else if (word === 'coordinator' && isAbove) this.#wait(turn);
    else if (word === 'coordinator' && this.#phase === 'idle') this.#ask(turn);
  }

  yield(turn: Pick<ElectionTurn, 'nowMs' | 'patienceMs'>): void {
    this.#wait(turn);
  }

  /** Whoever is above and up holds an election when it sees somebody below lead, and wins. */
  keeps({ place: own, size, suspects }: Pick<ElectionTurn, 'place' | 'size' | 'suspects'>, place: number): boolean {
    for (let above = place + 1; above < size; above++) if (above === own || !suspects(above)) return false;
    return true;
  }

  #ask(turn: ElectionTurn): void {
    const { place, size, nowMs, patienceMs } = turn;
    if (place === size - 1) return this.#win(turn);
    this.#phase = 'asked';
    this.#untilMs = nowMs + ANSWER_PATIENCES * patienceMs;
    for (let above = place + 1; above < size; above++) turn.send(above, { word: 'election', candidate: place });
  }

  #win(turn: ElectionTurn): void {
    const { place } = turn;
    this.#wait(turn);
    for (let below = 0; below < place; below++) turn.send(below, { word: 'coordinator', candidate: place });
    turn.lead();
  }

  #wait({ nowMs, patienceMs }: Pick<ElectionTurn, 'nowMs' | 'patienceMs'>): void {
    this.#phase = 'waiting';
    this.#untilMs = nowMs + VICTORY_PATIENCES * patienceMs;
  }
}
