/** What members do for each other and for their operators: state transfer, evidence, checkpoints, reads, commands. */
import { describe, expect, it } from 'vitest';
import type { Hash } from '../../../src/base/types.ts';
import { COUNCIL, certificateOf, type Lost, Member, Network, voteOf } from './world.ts';

const hashOf = (digit: string) => `0x${digit.repeat(64)}` as Hash;
const ballot = { view: 0, height: 1, hash: hashOf('a') };
const asked = { type: 'admin', request: 1, command: { name: 'read', arguments: {} } } as const;

describe('state transfer', () => {
  it('gives a member that has heard nothing what is decided', () => {
    const network = new Network();
    const isAway: Lost = (from, to) => from === 3 || to === 3;
    for (const name of [1, 2, 3]) network.block(name, isAway);
    network.restart(3);
    network.deliver();
    const { state, fetched } = network.at(3);
    expect(state.best?.height).toBe(3);
    expect(fetched).toContain(network.at(0).chain.head.hash);
    // Sync brings the blocks, with the proof that their giver had.
    for (const number of [1, 2, 3]) {
      const block = network.at(0).chain.block(network.at(0).chain.canonical(number) ?? hashOf('0'));
      if (block !== undefined) network.at(3).step({ type: 'block', block, origin: 'sync', from: null, certificate: null });
    }
    expect(network.at(3).height).toBe(3);
    network.block(4, (from) => from === 2);
    expect(network.at(3).height).toBe(4);
  });

  it('follows also where the newest block is always still on its way', () => {
    const network = new Network();
    const isAway: Lost = (from, to) => from === 3 || to === 3;
    for (const name of [1, 2, 3]) network.block(name, isAway);
    const [giver, member] = [network.at(0), network.at(3)];
    const newest = giver.certificates[2];
    if (newest !== undefined) member.hear(0, { type: 'certificate', certificate: newest });
    for (const number of [1, 2]) {
      const block = giver.chain.block(giver.chain.canonical(number) ?? hashOf('0'));
      if (block !== undefined)
        member.step({ type: 'block', block, origin: 'sync', from: null, certificate: giver.certificates[number - 1] ?? null });
    }
    expect(member.state).toMatchObject({ committed: { height: 2 }, best: { height: 3 } });
    expect(member.chain.finalized.header.number).toBe(2);
  });

  it('goes on where all have their chains and nobody a log, as after a restore', () => {
    const network = new Network();
    for (const name of [1, 2]) network.block(name);
    const without = new Network();
    without.members.forEach((_, place) => {
      const { certificates, ...member } = network.at(place);
      const chain = Object.assign(network.at(place).chain.upTo(member.chain.finalized), { certificate: () => certificates.at(-1) });
      without.members[place] = new Member(place, {}, { chain });
    });
    without.deliver();
    without.block(3);
    expect(without.heights).toEqual([3, 3, 3, 3]);
  });

  it('sends what was lost again', () => {
    const network = new Network();
    network.block(1, (from) => from !== 0);
    expect(network.heights).toEqual([0, 0, 0, 0]);
    for (const member of network.members) member.fire('tick');
    network.deliver();
    expect(network.heights).toEqual([1, 1, 1, 1]);
  });

  it('answers each member now and then only', () => {
    const network = new Network();
    network.block(1);
    const { members } = network;
    const asked = network.at(0);
    for (let i = 0; i < 50; i++) {
      asked.hear(3, { type: 'status', status: { view: 0, isChanging: false, height: 0, progress: 'nothing' } });
    }
    expect(asked.said('certificate').length).toBeLessThanOrEqual(1);
    expect(members).toHaveLength(4);
  });
});

describe('evidence', () => {
  const votes = [voteOf(3, 'commit', ballot), voteOf(3, 'commit', { ...ballot, hash: hashOf('b') })] as const;

  it('is kept, shown, passed on once, and there after a restart', () => {
    const member = new Member(1);
    for (let i = 0; i < 3; i++) member.hear(2, { type: 'evidence', evidence: { phase: 'commit', votes } });
    expect(member.said('evidence')).toHaveLength(3);
    const shown = { evidence: [{ member: 3, phase: 'commit', view: 0, height: 1 }] };
    expect(member.engine.inspect(member.state)).toMatchObject(shown);
    const again = member.restart();
    expect(again.engine.inspect(again.state)).toMatchObject(shown);
    expect(member.traces.filter(({ name }) => name === 'evidence')).toHaveLength(1);
  });

  it('is bounded for each member', () => {
    const member = new Member(1);
    for (let height = 1; height < 20; height++) {
      const [first, second] = ['a', 'b'].map((digit) => voteOf(3, 'commit', { view: 0, height, hash: hashOf(digit) }));
      if (first && second) member.hear(2, { type: 'evidence', evidence: { phase: 'commit', votes: [first, second] } });
    }
    expect(member.state.evidence.size).toBe(4);
  });

  it('is refused where it shows no contradiction, or one that its member did not sign', () => {
    const member = new Member(1);
    const [first] = votes;
    const other = voteOf(3, 'commit', { ...ballot, height: 2, hash: hashOf('b') });
    const forged = { ...voteOf(2, 'commit', { ...ballot, hash: hashOf('b') }), members: [3] };
    for (const second of [first, other, forged])
      member.hear(2, { type: 'evidence', evidence: { phase: 'commit', votes: [first, second] } });
    expect(member.offences.map(({ code }) => code)).toEqual(['pbft/evidence', 'pbft/evidence', 'pbft/evidence']);
    expect(member.state.evidence.size).toBe(0);
  });
});

describe('a checkpoint', () => {
  it('raises the water marks when the chain on disk has it as final', () => {
    const network = new Network();
    for (const name of [1, 2, 3, 4, 5]) network.block(name);
    expect(network.at(1).engine.inspect(network.at(1).state)).toMatchObject({ waterMarks: { low: 4, high: 8 } });
    const taken = network.at(1).traces.filter(({ name }) => name === 'checkpoint');
    expect(taken.map(({ data }) => data.height)).toEqual([2, 4]);
  });
});

describe('a linearizable read', () => {
  it('waits for a quorum, and for the head to show what may have been decided', () => {
    const network = new Network();
    // The reader alone does not hear of the block.
    network.block(1, (_, to) => to === 3);
    const reader = network.at(3);
    reader.step(asked);
    expect(reader.results).toEqual([]);
    network.deliver((_, __, message) => message.type !== 'ask' && message.type !== 'answer');
    expect(reader.results).toEqual([]);
    expect(reader.state.best?.height).toBe(1);
    const block = network.at(0).chain.block(network.at(0).chain.head.hash);
    if (block !== undefined) reader.step({ type: 'block', block, origin: 'sync', from: null, certificate: null });
    expect(reader.results).toEqual([{ height: 1 }]);
  });

  it('believes no claim without proof', () => {
    const member = new Member(1);
    member.step(asked);
    const [{ read } = { read: { incarnation: 0, number: 0 } }] = member.said('ask');
    const few = certificateOf([2, 3], 'prepare', { ...ballot, height: 900 });
    member.hear(3, { type: 'answer', read, committed: new Uint8Array(0), prepared: few });
    expect(member.offences.map(({ code }) => code)).toEqual(['pbft/answer']);
    for (const from of [0, 2]) member.hear(from, { type: 'answer', read, committed: new Uint8Array(0), prepared: new Uint8Array(0) });
    expect(member.results).toEqual([{ height: 0 }]);
  });

  it('ends with an error where no quorum answers', () => {
    const member = new Member(1);
    member.step(asked);
    for (let i = 0; i < 10; i++) member.fire('read');
    expect(member.results).toEqual([expect.objectContaining({ code: 'pbft/read-timeout' })]);
  });
});

describe('a primary', () => {
  it('asks again, and not at once, for a block that could not be built', () => {
    const member = new Member(0, { emptyBlockMs: 100 });
    member.canBuild = false;
    member.fire('build');
    expect(member.timers.get('build')).toBeGreaterThan(0);
    member.canBuild = true;
    member.fire('build');
    expect(member.said('preprepare')).toHaveLength(3);
  });

  it('makes no empty block where nobody asked for one', () => {
    const member = new Member(0);
    member.work();
    member.step({ type: 'mempool', pending: 1 });
    expect(member.said('preprepare')).toEqual([]);
    expect(member.state.hasWork).toBe(false);
  });
});

describe('commands', () => {
  it('are status and read; others are answered with an error', () => {
    const member = new Member(1);
    member.step({ type: 'admin', request: 1, command: { name: 'status', arguments: {} } });
    member.step({ type: 'admin', request: 2, command: { name: 'dance', arguments: {} } });
    expect(member.results).toEqual([
      expect.objectContaining({ role: 'backup', view: 0, leader: COUNCIL.membership.nodeAt(0), quorum: 3 }),
      expect.objectContaining({ code: 'pbft/admin' }),
    ]);
  });
});
