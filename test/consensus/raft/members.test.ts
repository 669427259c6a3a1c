/** Changes of members (Ongaro's dissertation, sections 4.2 and 4.3): one step after another, and who decides on each. */
import { describe, expect, it } from 'vitest';
import type { NodeId } from '../../../src/base/types.ts';
import type { Block } from '../../../src/chain/block.ts';
import { encodeChange, learning, promoting, settling } from '../../../src/consensus/members/changes.ts';
import type { Membership } from '../../../src/consensus/members/membership.ts';
import { TAG_KEYS } from '../../../src/simulator/tags.ts';
import { GENESIS } from '../../simulator/support.ts';
import { B, blockOf, C, D, E, NODES, SELF, STRANGER } from '../members/world.ts';
import { changeBlock, placeOf, World } from './world.ts';

const THREE = [SELF, B, C];
const keyOf = (node: NodeId) => TAG_KEYS.signer(NODES.indexOf(node), 0).publicKey;
const memberOf = (node: NodeId) => ({ node, publicKey: keyOf(node) });

const ack = (world: World, from: NodeId, durable: number) =>
  world.receive(from, { type: 'ack', term: world.state.term, durable, has: durable, round: 1 });

/** What these nodes say once the head is on disk: a certificate, where they are a quorum. */
function attest(world: World, ...from: readonly NodeId[]): void {
  const { head } = world.chain;
  const { council } = world.state.log.last;
  const decision = { height: head.header.number, hash: head.hash };
  for (const node of from) {
    const place = council.membership.placeOf(node) ?? -1;
    const signer = TAG_KEYS.signer(NODES.indexOf(node), 0);
    const votes = council.electorate.vote(place, signer, council.statement(decision));
    world.receive(node, { type: 'attestation', votes, again: false });
  }
}

/** Of three, whose first block is decided. */
function leader(nodes: NodeId[] = THREE): World {
  const world = new World({ nodes });
  world.elect();
  for (const from of nodes.slice(1)) ack(world, from, 1);
  return world;
}

const inForce = (world: World): Membership => world.state.log.last.council.membership;
const shapeOf = (world: World) => {
  const { voters, incoming, learners } = inForce(world);
  const nodes = (members: Membership['voters'] | null) => members?.map(({ node }) => node) ?? null;
  return [nodes(voters), nodes(incoming), nodes(learners)];
};
const add = (world: World, node: NodeId, request = 1) => world.admin('add', { node, publicKey: keyOf(node) }, request);

/** A learner that has all, whose promotion waits for the joint block to be decided. */
function promotingD(): World {
  const world = leader();
  add(world, D);
  for (const from of [B, D]) ack(world, from, 2);
  return world;
}

describe('a node that is added', () => {
  it('is a learner first, who is sent everything and counts for nothing', () => {
    const world = leader();
    world.take('append');
    add(world, D);
    expect(shapeOf(world)).toEqual([THREE, null, [D]]);
    world.fire('heartbeat');
    expect(world.take('append').map(({ to }) => to)).toContain(D);
    ack(world, D, 2);
    expect(world.state.commit).toBe(1);
    ack(world, B, 2);
    expect(world.state.commit).toBe(2);
  });

  it('votes once it has caught up, by a joint membership that both sides decide', () => {
    const world = promotingD();
    expect(shapeOf(world)).toEqual([THREE, [...THREE, D], []]);
    ack(world, D, 3);
    expect(world.state.commit).toBe(2);
    ack(world, B, 3);
    expect(world.state.commit).toBe(3);
    expect(world.replies).toEqual([]);
  });

  it('has its place when a certificate of the joint membership shows that it is decided', () => {
    const world = promotingD();
    for (const from of [B, D]) ack(world, from, 3);
    expect(inForce(world).incoming).not.toBeNull();
    world.fire('attest');
    attest(world, B, D);
    expect(shapeOf(world)).toEqual([[...THREE, D], null, []]);
    for (const from of [B, C]) ack(world, from, 4);
    expect(world.replies).toEqual([
      expect.objectContaining({ request: 1, result: { voters: [...THREE, D], incoming: null, learners: [] } }),
    ]);
    world.engine.verifyCertificate(world.chain.finalized.hash, world.certificates.at(-1) as Uint8Array, world.chain);
  });

  it('is not waited for without end, and stays a learner', () => {
    const world = leader();
    add(world, D);
    for (let i = 0; i < 500; i++) {
      world.fire('heartbeat');
      ack(world, B, 2);
    }
    expect(world.replies).toEqual([expect.objectContaining({ request: 1, result: expect.objectContaining({ code: 'raft/change-slow' }) })]);
    expect(shapeOf(world)).toEqual([THREE, null, [D]]);
    add(world, D, 2);
    ack(world, D, 2);
    expect(shapeOf(world)).toEqual([THREE, [...THREE, D], []]);
  });

  it.each([
    ['is no member’s already', { node: B, publicKey: keyOf(B) }, 'raft/member-known'],
    ['has a key of its own', { node: D, publicKey: keyOf(B) }, 'raft/member-key'],
    ['has a name', { node: '', publicKey: keyOf(D) }, 'members/argument'],
    ['has a key', { node: D }, 'members/key'],
    ['has a key that is one', { node: D, publicKey: '0x1234' }, 'members/key'],
    [
      'proves that it has it, if it says so',
      { node: D, publicKey: keyOf(D), proofOfPossession: `0x${'11'.repeat(96)}` },
      'members/possession',
    ],
  ])('%s', (_what, given, code) => {
    const world = leader();
    world.admin('add', given);
    expect(world.replies[0]?.result).toMatchObject({ code });
    expect(shapeOf(world)).toEqual([THREE, null, []]);
  });
});

describe('a change', () => {
  it('is one at a time', () => {
    const world = leader();
    add(world, D);
    add(world, E, 2);
    world.admin('remove', { node: B }, 3);
    world.admin('transfer', { to: B }, 4);
    expect(world.replies.map(({ result }) => (result as { code: string }).code)).toEqual(Array(3).fill('raft/change-busy'));
  });

  it('waits for a decided block of the leader’s own term', () => {
    const world = new World({ nodes: THREE });
    world.elect();
    add(world, D);
    expect(world.replies[0]?.result).toMatchObject({ code: 'raft/change-early' });
  });

  it('is the leader’s, who is named', () => {
    const world = new World({ nodes: THREE });
    world.receive(B, { type: 'append', term: 1, prev: placeOf(GENESIS.block), block: null, commit: 0, round: 1 });
    add(world, D);
    expect(world.replies[0]?.result).toMatchObject({ code: 'raft/not-leader', fields: { leader: B } });
  });

  it('is not answered by who has lost the leadership', () => {
    const world = leader();
    add(world, D);
    world.receive(C, { type: 'append', term: 9, prev: placeOf(GENESIS.block), block: null, commit: 0, round: 1 });
    expect(world.replies[0]?.result).toMatchObject({ code: 'raft/change-interrupted' });
  });

  it('that another leader began is ended by the next', () => {
    const world = promotingD();
    for (const from of [B, D]) ack(world, from, 3);
    const next = world.restart();
    expect(shapeOf(next)).toEqual([THREE, [...THREE, D], []]);
    next.fire('election');
    for (const from of [B, C, D]) next.receive(from, { type: 'vote', term: 2, isPre: true, granted: true });
    for (const from of [B, C, D]) next.receive(from, { type: 'vote', term: 2, isPre: false, granted: true });
    for (const from of [B, D]) ack(next, from, 4);
    next.fire('attest');
    attest(next, B, D);
    expect(shapeOf(next)).toEqual([[...THREE, D], null, []]);
  });
});

describe('a node that is removed', () => {
  it('votes until it is decided that it does not', () => {
    const world = leader([SELF, B, C, D, E]);
    world.admin('remove', { node: E });
    expect(shapeOf(world)).toEqual([[SELF, B, C, D, E], [SELF, B, C, D], []]);
    for (const from of [B, E]) ack(world, from, 2);
    expect(world.state.commit).toBe(1);
    ack(world, C, 2);
    expect(world.state.commit).toBe(2);
  });

  it('may be the leader: it leads until that is decided, does not count itself, and hands over', () => {
    const world = leader([SELF, B, C, D, E]);
    world.admin('remove', { node: SELF });
    for (const from of [B, C, D]) ack(world, from, 2);
    world.fire('attest');
    attest(world, B, C, D);
    expect(shapeOf(world)).toEqual([[B, C, D, E], null, []]);
    for (const from of [B, C]) ack(world, from, 3);
    expect([world.role, world.state.commit]).toEqual(['leader', 2]);
    ack(world, D, 3);
    expect([world.role, world.state.commit]).toEqual(['follower', 3]);
    expect(world.replies.map(({ result }) => result)).toEqual([{ voters: [B, C, D, E], incoming: null, learners: [] }]);
    expect(world.take('timeoutNow').map(({ to }) => to)).toEqual([B]);
    expect(world.timers.has('election')).toBe(false);
    expect(world.engine.inspect(world.state)).toMatchObject({ role: 'observer', voters: [B, C, D, E] });
  });

  it('may be a learner, which takes one step', () => {
    const world = leader();
    add(world, D);
    ack(world, B, 2);
    for (let i = 0; i < 500; i++) {
      world.fire('heartbeat');
      ack(world, B, 2);
    }
    world.admin('remove', { node: D }, 2);
    expect(shapeOf(world)).toEqual([THREE, null, []]);
    ack(world, B, 3);
    expect(world.replies.at(-1)).toMatchObject({ request: 2, result: { voters: THREE } });
  });

  it.each([
    [STRANGER, 'raft/member-unknown'],
    ['', 'members/argument'],
    [null, 'members/argument'],
  ])('%j is refused', (node, code) => {
    const world = leader();
    world.admin('remove', { node });
    expect(world.replies[0]?.result).toMatchObject({ code });
  });

  it('is foretold, and nothing done', () => {
    const world = leader();
    world.admin('plan', { command: 'remove', nodes: [C] }, 2);
    world.admin('plan', { command: 'add', members: [memberOf(D)] }, 3);
    world.admin('plan', { command: 'remove', nodes: [D] }, 4);
    expect(world.replies.map(({ result }) => result)).toMatchObject([
      { members: [SELF, B], quorum: 2 },
      { members: [...THREE, D], quorum: 3 },
      { code: 'raft/member-unknown' },
    ]);
    expect(shapeOf(world)).toEqual([THREE, null, []]);
  });

  it('is not the last one', () => {
    const world = new World({ nodes: THREE });
    world.elect();
    for (const from of [B, C]) ack(world, from, 1);
    for (const [node, others, height] of [
      [C, [B], 2],
      [B, [B], 4],
    ] as const) {
      world.admin('remove', { node });
      for (const from of others) ack(world, from, height);
      world.fire('attest');
      attest(world, ...others);
      for (const from of others) ack(world, from, height + 1);
    }
    expect(shapeOf(world)).toEqual([[SELF], null, []]);
    world.admin('settings', {}, 7);
    expect(world.replies.at(-1)?.result).toMatchObject({ name: 'raft', members: [{ node: SELF }] });
    world.admin('remove', { node: SELF }, 9);
    expect(world.replies.at(-1)?.result).toMatchObject({ code: 'raft/member-last' });
    // By itself it is a quorum.
    world.pool = [Uint8Array.of(1)];
    world.step({ type: 'mempool', pending: 1 });
    expect(world.head).toBe(6);
    const next = world.restart();
    next.fire('election');
    expect(next.role).toBe('leader');
    next.admin('read', {}, 5);
    expect(next.replies).toMatchObject([{ request: 5, result: { height: 7 } }]);
  });
});

describe('a follower', () => {
  const plain = inForce(new World({ nodes: THREE }));
  const learner = learning(plain, memberOf(D));
  const joint = promoting(learner, memberOf(D));
  const first = blockOf(GENESIS.block, 1, { nodes: THREE });
  const withLearner = changeBlock(first, 1, learner);
  const withJoint = changeBlock(withLearner, 1, joint);

  function give(world: World, parent: Block, block: Block, commit = 0, from = B): void {
    world.receive(from, { type: 'append', term: 1, prev: placeOf(parent), block, commit, round: 1 });
  }

  it('has the newest membership of its log in force, and an older one when it is cut off', () => {
    const world = new World({ nodes: THREE });
    give(world, GENESIS.block, first);
    give(world, first, withLearner);
    expect(shapeOf(world)).toEqual([THREE, null, [D]]);
    const other = blockOf(first, 2, { nodes: THREE });
    world.receive(C, { type: 'append', term: 2, prev: placeOf(first), block: other, commit: 0, round: 1 });
    expect(shapeOf(world)).toEqual([THREE, null, []]);
  });

  it('that is added learns it from the block, stands as soon as it votes, and needs both sides', () => {
    const world = new World({ nodes: THREE, self: D });
    expect(world.engine.inspect(world.state)).toMatchObject({ role: 'observer' });
    give(world, GENESIS.block, first);
    give(world, first, withLearner);
    expect(world.engine.inspect(world.state)).toMatchObject({ role: 'learner' });
    expect(world.timers.has('election')).toBe(false);
    give(world, withLearner, withJoint);
    expect(world.take('ack').at(-1)?.message.durable).toBe(3);
    world.nowMs += 10_000;
    world.fire('election');
    for (const from of [B, C]) world.receive(from, { type: 'vote', term: 2, isPre: true, granted: true });
    world.receive(SELF, { type: 'vote', term: 2, isPre: false, granted: true });
    expect(world.role).toBe('candidate');
    world.receive(B, { type: 'vote', term: 2, isPre: false, granted: true });
    expect(world.role).toBe('leader');
  });

  it('without its key has no part in anything', () => {
    const world = new World({ nodes: THREE, self: D });
    give(world, GENESIS.block, first);
    const wrong = learning(plain, { node: D, publicKey: keyOf(E) });
    give(world, first, changeBlock(first, 1, wrong));
    world.take('ack');
    give(world, first, changeBlock(first, 1, wrong));
    expect(world.take('ack')).toEqual([]);
  });

  it.each<[string, Block, string]>([
    ['another step than one', changeBlock(first, 1, joint), 'members/change'],
    ['the end of a joint membership that nothing proves', changeBlock(withJoint, 1, settling(joint)), 'members/unproven'],
    ['another name than what it carries', changeBlock(first, 1, learner, { mixHash: joint.id }), 'members/membership'],
    ['another name and nothing that it carries', blockOf(first, 1, { nodes: NODES }), 'members/membership'],
    ['what is no change of members', changeBlock(first, 1, learner, {}, Uint8Array.of(1, 2, 3)), 'members/payload'],
    [
      'a certificate where none is due',
      changeBlock(first, 1, learner, {}, encodeChange({ membership: learner, certificate: Uint8Array.of(1) })),
      'members/unproven',
    ],
  ])('refuses a block with %s', (_what, block, code) => {
    const world = new World({ nodes: THREE });
    give(world, GENESIS.block, first);
    give(world, first, withLearner);
    const chain = [first, withLearner, withJoint];
    if (placeOf(withJoint).hash === block.header.parentHash) give(world, withLearner, withJoint);
    const parent = chain.find((each) => placeOf(each).hash === block.header.parentHash) ?? first;
    give(world, parent, block);
    expect(world.offences).toEqual([{ from: B, code }]);
  });
});
