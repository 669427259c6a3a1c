/** Raft's checkers: each is silent when all is well, and objects to what is planted. */
import { describe, expect, it } from 'vitest';
import { bigToFixed, toHex } from '../../../src/base/bytes.ts';
import { Lsn, type NodeId } from '../../../src/base/types.ts';
import type { Block } from '../../../src/chain/block.ts';
import { hashHeader } from '../../../src/chain/header.ts';
import { encodeChange, learning, promoting } from '../../../src/consensus/members/changes.ts';
import { Membership } from '../../../src/consensus/members/membership.ts';
import type { RaftMessage } from '../../../src/consensus/raft/messages.ts';
import { encodeRecord } from '../../../src/consensus/raft/records.ts';
import type { CheckerFactory } from '../../../src/simulator/checkers/checker.ts';
import { committedIsDurable, logInv, moreUpToDateCorrect, quorumLogInv } from '../../../src/simulator/checkers/raft-quorums.ts';
import {
  electedByQuorum,
  electionSafety,
  leaderAppendOnly,
  leaderCompleteness,
  logMatching,
  ownTermFirst,
  persistBeforeSend,
  readsAfterOwnBlock,
} from '../../../src/simulator/checkers/raft-safety.ts';
import { placeId } from '../../../src/simulator/places.ts';
import { membersOf } from '../../../src/simulator/subjects/member-list.ts';
import { TAG_KEYS } from '../../../src/simulator/tags.ts';
import { childOf, GENESIS, GENESIS_STORED } from '../support.ts';
import { CheckerBench } from './bench.ts';

const blockOf = (parent: Block, term: number, name = 0): Block => childOf(parent, name, { nonce: toHex(bigToFixed(BigInt(term), 8)) });
const hashOf = ({ header }: Block) => hashHeader(header);

/** The first so many nodes are members. */
const networkOf = (members: number) => {
  const nodes = Array.from({ length: members }, (_, place) => placeId(place));
  const params = { ...GENESIS.params, engine: { name: 'raft', settings: { members: membersOf(nodes, TAG_KEYS) } } };
  return { params, genesis: GENESIS_STORED };
};

const memberOf = (place: number) => ({ node: placeId(place), publicKey: TAG_KEYS.signer(place, 0).publicKey });
const PLAIN = new Membership([0, 1, 2].map(memberOf), 'crash');
const LEARNING = learning(PLAIN, memberOf(3));
const JOINT = promoting(LEARNING, memberOf(3));

function changeOf(parent: Block, term: number, membership: Membership): Block {
  const payload = encodeChange({ membership, certificate: null });
  return { ...childOf(parent, 0, { nonce: toHex(bigToFixed(BigInt(term), 8)), mixHash: membership.id }), payload };
}

const A1 = blockOf(GENESIS.block, 1);
const A2 = blockOf(A1, 1);
const A3 = blockOf(A2, 1);
const B1 = blockOf(GENESIS.block, 2, 1);
const B2 = blockOf(B1, 2, 1);

/** Nodes that say and write what a test wants. */
class Bench extends CheckerBench {
  readonly #lsns: number[];

  constructor(factory: CheckerFactory, nodes = 3, members = nodes) {
    super(factory, { nodes, network: networkOf(members) });
    this.#lsns = Array.from({ length: nodes }, () => 0);
    for (let node = 0; node < nodes; node++) this.begin(node);
  }

  begin(node: number): void {
    this.observe({ type: 'started', node, incarnation: 1, chain: this.chain(node), lsn: Lsn(this.#lsns[node] ?? 0) });
  }

  /** Into the log: not on disk before `flush`. */
  write(node: number, ...blocks: readonly Block[]): void {
    const lsn = Lsn((this.#lsns[node] ?? 0) + blocks.length);
    this.#lsns[node] = lsn;
    const records = blocks.map((block) => encodeRecord({ type: 'block', block }));
    this.observe({ type: 'step', node, event: { type: 'timer', id: 'x' }, effects: [{ type: 'persist', lsn, records }] });
  }

  enter(node: number, term: number, vote: NodeId | null): void {
    const lsn = Lsn((this.#lsns[node] ?? 0) + 1);
    this.#lsns[node] = lsn;
    const records = [encodeRecord({ type: 'term', term, vote, stored: 0 })];
    this.observe({ type: 'step', node, event: { type: 'timer', id: 'x' }, effects: [{ type: 'persist', lsn, records }] });
  }

  flush(node: number): void {
    this.observe({ type: 'persisted', node, lsn: Lsn(this.#lsns[node] ?? 0) });
  }

  /** On disk at once. */
  store(node: number, ...blocks: readonly Block[]): void {
    this.write(node, ...blocks);
    this.flush(node);
  }

  role(node: number, role: string, term: number): void {
    this.observe({
      type: 'step',
      node,
      event: { type: 'timer', id: 'x' },
      effects: [{ type: 'trace', name: 'role', data: { role, term } }],
    });
  }

  commit(node: number, block: Block, term: number): void {
    const data = { height: block.header.number, hash: hashOf(block), term };
    this.observe({ type: 'step', node, event: { type: 'timer', id: 'x' }, effects: [{ type: 'trace', name: 'committed', data }] });
  }

  send(node: number, to: NodeId, message: RaftMessage): void {
    this.observe({ type: 'step', node, event: { type: 'timer', id: 'x' }, effects: [{ type: 'send', to, message }] });
    this.observe({ type: 'sending', node, message });
  }

  get objections(): string[] {
    return this.reports.map(({ node, message }) => `${node}: ${message}`);
  }
}

describe('ElectionSafety', () => {
  const vote = (term: number, granted = true, isPre = false): RaftMessage => ({ type: 'vote', term, isPre, granted });

  it('is silent while each term has one leader, and each node one vote in it', () => {
    const bench = new Bench(electionSafety);
    bench.role(0, 'leader', 1);
    bench.role(1, 'leader', 2);
    bench.role(0, 'leader', 1);
    bench.send(2, placeId(0), vote(1));
    bench.send(2, placeId(0), vote(1));
    bench.send(2, placeId(1), vote(2));
    bench.send(2, placeId(1), vote(1, false));
    bench.send(2, placeId(1), vote(1, true, true));
    expect(bench.objections).toEqual([]);
  });

  it('objects to two leaders of a term', () => {
    const bench = new Bench(electionSafety);
    bench.role(0, 'leader', 4);
    bench.role(2, 'leader', 4);
    expect(bench.objections).toEqual(['2: Leads in term 4, which node 0 has led.']);
  });

  it('objects to two votes in a term, one of them for itself, a crash in between or not', () => {
    const bench = new Bench(electionSafety);
    bench.send(2, placeId(0), vote(1));
    bench.begin(2);
    bench.send(2, placeId(1), vote(1));
    bench.send(1, placeId(0), { type: 'requestVote', term: 3, campaign: 'vote', last: { height: 0, term: 0 } });
    bench.send(1, placeId(0), vote(3));
    expect(bench.objections).toEqual([
      '2: Votes for node-1 in term 1, and has voted for node-0 in it.',
      '1: Votes for node-0 in term 3, and has voted for node-1 in it.',
    ]);
  });
});

describe('LeaderAppendOnly', () => {
  it('is silent when a leader appends, and when a follower truncates', () => {
    const bench = new Bench(leaderAppendOnly);
    bench.role(0, 'leader', 1);
    bench.write(0, A1, A2);
    bench.write(1, A1, A2);
    bench.write(1, B1);
    expect(bench.objections).toEqual([]);
  });

  it('objects when a leader drops blocks', () => {
    const bench = new Bench(leaderAppendOnly);
    bench.write(0, A1, A2);
    bench.role(0, 'leader', 2);
    bench.write(0, B1);
    expect(bench.objections).toEqual(['0: Leads, and drops 2 blocks from 1 on.']);
  });
});

describe('LogMatching', () => {
  it('is silent about logs that part', () => {
    const bench = new Bench(logMatching);
    bench.write(0, A1, A2);
    bench.write(1, A1, A2);
    bench.write(2, B1, B2);
    expect(bench.objections).toEqual([]);
  });

  it('objects to two blocks of one height and term', () => {
    const bench = new Bench(logMatching);
    bench.write(0, A1);
    bench.write(1, blockOf(GENESIS.block, 1, 5));
    expect(bench.reports).toHaveLength(1);
    expect(bench.objections[0]).toMatch(/^1: Has 0x.* at height 1 of term 1; another log has 0x/);
  });

  it('objects to a block that does not follow the one before it', () => {
    const bench = new Bench(logMatching);
    bench.write(0, A1);
    bench.write(0, B2);
    expect(bench.objections[0]).toMatch(/^0: Block 2 follows 0x/);
  });
});

describe('LeaderCompleteness', () => {
  it('is silent when a later leader has what was decided, and about leaders of earlier terms', () => {
    const bench = new Bench(leaderCompleteness);
    bench.write(0, A1, A2);
    bench.commit(0, A1, 2);
    bench.write(1, A1);
    bench.role(1, 'leader', 3);
    bench.role(2, 'leader', 1);
    expect(bench.objections).toEqual([]);
  });

  it('objects when one has not', () => {
    const bench = new Bench(leaderCompleteness);
    bench.write(0, A1);
    bench.commit(0, A1, 1);
    bench.write(1, B1);
    bench.role(1, 'leader', 2);
    expect(bench.objections).toEqual([`1: Leads in term 2 without block 1 (${hashOf(A1)}), which was decided in term 1.`]);
  });
});

describe('LogInv', () => {
  it('is silent while one goes further than another, and objects when they part', () => {
    const bench = new Bench(logInv);
    bench.follow(0, [A1, A2, A3]);
    bench.follow(1, [A1]);
    expect(bench.objections).toEqual([]);
    bench.follow(2, [B1]);
    expect(bench.objections).toEqual([`2: Has decided ${hashOf(B1)} at height 1, where node 1 has decided ${hashOf(A1)}.`]);
  });
});

describe('CommittedIsDurable', () => {
  it('is silent when a quorum has it on disk, in records or in the chain', () => {
    const bench = new Bench(committedIsDurable);
    bench.store(0, A1, A2);
    const head = bench.follow(1, [A1, A2]);
    bench.observe({ type: 'durable', node: 1, head });
    bench.commit(0, A2, 1);
    expect(bench.objections).toEqual([]);
  });

  it('objects when it is in memory only', () => {
    const bench = new Bench(committedIsDurable);
    bench.store(0, A1);
    bench.write(1, A1);
    bench.commit(0, A1, 1);
    expect(bench.objections[0]).toMatch(/on the disks of node 0 only; expected a quorum of node-0, node-1, node-2/);
  });

  it('objects when what comes before it is not there, or something else took its place', () => {
    const bench = new Bench(committedIsDurable);
    bench.store(0, A1, A2);
    bench.store(1, A2);
    bench.commit(0, A2, 1);
    bench.store(2, A1);
    bench.store(2, B1);
    bench.commit(0, A1, 1);
    expect(bench.reports).toHaveLength(2);
  });
});

describe('QuorumLogInv', () => {
  it('is silent while each quorum has somebody who has it', () => {
    const bench = new Bench(quorumLogInv);
    bench.store(0, A1);
    bench.store(1, A1);
    bench.commit(0, A1, 1);
    bench.store(2, B1);
    bench.store(2, A1);
    expect(bench.objections).toEqual([]);
  });

  it('objects when a crash or another leader takes it from a quorum', () => {
    const bench = new Bench(quorumLogInv);
    bench.store(0, A1);
    bench.write(1, A1);
    bench.commit(0, A1, 1);
    expect(bench.objections).toEqual([]);
    bench.observe({ type: 'started', node: 1, incarnation: 2, chain: bench.chain(1), lsn: Lsn(0) });
    expect(bench.objections[0]).toMatch(/^1: Node 1, 2 have a quorum of .*, and none of them has block 1/);
  });
});

describe('MoreUpToDateCorrect', () => {
  it('is silent when who is more up to date has all that is decided', () => {
    const bench = new Bench(moreUpToDateCorrect);
    bench.write(0, A1, A2);
    bench.commit(0, A1, 1);
    bench.write(1, A1, A2, A3);
    bench.follow(1, [A1, A2]);
    expect(bench.objections).toEqual([]);
  });

  it('is silent about a log that is less up to date than the decided block, though more than that of a node that catches up', () => {
    const bench = new Bench(moreUpToDateCorrect, 5);
    const C2 = blockOf(A1, 3);
    bench.write(4, B1);
    bench.write(0, A1, C2);
    bench.commit(0, C2, 3);
    bench.write(1, A1);
    bench.follow(1, [A1]);
    expect(bench.objections).toEqual([]);
  });

  it('objects when it has not, whichever comes first', () => {
    const late = new Bench(moreUpToDateCorrect, 2);
    late.write(0, A1);
    late.commit(0, A1, 1);
    late.write(1, B1);
    const early = new Bench(moreUpToDateCorrect, 2);
    early.write(1, B1);
    early.write(0, A1);
    early.commit(0, A1, 1);
    for (const { objections } of [late, early]) {
      expect(objections[0]).toMatch(/^1: Its log ends at 1 of term 2, and has not block 1 of term 1 \(0x.*\), which node 0 has decided/);
    }
  });
});

describe('PersistBeforeSend', () => {
  const vote: RaftMessage = { type: 'vote', term: 2, isPre: false, granted: true };
  const stands: RaftMessage = { type: 'requestVote', term: 2, campaign: 'vote', last: { height: 0, term: 0 } };
  const ack: RaftMessage = { type: 'ack', term: 2, durable: 1, has: 1, round: 1 };

  it('is silent when what is said is on disk, or was of a term that is over', () => {
    const bench = new Bench(persistBeforeSend);
    bench.enter(0, 2, placeId(1));
    bench.store(0, A1);
    bench.send(0, placeId(1), vote);
    bench.send(0, placeId(1), { ...ack });
    bench.enter(0, 3, null);
    bench.flush(0);
    bench.send(0, placeId(1), { ...vote });
    bench.enter(1, 2, placeId(1));
    bench.flush(1);
    bench.send(1, placeId(0), stands);
    expect(bench.objections).toEqual([]);
  });

  it('objects to votes, candidates and acknowledgements that a crash would take back', () => {
    const bench = new Bench(persistBeforeSend);
    bench.enter(0, 2, placeId(1));
    bench.send(0, placeId(1), vote);
    bench.send(1, placeId(0), stands);
    bench.flush(0);
    bench.write(0, A1);
    bench.send(0, placeId(1), ack);
    expect(bench.objections).toEqual([
      '0: Says that it votes for node-1 in term 2, which is not on its disk (term 0, vote for nobody).',
      '1: Says that it stands in term 2, which is not on its disk (term 0, vote for nobody).',
      '0: Says that it has block 1, which is not on its disk (term 2, vote for node-1).',
    ]);
  });
});

describe('OwnTermFirst', () => {
  it('is silent about blocks of the leader’s term', () => {
    const bench = new Bench(ownTermFirst);
    bench.write(0, A1);
    bench.commit(0, A1, 1);
    expect(bench.objections).toEqual([]);
  });

  it('objects when an older one is counted', () => {
    const bench = new Bench(ownTermFirst);
    bench.write(0, A1);
    bench.commit(0, A1, 4);
    expect(bench.objections).toEqual([`0: Leads in term 4, and decides block 1 (${hashOf(A1)}) of term 1 because a quorum has it.`]);
  });
});

describe('ReadsAfterOwnBlock', () => {
  const answer: RaftMessage = { type: 'readAt', read: { incarnation: 1, number: 1 }, height: 1 };

  it('is silent when the leader has decided a block of its term, and about what an old leader sends late', () => {
    const bench = new Bench(readsAfterOwnBlock);
    bench.role(0, 'leader', 2);
    bench.commit(0, A1, 2);
    bench.send(0, placeId(1), answer);
    bench.role(1, 'leader', 3);
    bench.role(1, 'follower', 4);
    bench.send(1, placeId(2), { ...answer });
    expect(bench.objections).toEqual([]);
  });

  it('objects when it has not', () => {
    const bench = new Bench(readsAfterOwnBlock);
    bench.role(0, 'leader', 2);
    bench.commit(0, A1, 2);
    bench.role(0, 'leader', 5);
    bench.send(0, placeId(1), answer);
    expect(bench.objections).toEqual(['0: Answers a read of node-1 with height 1, and has decided no block of its own term 5.']);
  });
});

describe('ElectedByQuorum', () => {
  const vote: RaftMessage = { type: 'vote', term: 2, isPre: false, granted: true };
  const C1 = changeOf(GENESIS.block, 1, LEARNING);
  const C2 = changeOf(C1, 1, JOINT);

  it('is silent about who has the votes of a quorum, and of both sides where there are two', () => {
    const bench = new Bench(electedByQuorum, 4, 3);
    bench.send(1, placeId(0), vote);
    bench.role(0, 'leader', 2);
    bench.store(2, C1, C2);
    for (const voter of [0, 3]) bench.send(voter, placeId(2), { ...vote, term: 3 });
    bench.role(2, 'leader', 3);
    expect(bench.objections).toEqual([]);
  });

  it('objects to a learner that is counted', () => {
    const bench = new Bench(electedByQuorum, 4, 3);
    bench.store(0, C1);
    bench.send(3, placeId(0), vote);
    bench.role(0, 'leader', 2);
    expect(bench.objections).toEqual([expect.stringContaining('with the votes of node-0, node-3')]);
  });

  it('objects to one side of two', () => {
    const bench = new Bench(electedByQuorum, 4, 3);
    bench.store(0, C1, C2);
    bench.send(1, placeId(0), vote);
    bench.role(0, 'leader', 2);
    expect(bench.objections).toHaveLength(1);
  });
});

describe('CommittedIsDurable, where members change,', () => {
  const C1 = changeOf(GENESIS.block, 1, LEARNING);
  const C2 = changeOf(C1, 1, JOINT);

  it('counts the voters that are in force, and no learners', () => {
    const bench = new Bench(committedIsDurable, 4, 3);
    for (const node of [0, 1]) bench.store(node, C1);
    bench.commit(0, C1, 1);
    expect(bench.objections).toEqual([]);
    const other = new Bench(committedIsDurable, 4, 3);
    for (const node of [0, 3]) other.store(node, C1);
    other.commit(0, C1, 1);
    expect(other.objections).toHaveLength(1);
  });

  it('wants both sides of a joint membership, from the block on that carries it', () => {
    const bench = new Bench(committedIsDurable, 4, 3);
    for (const node of [0, 1]) bench.store(node, C1, C2);
    bench.commit(0, C2, 1);
    expect(bench.objections).toHaveLength(1);
    bench.store(3, C1, C2);
    bench.commit(0, C2, 1);
    expect(bench.objections).toHaveLength(1);
  });
});
