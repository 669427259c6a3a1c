/**
 * Ballots: numbers of attempts to lead, of which no two members have the same one. A ballot is a round and the place of the
 * member whose it is (Paxos Made Moderately Complex, section 2: lexicographic order), packed into one integer, which is what
 * a block's nonce has as well. 0 is before all ballots.
 */
import { assert } from '../../base/assert.ts';
import { MAX_MEMBERS } from '../votes.ts';

/** More than there are places. */
const SPAN = MAX_MEMBERS + 1;
/** So that ballots are safe integers. */
const MAX_ROUND = Math.floor(Number.MAX_SAFE_INTEGER / SPAN) - 1;
/** No honest network has so many ballots while one node is away; one that leaps further would use up all rounds. */
const MAX_ROUND_LEAP = 2 ** 32;

export function roundOfBallot(ballot: number): number {
  return Math.floor(ballot / SPAN);
}

export function placeOfBallot(ballot: number): number {
  return ballot % SPAN;
}

/** The first ballot of this member that comes after all of that round. */
export function nextBallot(seen: number, place: number): number {
  const round = roundOfBallot(seen) + 1;
  assert(round <= MAX_ROUND, 'rounds are not used up');
  return round * SPAN + place;
}

export function isLeap(seen: number, ballot: number): boolean {
  return roundOfBallot(ballot) > Math.min(roundOfBallot(seen) + MAX_ROUND_LEAP, MAX_ROUND);
}
