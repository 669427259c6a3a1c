/** Elections (Ongaro's dissertation, sections 3.4, 3.6.1, 4.2.3, 6.2, 9.6): who stands, who votes for whom, and who steps down. */
import { describe, expect, it } from 'vitest';
import type { NodeId } from '../../../src/base/types.ts';
import { isMoreUpToDate } from '../../../src/consensus/raft/election.ts';
import type { Campaign } from '../../../src/consensus/raft/messages.ts';
import { GENESIS } from '../../simulator/support.ts';
import { B, blocksOf, C, D, E, NODES, SELF, STRANGER } from '../members/world.ts';
import { placeOf, World } from './world.ts';

const EMPTY_LOG = { height: 0, term: 0 };
const ask = (world: World, from: NodeId, term: number, campaign: Campaign = 'vote', last = EMPTY_LOG) =>
  world.receive(from, { type: 'requestVote', term, campaign, last });
const answers = (world: World) => world.take('vote').map(({ to, message: { term, granted } }) => [to, term, granted]);
const heartbeat = (world: World, from: NodeId, term: number) =>
  world.receive(from, { type: 'append', term, prev: placeOf(GENESIS.block), block: null, commit: 0, round: 1 });

describe('a node that hears no leader', () => {
  it('asks first whether others hear none either, in no new term', () => {
    const world = new World();
    expect(world.timers.get('election')).toBe(1_500);
    world.fire('election');
    expect(world.role).toBe('preCandidate');
    expect(world.state.term).toBe(0);
    expect(world.take('requestVote').map(({ to, message }) => [to, message.term, message.campaign])).toEqual(
      [B, C, D, E].map((to) => [to, 1, 'preVote']),
    );
  });

  it('stands when a quorum hears none, and votes for itself on disk before it asks', () => {
    const world = new World({ slowDisk: true });
    world.fire('election');
    world.take('requestVote');
    world.receive(B, { type: 'vote', term: 1, isPre: true, granted: true });
    expect(world.role).toBe('preCandidate');
    world.receive(C, { type: 'vote', term: 1, isPre: true, granted: true });
    expect(world.role).toBe('candidate');
    expect(world.state).toMatchObject({ term: 1, vote: SELF });
    expect(world.take('requestVote')).toEqual([]);
    world.flush();
    expect(world.take('requestVote').map(({ message }) => message.campaign)).toEqual(['vote', 'vote', 'vote', 'vote']);
  });

  it('leads when a quorum votes for it, and says so at once', () => {
    const world = new World();
    world.elect();
    expect(world.role).toBe('leader');
    expect(world.take('append').filter(({ message }) => message.block === null)).toHaveLength(4);
    expect(world.timers.has('election')).toBe(false);
  });

  it('gives up when a quorum refuses, and counts nobody twice', () => {
    const world = new World();
    world.fire('election');
    for (let i = 0; i < 3; i++) world.receive(B, { type: 'vote', term: 0, isPre: true, granted: false });
    expect(world.role).toBe('preCandidate');
    for (const from of [C, D]) world.receive(from, { type: 'vote', term: 0, isPre: true, granted: false });
    expect(world.role).toBe('follower');
  });

  it('gives up for a later term, and for a leader of its own', () => {
    const world = new World();
    world.fire('election');
    world.receive(B, { type: 'vote', term: 7, isPre: true, granted: false });
    expect([world.role, world.state.term]).toEqual(['follower', 7]);
    world.fire('election');
    heartbeat(world, C, 7);
    expect([world.role, world.state.leader]).toEqual(['follower', C]);
  });

  it('does not stand on a block that it computes differently', () => {
    const world = new World();
    const [block] = blocksOf(GENESIS.block, [1]);
    world.bad.add(placeOf(block as never).hash);
    world.receive(B, { type: 'append', term: 1, prev: placeOf(GENESIS.block), block: block as never, commit: 0, round: 1 });
    world.fire('election');
    expect(world.role).toBe('follower');
    expect(world.timers.has('election')).toBe(true);
  });

  it('is no candidate where it is no member', () => {
    const world = new World({ self: STRANGER });
    expect(world.timers.has('election')).toBe(false);
    world.fire('election');
    expect([world.role, world.take('requestVote')]).toEqual(['follower', []]);
  });
});

describe('a vote', () => {
  it('is given once in a term, again to who has it, and is on disk before', () => {
    const world = new World({ slowDisk: true });
    ask(world, B, 1);
    expect(answers(world)).toEqual([]);
    world.flush();
    expect(answers(world)).toEqual([[B, 1, true]]);
    ask(world, C, 1);
    ask(world, B, 1);
    expect(answers(world)).toEqual([
      [C, 1, false],
      [B, 1, true],
    ]);
  });

  it('is remembered by another life', () => {
    const world = new World();
    ask(world, B, 3);
    const next = world.restart();
    expect(next.state).toMatchObject({ term: 3, vote: B });
    ask(next, C, 3);
    expect(answers(next)).toEqual([[C, 3, false]]);
  });

  it('is not given for a term that is over: the answer names this one', () => {
    const world = new World();
    ask(world, B, 5);
    answers(world);
    ask(world, C, 4);
    ask(world, C, 4, 'preVote');
    expect(answers(world)).toEqual([
      [C, 5, false],
      [C, 5, false],
    ]);
  });

  it('is not given to a log that is less up to date', () => {
    const world = new World();
    const [block] = blocksOf(GENESIS.block, [2]);
    world.receive(B, { type: 'append', term: 2, prev: placeOf(GENESIS.block), block: block as never, commit: 0, round: 1 });
    world.nowMs += 5_000;
    ask(world, C, 3, 'vote', { height: 9, term: 1 });
    ask(world, C, 4, 'preVote', { height: 0, term: 0 });
    ask(world, D, 4, 'vote', { height: 1, term: 2 });
    expect(answers(world)).toEqual([
      [C, 3, false],
      [C, 3, false],
      [D, 4, true],
    ]);
  });

  it('is not even considered by who hears a leader, unless that leader wants it', () => {
    const world = new World();
    heartbeat(world, B, 2);
    world.nowMs += 900;
    ask(world, C, 9);
    ask(world, C, 9, 'preVote');
    expect(answers(world)).toEqual([]);
    expect(world.state.term).toBe(2);
    ask(world, C, 3, 'transfer');
    expect(answers(world)).toEqual([[C, 3, true]]);
  });

  it('of a pre-vote changes nothing', () => {
    const world = new World();
    ask(world, B, 1, 'preVote');
    ask(world, C, 1, 'preVote');
    expect(answers(world)).toEqual([
      [B, 1, true],
      [C, 1, true],
    ]);
    expect(world.state).toMatchObject({ term: 0, vote: null });
    expect(world.records).toEqual([]);
  });

  it.each([
    [{ term: 2, height: 1 }, { term: 1, height: 9 }, true],
    [{ term: 1, height: 9 }, { term: 2, height: 1 }, false],
    [{ term: 2, height: 3 }, { term: 2, height: 2 }, true],
    [{ term: 2, height: 2 }, { term: 2, height: 2 }, false],
  ])('compares the ends of logs: %j is more up to date than %j: %s', (a, b, expected) => {
    expect(isMoreUpToDate(a, b)).toBe(expected);
  });
});

describe('a leader', () => {
  it('steps down when no quorum has answered for an election time-out', () => {
    const world = new World();
    world.elect();
    world.take('append');
    const { term } = world.state;
    for (const from of [B, C]) world.receive(from, { type: 'ack', term, durable: 0, has: 0, round: 1 });
    world.fire('quorum');
    expect(world.role).toBe('leader');
    world.receive(B, { type: 'ack', term, durable: 0, has: 0, round: 2 });
    world.fire('quorum');
    expect([world.role, world.state.term]).toEqual(['follower', term]);
    expect(world.timers.has('heartbeat')).toBe(false);
    expect(world.traces.at(-1)).toMatchObject({ name: 'role' });
  });

  it('steps down for a later term', () => {
    const world = new World();
    world.elect();
    world.receive(C, { type: 'reject', term: 9, at: 0, hint: EMPTY_LOG, stored: 0, round: 0 });
    expect([world.role, world.state.term]).toEqual(['follower', 9]);
  });

  it('of a term that is over is told so, or it would be deaf to who is ahead (the deadlock of pre-votes)', () => {
    const world = new World();
    ask(world, B, 5);
    heartbeat(world, C, 4);
    expect(world.take('reject').map(({ to, message }) => [to, message.term])).toEqual([[C, 5]]);
    expect(world.state.leader).toBeNull();
  });

  it('is one in a term: another that claims it is blamed', () => {
    const world = new World();
    heartbeat(world, B, 2);
    heartbeat(world, C, 2);
    expect(world.offences).toEqual([{ from: C, code: 'raft/two-leaders' }]);
    expect(world.state.leader).toBe(B);
    const leader = new World();
    leader.elect();
    heartbeat(leader, C, leader.state.term);
    expect(leader.offences).toEqual([{ from: C, code: 'raft/two-leaders' }]);
    expect(leader.role).toBe('leader');
  });
});

describe('a message', () => {
  it('of a stranger is not listened to, and members are asked about it, now and then', () => {
    const world = new World();
    heartbeat(world, STRANGER, 2);
    expect(world.take('whoDecides').map(({ to }) => to)).toEqual([B, C, D, E]);
    world.receive(B, { type: 'deciders', nodes: NODES });
    heartbeat(world, STRANGER, 2);
    expect([world.state.term, world.offences, world.take('whoDecides'), world.take('reject')]).toEqual([0, [], [], []]);
    world.nowMs += 10_000;
    heartbeat(world, STRANGER, 2);
    expect(world.take('whoDecides')).toHaveLength(4);
  });

  it('of a stranger is listened to once a member has named it: it came while this node was away', () => {
    const world = new World();
    heartbeat(world, STRANGER, 2);
    world.receive(B, { type: 'deciders', nodes: [...NODES, STRANGER] });
    heartbeat(world, STRANGER, 2);
    expect([world.state.term, world.state.leader, world.offences]).toEqual([2, STRANGER, []]);
  });

  it('asks who decides, and is answered', () => {
    const world = new World();
    world.receive(B, { type: 'whoDecides' });
    expect(world.take('deciders')).toMatchObject([{ to: B, message: { nodes: NODES } }]);
    world.receive(STRANGER, { type: 'whoDecides' });
    expect(world.take('deciders')).toEqual([]);
  });

  it('of a term that leaps is an offence, and does not use up the terms', () => {
    const world = new World();
    ask(world, B, Number.MAX_SAFE_INTEGER);
    expect(world.offences).toEqual([{ from: B, code: 'raft/term-leap' }]);
    expect(world.state.term).toBe(0);
  });
});
