/** Checkers of PBFT: each is silent when all is well, and objects to what is planted. */
import { describe, expect, it } from 'vitest';
import { EMPTY } from '../../../src/base/bytes.ts';
import type { Hash, Json } from '../../../src/base/types.ts';
import { NEW_VIEW, VIEW_CHANGE } from '../../../src/consensus/pbft/ballots.ts';
import { changeDigest, newViewDigest, type PbftMessage, type ViewChange } from '../../../src/consensus/pbft/messages.ts';
import type { CheckerFactory } from '../../../src/simulator/checkers/checker.ts';
import { externalValidity, pbftBounded, stableCheckpointMatch, waterMarks } from '../../../src/simulator/checkers/pbft-bounds.ts';
import { newViewCarries, viewChangeComplete } from '../../../src/simulator/checkers/pbft-views.ts';
import { committedLocal, evidenceSound, preparedIsKept, preparedUnique } from '../../../src/simulator/checkers/pbft-votes.ts';
import { TAG_KEYS } from '../../../src/simulator/tags.ts';
import { BALLOTS, certificateOf, paramsOf, voteOf } from '../../consensus/pbft/world.ts';
import { chainOn, GENESIS, GENESIS_STORED, nodeOf } from '../support.ts';
import { type BenchInput, CheckerBench } from './bench.ts';

const [blockA] = chainOn(GENESIS.block, 1);
const [blockB] = chainOn(GENESIS.block, 1, 1);
const NETWORK = { params: paramsOf(), genesis: GENESIS_STORED };
const A = hashOf(blockA);
const B = hashOf(blockB);

function hashOf(block: typeof blockA): Hash {
  return nodeOf(block ?? GENESIS.block).hash;
}

const bench = (factory: CheckerFactory, input: BenchInput = {}, state: Json = null) =>
  new CheckerBench(factory, { nodes: 4, network: NETWORK, ...input }, state);

const vote = (member: number, phase: 'prepare' | 'commit', hash: Hash, view = 0, height = 1): PbftMessage => ({
  type: 'vote',
  phase,
  vote: voteOf(member, phase, { view, height, hash }),
});
const sends = (one: CheckerBench, node: number, message: PbftMessage) => one.observe({ type: 'sending', node, message });
const traces = (one: CheckerBench, node: number, name: string, data: { readonly [name: string]: Json }) =>
  one.observe({ type: 'engine', node, name, data });

function changeOf(member: number, view: number, said: Omit<ViewChange, 'vote'>): ViewChange {
  const statement = BALLOTS.turnStatement(VIEW_CHANGE, view, changeDigest(said));
  return { ...said, vote: BALLOTS.turns.vote(member, TAG_KEYS.signer(member, 0), statement) };
}

describe('PreparedUnique', () => {
  it('objects to two blocks that are prepared in one view, and to nothing else', () => {
    const one = bench(preparedUnique);
    sends(one, 0, vote(0, 'commit', A));
    sends(one, 1, vote(1, 'commit', A));
    sends(one, 1, vote(1, 'commit', B, 1));
    // Passed on, it is not the node's own word.
    sends(one, 1, vote(2, 'commit', B));
    expect(one.reports).toEqual([]);
    sends(one, 2, vote(2, 'commit', B));
    expect(one.reports).toHaveLength(1);
    const prepared = certificateOf([0, 1, 3], 'prepare', { view: 1, height: 1, hash: A });
    sends(one, 3, { type: 'viewChange', change: changeOf(3, 2, { checkpoint: EMPTY, prepared }), block: null });
    expect(one.reports).toHaveLength(2);
  });
});

describe('CommittedLocal', () => {
  const finalized = (one: CheckerBench, members: readonly number[], hash = A) => {
    const certificate = certificateOf(members, 'commit', { view: 0, height: 1, hash });
    one.observe({ type: 'finalized', node: 0, block: nodeOf(blockA ?? GENESIS.block), certificate });
  };

  it('asks for as many correct nodes as there must be among a quorum', () => {
    const one = bench(committedLocal);
    for (const node of [0, 1]) sends(one, node, vote(node, 'commit', A));
    finalized(one, [0, 1, 2]);
    expect(one.reports).toEqual([]);
  });

  it('counts the own commit of who finalizes, which a crash may have kept from leaving, and nobody else for the certificate alone', () => {
    const one = bench(committedLocal);
    sends(one, 1, vote(1, 'commit', A));
    finalized(one, [0, 1, 2]);
    expect(one.reports).toEqual([]);
    const other = bench(committedLocal);
    sends(other, 1, vote(1, 'commit', A));
    finalized(other, [1, 2, 3]);
    expect(other.reports).toHaveLength(1);
  });

  it('objects to fewer, to other votes, and to less than a quorum', () => {
    const one = bench(committedLocal);
    sends(one, 0, vote(0, 'commit', A));
    sends(one, 1, vote(1, 'commit', A, 1));
    finalized(one, [0, 1, 2]);
    finalized(one, [0, 1]);
    finalized(one, [0, 1, 2], B);
    expect(one.reports).toHaveLength(3);
  });
});

describe('PreparedIsKept', () => {
  it('objects to another block of a height in a later view, once one may be final', () => {
    const one = bench(preparedIsKept);
    sends(one, 0, vote(0, 'commit', A));
    sends(one, 1, vote(1, 'prepare', B, 1));
    expect(one.reports).toEqual([]);
    sends(one, 1, vote(1, 'commit', A));
    sends(one, 2, vote(2, 'prepare', A, 2));
    expect(one.reports).toEqual([]);
    sends(one, 2, vote(2, 'prepare', B, 2));
    expect(one.reports.map(({ node }) => node)).toEqual([2]);
  });
});

describe('EvidenceSound', () => {
  it('objects to a correct node that says two things, also after a restart, or is shown to have done so', () => {
    const one = bench(evidenceSound, { bad: [3] });
    sends(one, 0, vote(0, 'prepare', A));
    sends(one, 0, vote(0, 'prepare', A));
    sends(one, 0, vote(0, 'prepare', B, 1));
    sends(one, 3, vote(3, 'prepare', A));
    sends(one, 3, vote(3, 'prepare', B));
    traces(one, 0, 'evidence', { member: 3 });
    expect(one.reports).toEqual([]);
    one.stop(0);
    one.start(0);
    sends(one, 0, vote(0, 'prepare', B));
    traces(one, 1, 'evidence', { member: 0 });
    expect(one.reports.map(({ node }) => node)).toEqual([0, 1]);
  });
});

describe('ViewChangeComplete', () => {
  const changes = (one: CheckerBench, said: Omit<ViewChange, 'vote'>) =>
    sends(one, 0, { type: 'viewChange', change: changeOf(0, 2, said), block: null });

  it('objects to a view change that forgets what its node has committed to', () => {
    const one = bench(viewChangeComplete);
    changes(one, { checkpoint: EMPTY, prepared: EMPTY });
    sends(one, 0, vote(0, 'commit', A, 1));
    changes(one, { checkpoint: EMPTY, prepared: certificateOf([0, 1, 2], 'prepare', { view: 1, height: 1, hash: A }) });
    changes(one, { checkpoint: certificateOf([0, 1, 2], 'commit', { view: 1, height: 1, hash: A }), prepared: EMPTY });
    expect(one.reports).toEqual([]);
    changes(one, { checkpoint: EMPTY, prepared: certificateOf([0, 1, 2], 'prepare', { view: 0, height: 1, hash: A }) });
    changes(one, { checkpoint: EMPTY, prepared: EMPTY });
    expect(one.reports).toHaveLength(2);
  });
});

describe('NewViewCarries', () => {
  const prepared = certificateOf([0, 1, 2], 'prepare', { view: 0, height: 1, hash: A });
  const list = [changeOf(0, 1, { checkpoint: EMPTY, prepared }), changeOf(2, 1, { checkpoint: EMPTY, prepared: EMPTY })];
  const statement = BALLOTS.turnStatement(NEW_VIEW, 1, newViewDigest(BALLOTS, list));
  const message: PbftMessage = {
    type: 'newView',
    newView: { changes: list, vote: BALLOTS.turns.vote(1, TAG_KEYS.signer(1, 0), statement) },
  };
  const begins = (one: CheckerBench, data: { readonly [name: string]: Json }) =>
    one.observe({
      type: 'step',
      node: 2,
      event: { type: 'message', from: 'node-1' as never, message },
      effects: [{ type: 'trace', name: 'newView', data: { view: 1, ...data } }],
    });

  it('objects to a view that begins with anything else, and to votes for anything else in it', () => {
    const one = bench(newViewCarries);
    begins(one, { base: 0, carried: A });
    sends(one, 2, vote(2, 'prepare', A, 1));
    expect(one.reports).toEqual([]);
    sends(one, 2, vote(2, 'prepare', B, 1));
    begins(one, { base: 0, carried: null });
    begins(one, { base: 1, carried: A });
    expect(one.reports).toHaveLength(3);
  });
});

describe('WaterMarks and StableCheckpointMatch', () => {
  it('object to votes too far above the last checkpoint', () => {
    const one = bench(waterMarks);
    sends(one, 0, vote(0, 'prepare', A, 0, 4));
    traces(one, 0, 'checkpoint', { height: 2, hash: A });
    sends(one, 0, vote(0, 'prepare', A, 0, 6));
    expect(one.reports).toEqual([]);
    sends(one, 0, vote(0, 'prepare', A, 0, 7));
    expect(one.reports).toHaveLength(1);
  });

  it('object to checkpoints of two blocks, and between the heights for them', () => {
    const one = bench(stableCheckpointMatch);
    traces(one, 0, 'checkpoint', { height: 2, hash: A });
    traces(one, 1, 'checkpoint', { height: 2, hash: A });
    expect(one.reports).toEqual([]);
    traces(one, 2, 'checkpoint', { height: 2, hash: B });
    traces(one, 3, 'checkpoint', { height: 3, hash: B });
    expect(one.reports).toHaveLength(2);
  });
});

describe('ExternalValidity', () => {
  const prepares = (one: CheckerBench, node: number, hash: Hash) =>
    one.observe({
      type: 'step',
      node,
      event: { type: 'mempool', pending: 0 },
      effects: [{ type: 'trace', name: 'prepare', data: { view: 0, height: 1, hash } }],
    });

  it('objects to votes for what is not executed, and for what is of another time', () => {
    const one = bench(externalValidity);
    one.follow(0, blockA === undefined ? [] : [blockA]);
    prepares(one, 0, A);
    one.stop(0);
    one.start(0, 'empty');
    // It was executed when the vote was given.
    sends(one, 0, vote(0, 'prepare', A));
    expect(one.reports).toEqual([]);
    prepares(one, 1, A);
    expect(one.reports).toHaveLength(1);
    const [late] = chainOn(GENESIS.block, 1, 3_600);
    one.follow(2, late === undefined ? [] : [late]);
    prepares(one, 2, hashOf(late));
    sends(one, 3, vote(3, 'prepare', A));
    expect(one.reports.map(({ node }) => node)).toEqual([1, 2, 3]);
  });
});

describe('Bounded', () => {
  const looks = (one: CheckerBench, delayMs: number) => {
    for (let i = 0; i < 64; i++) {
      one.observe({ type: 'step', node: 0, event: { type: 'mempool', pending: 0 }, effects: [{ type: 'setTimer', id: 'view', delayMs }] });
    }
  };

  it('objects to what grows, and to waits beyond the cap', () => {
    const well = bench(pbftBounded, {}, { rounds: 4, waiting: 64, evidence: [], viewChanges: [0, 1, 2, 3], reads: 0 });
    looks(well, 4_000);
    expect(well.reports).toEqual([]);
    const ill = bench(pbftBounded, {}, { rounds: 5, waiting: 65, evidence: [], viewChanges: [0, 1, 2, 3, 4], reads: 65 });
    looks(ill, 1);
    expect(ill.reports).toHaveLength(4);
    const slow = bench(pbftBounded, {}, {});
    looks(slow, 8_000);
    expect(slow.reports.length).toBeGreaterThan(0);
  });
});
