/** Coverage marks: how they are collected, and what reaches each of those that every engine has. */
import { describe, expect, it } from 'vitest';
import { RuleError, StorageError } from '../../src/base/errors.ts';
import { Lsn } from '../../src/base/types.ts';
import type { ChainView } from '../../src/chain/tree.ts';
import type { Torn } from '../../src/simulator/disk.ts';
import type { Fault } from '../../src/simulator/faults.ts';
import { COMMON_MARKS, MarkCollector, sometimes, traced } from '../../src/simulator/marks.ts';
import type { Observation } from '../../src/simulator/observations.ts';
import { FOR_EVER_MS } from '../../src/simulator/schedule.ts';
import { blockWith, chainOn, GENESIS, GENESIS_STORED, nodeOf } from './support.ts';

const CRASH: Fault = { fault: 'crash', node: 0, atMs: 0, forMs: 1 };
const fault = (active: boolean, what: Fault = CRASH): Observation => ({ type: 'fault', fault: what, active });

describe('marks', () => {
  it('are reached once each, in the order of their coming', () => {
    const collector = new MarkCollector([
      sometimes('ended', (observation) => observation.type === 'fault' && !observation.active),
      sometimes('begun', (observation) => observation.type === 'fault' && observation.active),
      sometimes('calm', ({ type }) => type === 'calm'),
    ]);
    for (const active of [true, false, true, false]) collector.observe(fault(active));
    expect(collector.reached).toEqual(['begun', 'ended']);
  });

  it('of an engine are its traces, with data that fit', () => {
    const collector = new MarkCollector([traced('any', 'vote'), traced('late', 'vote', ({ round }) => Number(round) > 3)]);
    const vote = (round: number): Observation => ({ type: 'engine', node: 0, name: 'vote', data: { round } });
    collector.observe({ type: 'engine', node: 0, name: 'other', data: {} });
    expect(collector.reached).toEqual([]);
    collector.observe(vote(1));
    expect(collector.reached).toEqual(['any']);
    collector.observe(vote(4));
    expect(collector.reached).toEqual(['any', 'late']);
  });

  it('watch each run from the beginning', () => {
    const rule = {
      name: 'twice',
      watch: () => {
        let seen = 0;
        return () => ++seen === 2;
      },
    };
    for (const times of [1, 1, 2]) {
      const collector = new MarkCollector([rule]);
      for (let i = 0; i < times; i++) collector.observe(fault(true));
      expect(collector.reached).toEqual(times === 2 ? ['twice'] : []);
    }
  });
});

describe('the marks of every engine', () => {
  const genesis = GENESIS_STORED.node;
  const [a1, a2, a3, a4] = chainOn(GENESIS.block, 4).map((block) => nodeOf(block)) as [
    typeof genesis,
    typeof genesis,
    typeof genesis,
    typeof genesis,
  ];
  const error = new RuleError('test/rule', 'It broke a rule.');

  const head = (node: number, to = a1, removed: readonly (typeof genesis)[] = []): Observation => ({
    type: 'head',
    node,
    head: to,
    old: genesis,
    removed,
  });
  const durable = (node: number, to = a1): Observation => ({ type: 'durable', node, head: to });
  const stopped = (node: number, why: unknown = null, torn: Torn = { kept: 0, lost: 0, isTorn: false }): Observation => ({
    type: 'stopped',
    node,
    error: why,
    torn,
  });
  const started = (node: number, at = genesis): Observation => ({
    type: 'started',
    node,
    incarnation: 2,
    chain: { head: at } as ChainView,
    lsn: Lsn(0),
  });
  const partition = (direction: 'both' | 'in'): Fault => ({ fault: 'partition', side: [0], direction, atMs: 0, forMs: 1 });
  const built = (block: typeof GENESIS.block): Observation => ({ type: 'built', node: 0, block });

  const CASES: readonly (readonly [string, readonly Observation[], readonly string[]])[] = [
    ['a crash', [stopped(0)], ['a node crashed']],
    [
      'a crash between two writes',
      [stopped(0, null, { kept: 1, lost: 1, isTorn: false })],
      ['a node crashed', 'a crash lost a write that was under way'],
    ],
    [
      'a crash in the midst of writes',
      [stopped(0, null, { kept: 1, lost: 2, isTorn: true })],
      ['a node crashed', 'a crash lost a write that was under way'],
    ],
    ['a crash with nothing to write', [stopped(0, null, { kept: 0, lost: 0, isTorn: false })], ['a node crashed']],
    ['a disk error', [stopped(0, new StorageError('storage/write', 'No.'))], ['a node crashed', 'a disk error stopped a node']],
    ['a new head', [head(0), durable(0)], []],
    ['a start with the head that it had', [head(0), durable(0), started(0, a1)], []],
    ['a start with an older head', [head(0), started(0)], ['a crash lost a head that was not durable']],
    ['a start with the head that another had', [head(0), started(1)], []],
    ['a short reorganisation', [head(0, a4, [a1, a2, a3])], ['a reorganisation']],
    ['a deep one', [head(0, a4, [a1, a2, a3, a4])], ['a reorganisation', 'a reorganisation deeper than 3']],
    ['a crash within one', [head(0, a2, [a1]), stopped(0)], ['a reorganisation', 'a node crashed', 'a crash during a reorganisation']],
    ['a crash after one', [head(0, a2, [a1]), durable(0, a2), stopped(0)], ['a reorganisation', 'a node crashed']],
    ['a crash of another during one', [head(0, a2, [a1]), stopped(1)], ['a reorganisation', 'a node crashed']],
    ['a valid block', [{ type: 'checked', node: 0, hash: a1.hash, error: null }], []],
    ['an invalid block', [{ type: 'checked', node: 0, hash: a1.hash, error }], ['a block was invalid']],
    ['an offence', [{ type: 'offence', node: 0, against: 1, error }], ['a peer was blamed']],
    ['an empty block', [built(GENESIS.block)], []],
    [
      'a full block',
      [built(blockWith(GENESIS.block, [{ from: 0, to: 1, nonce: 0, amount: 1 }], GENESIS.state))],
      ['a block with transfers'],
    ],
    ['a crash fault', [fault(true)], []],
    ['a crash for good', [fault(true, { ...CRASH, forMs: FOR_EVER_MS })], ['a node never came back']],
    ['a partition', [fault(true, partition('both'))], []],
    ['a partition one way', [fault(true, partition('in'))], ['an asymmetric partition']],
  ];

  it.each(CASES)('%s', (_what, observations, expected) => {
    const collector = new MarkCollector(COMMON_MARKS);
    for (const observation of observations) collector.observe(observation);
    expect([...collector.reached].sort()).toEqual([...expected].sort());
  });

  it('are all in this test', () => {
    const reached = new Set(CASES.flatMap(([, , expected]) => expected));
    expect(reached).toEqual(new Set(COMMON_MARKS.map(({ name }) => name)));
  });
});
