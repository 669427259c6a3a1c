/** Ballots: ordered by round, and of one member each. */
import { describe, expect, it } from 'vitest';
import { checkBallot, nextBallot, placeOfBallot, roundOfBallot } from '../../../src/consensus/paxos/ballots.ts';

describe('ballots', () => {
  it('of two members are never the same, and of one ascend', () => {
    const all = [0, 1, 2, 254].flatMap((place) => [nextBallot(0, place), nextBallot(nextBallot(0, 2), place)]);
    expect(new Set(all).size).toBe(all.length);
    for (const place of [0, 1, 254]) expect(nextBallot(nextBallot(0, 254), place)).toBeGreaterThan(nextBallot(0, 254));
  });

  it('say whose they are', () => {
    const ballot = nextBallot(nextBallot(0, 1), 7);
    expect([roundOfBallot(ballot), placeOfBallot(ballot)]).toEqual([2, 7]);
  });

  it('leap when somebody would use up all rounds', () => {
    expect(() => checkBallot(0, nextBallot(0, 3))).not.toThrow();
    const leap = expect.objectContaining({ code: 'paxos/ballot-leap' });
    expect(() => checkBallot(0, Number.MAX_SAFE_INTEGER)).toThrow(leap);
    expect(() => checkBallot(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)).toThrow(leap);
  });
});
