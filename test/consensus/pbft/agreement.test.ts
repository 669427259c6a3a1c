/** The three phases, on four members: section 4.2, and what is on disk before it is said. */
import { describe, expect, it } from 'vitest';
import { hashHeader } from '../../../src/chain/header.ts';
import { childOf, GENESIS } from '../../simulator/support.ts';
import { AGE_SECONDS, GENESIS_NODE, STRANGER } from '../members/world.ts';
import { COUNCIL, Member, Network, voteOf } from './world.ts';

const prepared = (network: Network) => network.members.map(({ state }) => state.prepared?.view ?? null);
const blockOf = (member: Member, changes: object = {}) =>
  childOf(member.chain.block(member.chain.head.hash) ?? GENESIS.block, 0, {
    difficulty: 0n,
    mixHash: COUNCIL.membership.id,
    nonce: '0x0000000000000000',
    ...changes,
  });
const proposalOf = (member: Member, changes: object = {}, view = 0, signer = view % 4) => {
  const block = blockOf(member, changes);
  const ballot = { view, height: block.header.number, hash: hashHeader(block.header) };
  return { type: 'preprepare', block, vote: voteOf(signer, 'prepare', ballot) } as const;
};

describe('pre-prepare, prepare, commit', () => {
  it('make blocks final on all members, with certificates that anybody can check', () => {
    const network = new Network();
    for (const name of [1, 2, 3]) network.block(name);
    expect(network.heights).toEqual([3, 3, 3, 3]);
    const { chain, certificates, engine } = network.at(2);
    expect(chain.finalized.header.number).toBe(3);
    const certificate = certificates.at(-1) ?? new Uint8Array(0);
    expect(COUNCIL.proven(certificate)).toEqual({ height: 3, hash: chain.head.hash });
    engine.verifyCertificate(chain.head.hash, certificate, chain);
    expect(() => engine.verifyCertificate(GENESIS_NODE.hash, certificate, chain)).toThrow(
      expect.objectContaining({ code: 'members/certificate' }),
    );
  });

  it('do without one member of four, and not without two', () => {
    const network = new Network();
    network.block(1, (from) => from === 3);
    expect(network.heights.slice(0, 3)).toEqual([1, 1, 1]);
    network.block(2, (from) => from >= 2);
    expect(network.heights.slice(0, 2)).toEqual([1, 1]);
  });

  it('prepare a block only once it is executed, and never an invalid one', () => {
    const member = new Member(1);
    const proposal = proposalOf(member);
    member.bad.add(hashHeader(proposal.block.header));
    member.hear(0, proposal);
    expect(member.said('vote')).toEqual([]);
    expect(member.offences.map(({ code }) => code)).toEqual(['pbft/invalid-block']);
  });

  it('say nothing before the record of it is durable, and count their own commit no sooner', () => {
    const network = new Network();
    const slow = network.at(1);
    slow.slowDisk = true;
    network.block(1, (_, to, message) => message.type === 'vote' && to !== 1);
    expect(slow.sent.filter(({ message }) => message.type === 'vote')).toEqual([]);
    expect(slow.height).toBe(0);
    slow.flush();
    expect(slow.said('vote').map(({ phase }) => phase)).toContain('prepare');
  });

  it('wait with a block whose time is ahead of the clock, and take it when the clock has come up', () => {
    const member = new Member(1);
    const { timestamp } = GENESIS.block.header;
    member.hear(0, proposalOf(member, { timestamp: timestamp + AGE_SECONDS + 60 }));
    expect(member.said('vote')).toEqual([]);
    member.aheadSeconds = 55;
    member.fire('tick');
    expect(member.said('vote').length).toBe(3);
  });

  it('show who was told something else what the primary said, and leave a primary that is convicted', () => {
    const member = new Member(1);
    const [one, other] = [proposalOf(member), proposalOf(member, { gasUsed: 0n, timestamp: GENESIS.block.header.timestamp + 7 })];
    member.hear(0, one);
    member.said('vote');
    member.hear(2, {
      type: 'vote',
      phase: 'prepare',
      vote: voteOf(2, 'prepare', { view: 0, height: 1, hash: hashHeader(other.block.header) }),
    });
    expect(member.said('vote')).toEqual([{ type: 'vote', phase: 'prepare', vote: one.vote }]);
    member.hear(0, other);
    expect(member.said('evidence')).toHaveLength(3);
    expect(member.state).toMatchObject({ view: 1, isChanging: true });
  });

  it('do not add up commits of two views', () => {
    const member = new Member(1);
    const { block } = proposalOf(member);
    const hash = hashHeader(block.header);
    for (const [place, view] of [
      [0, 0],
      [2, 0],
      [3, 1],
    ] as const) {
      member.hear(place, { type: 'vote', phase: 'commit', vote: voteOf(place, 'commit', { view, height: 1, hash }) });
    }
    expect(member.state.best).toBeNull();
    member.hear(3, { type: 'vote', phase: 'commit', vote: voteOf(3, 'commit', { view: 0, height: 1, hash }) });
    expect(member.state.best?.height).toBe(1);
  });
});

describe('what breaks a rule', () => {
  const refused = (act: (member: Member) => void) => {
    const member = new Member(1);
    act(member);
    expect(member.said('vote')).toEqual([]);
    return member.offences.map(({ code }) => code);
  };

  it('is refused by its own code', () => {
    expect(refused((member) => member.hear(STRANGER, proposalOf(member)))).toEqual(['members/stranger']);
    expect(refused((member) => member.hear(2, proposalOf(member, {}, 0, 2)))).toEqual(['pbft/not-primary']);
    expect(refused((member) => member.hear(0, { ...proposalOf(member), block: blockOf(member, { timestamp: 1 }) }))).toEqual([
      'pbft/proposal',
    ]);
    expect(refused((member) => member.hear(0, proposalOf(member, { nonce: '0x0000000000000005' })))).toEqual(['pbft/round']);
    expect(refused((member) => member.hear(0, proposalOf(member, { mixHash: GENESIS_NODE.hash })))).toEqual(['members/membership']);
    expect(refused((member) => member.hear(0, proposalOf(member, { timestamp: 0 })))).toEqual(['members/timestamp']);
    expect(
      refused((member) => {
        const proposal = proposalOf(member);
        member.hear(0, { ...proposal, vote: { ...proposal.vote, signature: new Uint8Array(96) } });
      }),
    ).toEqual(['pbft/signature']);
    expect(
      refused((member) => {
        const vote = voteOf(2, 'commit', { view: 0, height: 1, hash: GENESIS_NODE.hash });
        member.hear(2, { type: 'vote', phase: 'commit', vote: { ...vote, members: [3] } });
      }),
    ).toEqual(['pbft/signature']);
  });

  it('is bounded where it is of the future', () => {
    const member = new Member(1);
    for (let view = 1; view <= 200; view++) {
      member.hear(2, { type: 'vote', phase: 'prepare', vote: voteOf(2, 'prepare', { view, height: 1, hash: GENESIS_NODE.hash }) });
    }
    for (let height = 1; height <= 200; height++) {
      member.hear(3, { type: 'vote', phase: 'prepare', vote: voteOf(3, 'prepare', { view: 0, height, hash: GENESIS_NODE.hash }) });
    }
    expect(member.engine.inspect(member.state)).toMatchObject({ waiting: 16, rounds: 4 });
    expect(member.offences).toEqual([]);
  });
});

describe('prepared', () => {
  it('is forgotten once the block is committed', () => {
    const network = new Network();
    network.block(1);
    expect(prepared(network)).toEqual([null, null, null, null]);
  });
});
