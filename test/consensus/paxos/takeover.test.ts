/** What a new leader proposes, from what a majority has accepted. */
import { describe, expect, it } from 'vitest';
import { Hash } from '../../../src/base/types.ts';
import { chooseChain, type Report } from '../../../src/consensus/paxos/takeover.ts';

const hash = (name: number): Hash => Hash(`0x${name.toString(16).padStart(64, '0')}`);
const START = { height: 7, hash: hash(7) };

/** What was accepted from the slot above `below` on: names of blocks and their ballots. */
function report(below: { height: number; hash: Hash }, ...votes: readonly (readonly [name: number, ballot: number])[]): Report {
  return { from: null, below, votes: votes.map(([name, ballot]) => ({ hash: hash(name), ballot })) };
}

const namesOf = (reports: readonly Report[]) => chooseChain(START, reports).choices.map(({ hash: each }) => Number(each));

describe('what is taken over', () => {
  it('is nothing where nothing was accepted', () => {
    expect(chooseChain(START, [report(START), report(START)])).toEqual({ choices: [], hasGap: false });
  });

  it('is the longest chain of one ballot, whoever has it', () => {
    expect(namesOf([report(START, [8, 1]), report(START, [8, 1], [9, 1], [10, 1])])).toEqual([8, 9, 10]);
  });

  it('is in each slot the value of the highest ballot', () => {
    const reports = [report(START, [80, 1], [90, 1]), report(START, [81, 3]), report(START, [82, 2])];
    expect(namesOf(reports)).toEqual([81]);
  });

  it('goes on with values of lower ballots that follow from it', () => {
    expect(namesOf([report(START, [8, 4], [9, 1]), report(START, [8, 1], [9, 1], [10, 1])])).toEqual([8, 9, 10]);
  });

  it('ends where the highest value does not follow from what is below, and says so', () => {
    const { choices, hasGap } = chooseChain(START, [report(START, [80, 1], [90, 1]), report(START, [81, 3])]);
    expect(choices.map(({ hash: each, ballot }) => [Number(each), ballot])).toEqual([[81, 3]]);
    expect(hasGap).toBe(true);
  });

  it('leaves out what was accepted on another block than the decided one', () => {
    const lost = report({ height: 7, hash: hash(70) }, [80, 5]);
    expect(chooseChain(START, [lost, report(START)])).toEqual({ choices: [], hasGap: true });
  });

  it('begins above what is decided, wherever a report begins', () => {
    const early = report({ height: 5, hash: hash(5) }, [6, 1], [7, 1], [8, 1]);
    expect(namesOf([early, report({ height: 9, hash: hash(9) })])).toEqual([8]);
  });
});
