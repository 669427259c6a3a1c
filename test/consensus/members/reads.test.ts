/** Linearizable reads: what is waited for, what does not count, when the operator is told to try again, and the leader's rounds. */
import { describe, expect, it } from 'vitest';
import { ReadIndex } from '../../../src/consensus/members/read-index.ts';
import {
  beginRead,
  finishReads,
  heardOf,
  initReads,
  isOpen,
  type ReadId,
  type ReadPolicy,
  retryReads,
} from '../../../src/consensus/members/reads.ts';
import { B, C, SELF } from './world.ts';

/** Reads of a member, with what it asks and answers. */
function reading(place: number | null = 0) {
  const reads = initReads();
  reads.incarnation = 3;
  const asked: ReadId[] = [];
  const effects: { readonly type: string; readonly [name: string]: unknown }[] = [];
  const policy: ReadPolicy = { engine: 'test', againMs: 100, giveUpMs: 250, ask: (read) => void asked.push(read) };
  const turn = { nowMs: 0, place, effects };
  const replies = () => effects.filter(({ type }) => type === 'reply').map(({ result }) => result);
  return { reads, asked, effects, policy, turn, replies };
}

const FIRST: ReadId = { incarnation: 3, number: 1 };

describe('a read', () => {
  it('is answered when as many as are enough have answered, and the head on disk has come up to the highest', () => {
    const { reads, asked, policy, turn, replies } = reading();
    beginRead(turn, reads, policy, 7, { self: SELF, height: 2 });
    expect(asked).toEqual([FIRST]);
    heardOf(reads, FIRST, B, 5, 3);
    heardOf(reads, FIRST, B, 5, 3);
    finishReads(turn, reads, 9);
    expect(replies()).toEqual([]);
    heardOf(reads, FIRST, C, 4, 3);
    finishReads(turn, reads, 4);
    expect(replies()).toEqual([]);
    finishReads(turn, reads, 5);
    expect(replies()).toEqual([{ height: 5 }]);
    expect(isOpen(reads, FIRST)).toBe(false);
  });

  it('counts no answer to another read, or to one of an earlier life', () => {
    const { reads, policy, turn, replies } = reading();
    beginRead(turn, reads, policy, 7);
    heardOf(reads, { incarnation: 2, number: 1 }, B, 0, 1);
    heardOf(reads, { incarnation: 3, number: 2 }, B, 0, 1);
    finishReads(turn, reads, 9);
    expect(replies()).toEqual([]);
  });

  it('does not wait for more once it is confirmed, and asks no more', () => {
    const { reads, asked, policy, turn, replies } = reading();
    beginRead(turn, reads, policy, 7);
    heardOf(reads, FIRST, B, 3, 1);
    heardOf(reads, FIRST, C, 8, 1);
    retryReads({ ...turn, nowMs: 100 }, reads, policy);
    expect(asked).toHaveLength(1);
    finishReads(turn, reads, 3);
    expect(replies()).toEqual([{ height: 3 }]);
  });

  it('is asked again, and given up', () => {
    const { reads, asked, effects, policy, turn, replies } = reading();
    beginRead(turn, reads, policy, 7);
    for (const nowMs of [100, 200]) retryReads({ ...turn, nowMs }, reads, policy);
    expect(asked).toHaveLength(3);
    retryReads({ ...turn, nowMs: 300 }, reads, policy);
    expect(replies()).toEqual([expect.objectContaining({ code: 'test/read-timeout' })]);
    // One timer for each look, and none after the last read is gone.
    expect(effects.filter(({ type }) => type === 'setTimer')).toHaveLength(3);
  });

  it('is refused on a node that follows, and where too many wait', () => {
    const refused = expect.objectContaining({ code: 'test/read' });
    const follower = reading(null);
    expect(() => beginRead(follower.turn, follower.reads, follower.policy, 1)).toThrow(refused);
    const member = reading();
    for (let request = 1; request <= 256; request++) beginRead(member.turn, member.reads, member.policy, request);
    expect(() => beginRead(member.turn, member.reads, member.policy, 257)).toThrow(refused);
  });
});

describe('a leader’s read index', () => {
  it('answers with the height that was decided when the round began, once a quorum has answered that round', () => {
    const index = new ReadIndex();
    index.ask(B, FIRST);
    expect(index.begins(4, 10)).toBe(true);
    expect(index.answers(3)).toEqual([]);
    expect(index.answers(4)).toEqual([{ from: B, read: FIRST, height: 10 }]);
    expect(index.answers(5)).toEqual([]);
  });

  it('lets those that come during a round wait for the next', () => {
    const index = new ReadIndex();
    index.ask(B, FIRST);
    index.begins(4, 10);
    index.ask(C, FIRST);
    expect(index.begins(5, 11)).toBe(false);
    expect(index.answers(4).map(({ from }) => from)).toEqual([B]);
    expect(index.begins(6, 12)).toBe(true);
    expect(index.answers(6)).toEqual([{ from: C, read: FIRST, height: 12 }]);
  });

  it('forgets all when this node leads no more, and takes no more than it can keep', () => {
    const index = new ReadIndex();
    index.ask(B, FIRST);
    index.begins(4, 10);
    index.clear();
    expect(index.answers(9)).toEqual([]);
    for (let i = 0; i < 5_000; i++) index.ask(B, FIRST);
    index.begins(5, 10);
    expect(index.answers(5)).toHaveLength(4_096);
  });
});
