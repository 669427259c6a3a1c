/** Fast leader election: which of two votes is better, when it is over, and what a node does that comes late. */
import { describe, expect, it } from 'vitest';
import type { NodeId } from '../../../src/base/types.ts';
import { compareCredentials } from '../../../src/consensus/zab/looking.ts';
import type { Vote } from '../../../src/consensus/zab/messages.ts';
import { B, C, D, E, SELF } from '../members/world.ts';
import { follow, World } from './world.ts';

const voteFor = (leader: NodeId, current = 0, epoch = 0, height = 0): Vote => ({
  leader,
  current,
  last: { epoch, height },
  isDesignated: false,
});
const says = (world: World, from: NodeId, vote: Vote, round = world.state.round) =>
  world.receive(from, { type: 'notification', round, status: 'looking', vote });

describe('of two candidates', () => {
  it('the one with the later current epoch has more, whatever its last block is', () => {
    const later = { current: 3, last: { epoch: 1, height: 2 } };
    const longer = { current: 2, last: { epoch: 2, height: 9 } };
    expect(compareCredentials(later, longer)).toBeGreaterThan(0);
  });

  it('the one with the later zxid has more, where both are of one epoch', () => {
    expect(
      compareCredentials({ current: 1, last: { epoch: 1, height: 3 } }, { current: 1, last: { epoch: 1, height: 2 } }),
    ).toBeGreaterThan(0);
    expect(
      compareCredentials({ current: 1, last: { epoch: 1, height: 2 } }, { current: 1, last: { epoch: 0, height: 8 } }),
    ).toBeGreaterThan(0);
  });
});

describe('a node that is looking', () => {
  it('votes for itself, and for a better one as soon as it hears of it', () => {
    const world = new World();
    expect(world.take('notification').map(({ message }) => message.vote.leader)).toEqual([SELF, SELF, SELF, SELF]);
    says(world, B, voteFor(C));
    expect(world.take('notification').map(({ message }) => message.vote.leader)).toEqual([C, C, C, C]);
    says(world, D, voteFor(B));
    expect(world.take('notification')).toEqual([]);
  });

  it('waits a little when a quorum agrees, and follows', () => {
    const world = new World();
    for (const from of [B, E]) says(world, from, voteFor(E));
    world.tick(2);
    expect(world.state.role.role).toBe('looking');
    world.tick();
    expect(world.state.role).toMatchObject({ role: 'following', leader: E, phase: 'discovery' });
    expect(world.take('followerInfo').map(({ to }) => to)).toEqual([E]);
  });

  it('does not wait when all agree, and leads where they agree on it', () => {
    const world = new World();
    for (const from of [B, C, D, E]) says(world, from, voteFor(SELF, 0, 0, 0));
    expect(world.state.role).toMatchObject({ role: 'leading', phase: 'discovery' });
  });

  it('begins anew in a later round, and tells those of an earlier one', () => {
    const world = new World();
    for (const from of [B, C]) says(world, from, voteFor(E));
    says(world, D, voteFor(B), 7);
    expect(world.state.round).toBe(7);
    world.tick(4);
    expect(world.state.role.role).toBe('looking');
    world.take('notification');
    says(world, C, voteFor(E), 6);
    expect(world.take('notification').map(({ to, message }) => [to, message.round, message.vote.leader])).toEqual([[C, 7, B]]);
  });

  it('joins who leads a quorum, but who only tries to lead with less it does not', () => {
    const world = new World();
    world.state.epochs.current = 1;
    world.receive(B, { type: 'notification', round: 1, status: 'leading', vote: voteFor(B) });
    expect(world.state.role.role).toBe('looking');
    follow(world);
    expect(world.state.role).toMatchObject({ role: 'following', leader: B });
  });

  it('tells another one who looks whom it follows', () => {
    const world = new World();
    follow(world);
    world.take('notification');
    says(world, D, voteFor(D));
    expect(world.take('notification').map(({ to, message }) => [to, message.status, message.vote.leader])).toEqual([[D, 'following', B]]);
  });
});
