/**
 * Ballots: numbers of attempts to lead, of which no two members have the same one. A ballot is a round and the place of the
 * member whose it is (Paxos Made Moderately Complex, section 2: lexicographic order), packed into one integer, which is what
 * a block's nonce has as well. 0 is before all ballots.
 */
import { assert } from '../../base/assert.ts';
import { RuleError } from '../../base/errors.ts';
import { checkLeap } from '../members/leaps.ts';
import { MAX_MEMBERS } from '../votes.ts';

/** More than there are places. */
const SPAN = MAX_MEMBERS + 1;
/** So that ballots are safe integers. */
const MAX_ROUND = Math.floor(Number.MAX_SAFE_INTEGER / SPAN) - 1;

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

/** Throws RuleError `paxos/ballot-leap` for a ballot that is too far ahead, or near the end of all. */
export function checkBallot(seen: number, ballot: number): void {
  const round = roundOfBallot(ballot);
  checkLeap('paxos/ballot-leap', 'the round', roundOfBallot(seen), round);
  if (round <= MAX_ROUND) return;
  throw new RuleError('paxos/ballot-leap', `A message names the round ${round}; expected at most ${MAX_ROUND}.`, { ballot });
}
