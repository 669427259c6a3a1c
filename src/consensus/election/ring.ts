/**
 * The highest place that a message around the ring meets leads. Source: Ernest Chang and Rosemary Roberts, "An Improved
 * Algorithm for Decentralized Extrema-Finding in Circular Configurations of Processes" (1979): a message that carries a
 * candidate goes around; whoever is higher puts itself in its place or, if it has sent one already, stops it; a member that
 * meets itself is chosen, and says so around the ring.
 *
 * The paper's ring is whole and loses nothing. Here members that seem to be down are left out, a message that is lost is
 * sent again after a while, and what is chosen is only advice (elector.ts). A member that leads stops the search.
 */
import type { ElectionMessage, ElectionTurn, Elector } from './elector.ts';

/** Of `patienceMs`: a search is repeated after so long, and a random part of it more; a chosen member has so long to lead. */
const SEARCH_PATIENCES = 2;
const VICTORY_PATIENCES = 3;

export class RingElector implements Elector {
  readonly needsHeartbeats = true;
  /** It has sent, or passed on, a candidate. */
  #takesPart = false;
  /** Until then the search, or the one who was chosen, is waited for. */
  #untilMs = 0;

  tick(turn: ElectionTurn): void {
    const { leader, nowMs, place } = turn;
    if (leader !== null) this.#takesPart = false;
    else if (nowMs >= this.#untilMs) this.#search(turn, place);
  }

  receive(turn: ElectionTurn, _from: number, { word, candidate }: ElectionMessage): void {
    const { place, leader } = turn;
    if (word === 'coordinator') return this.#chosen(turn, candidate);
    if (word !== 'election') return;
    if (leader === place) this.#announce(turn, place);
    else if (candidate === place) this.#win(turn);
    else if (candidate > place) this.#search(turn, candidate);
    else if (!this.#takesPart) this.#search(turn, place);
  }

  yield({ nowMs, patienceMs, random }: Pick<ElectionTurn, 'nowMs' | 'patienceMs' | 'random'>): void {
    this.#takesPart = false;
    // Random, so that not all of them search at the same moment when nothing came of it.
    this.#untilMs = nowMs + (VICTORY_PATIENCES + random()) * patienceMs;
  }

  /** Nobody searches while somebody leads. */
  keeps(): boolean {
    return true;
  }

  #search(turn: ElectionTurn, candidate: number): void {
    this.#takesPart = true;
    this.#untilMs = turn.nowMs + (SEARCH_PATIENCES + turn.random()) * turn.patienceMs;
    const next = nextOf(turn);
    if (next === turn.place) return this.#win(turn);
    // A candidate that is down now would go around for ever.
    const isLost = candidate !== turn.place && passesOver(turn, next, candidate);
    turn.send(next, { word: 'election', candidate: isLost ? turn.place : candidate });
  }

  #win(turn: ElectionTurn): void {
    this.yield(turn);
    this.#announce(turn, turn.place);
    turn.lead();
  }

  /** It goes around until it comes back to whom it names. */
  #chosen(turn: ElectionTurn, candidate: number): void {
    if (candidate === turn.place) return;
    this.yield(turn);
    this.#announce(turn, candidate);
  }

  #announce(turn: ElectionTurn, candidate: number): void {
    const next = nextOf(turn);
    const isEnd = candidate !== turn.place && passesOver(turn, next, candidate);
    if (next !== turn.place && !isEnd) turn.send(next, { word: 'coordinator', candidate });
  }
}

/** Whether `candidate` lies between this member and the next one that seems to be up. */
function passesOver({ place, size }: ElectionTurn, next: number, candidate: number): boolean {
  return (candidate - place + size) % size < (next - place + size) % size;
}

/** The next place on the ring whose member seems to be up; its own where all others seem to be down. */
function nextOf({ place, size, suspects }: ElectionTurn): number {
  for (let step = 1; step < size; step++) {
    const next = (place + step) % size;
    if (!suspects(next)) return next;
  }
  return place;
}
