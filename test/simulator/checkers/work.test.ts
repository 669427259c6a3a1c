/** Checkers of proof-of-work, of blame and of progress: each is silent when all is well, and objects to what is planted. */
import { describe, expect, it } from 'vitest';
import { RuleError } from '../../../src/base/errors.ts';
import type { Block } from '../../../src/chain/block.ts';
import type { HeaderNode } from '../../../src/chain/tree.ts';
import { blame } from '../../../src/simulator/checkers/blame.ts';
import { commonPrefix, PREFIX_BLOCKS, prefixBlocks } from '../../../src/simulator/checkers/common-prefix.ts';
import { termination } from '../../../src/simulator/checkers/termination.ts';
import { headIsMaxWork, workMonotone } from '../../../src/simulator/checkers/work.ts';
import type { Fault } from '../../../src/simulator/faults.ts';
import type { Observation } from '../../../src/simulator/observations.ts';
import { PROGRESS_BLOCKS, type Recovery } from '../../../src/simulator/recovery.ts';
import { chainOn, GENESIS, nodeOf } from '../support.ts';
import { type BenchInput, CheckerBench } from './bench.ts';

const A = chainOn(GENESIS.block, 40);
const B = chainOn(GENESIS.block, 40, 1);
const at = (blocks: readonly Block[], height: number): HeaderNode => nodeOf(blocks[height - 1] ?? GENESIS.block);
const HOUR_MS = 3_600_000;

describe('WorkMonotone', () => {
  const bench = (input?: BenchInput) => new CheckerBench(workMonotone, input);

  it('is silent while heads gain work, and when a node comes back with what was durable', () => {
    const one = bench();
    one.follow(0, A.slice(0, 2));
    one.sync(0);
    one.follow(0, B.slice(0, 3));
    one.stop(0);
    one.start(0);
    expect(one.reports).toEqual([]);
  });

  it('objects to a head with less work than the one before it, and with the same', () => {
    const one = bench();
    one.follow(0, A.slice(0, 2));
    one.follow(0, B.slice(0, 2));
    one.follow(0, A.slice(0, 1));
    expect(one.reports.map(({ message }) => message)).toEqual([
      expect.stringMatching(/of work 2 for .* of work 2/),
      expect.stringMatching(/of work 2 for .* of work 1/),
    ]);
  });

  it('objects to a start below the durable head', () => {
    const one = bench();
    one.follow(0, A);
    one.sync(0);
    one.stop(0);
    one.start(0, 'empty');
    expect(one.reports).toMatchObject([{ node: 0, message: expect.stringContaining('has less work than the durable head 40') }]);
  });

  it('holds nobody to it who does not follow the protocol', () => {
    const one = bench({ bad: [0] });
    one.follow(0, A.slice(0, 2));
    one.follow(0, B.slice(0, 1));
    expect(one.reports).toEqual([]);
  });
});

describe('HeadIsMaxWork', () => {
  const bench = (headHeight: number) => {
    const one = new CheckerBench(headIsMaxWork);
    one.follow(0, A.slice(0, headHeight));
    for (const block of B.slice(0, 5)) one.insert(0, block);
    return one;
  };

  it('is silent when the head is as heavy as anything that is known', () => {
    const one = bench(5);
    one.nowMs = HOUR_MS;
    one.end();
    expect(one.reports).toEqual([]);
  });

  it('objects when a heavier block has long been known', () => {
    const one = bench(4);
    one.nowMs = HOUR_MS;
    one.end();
    expect(one.reports).toMatchObject([{ node: 0, message: expect.stringMatching(/^Has head 4 .* knows of 5 .* with more work/) }]);
  });

  it('waits for a node that has only just heard of it, and for no block that is invalid', () => {
    const late = bench(4);
    late.nowMs = 1_000;
    late.end();
    const invalid = bench(4);
    invalid.chain(0).invalid(at(B, 1).hash);
    invalid.nowMs = HOUR_MS;
    invalid.end();
    expect([...late.reports, ...invalid.reports]).toEqual([]);
  });
});

describe('CommonPrefix', () => {
  const DEEP = PREFIX_BLOCKS + 1;
  const reorganised = (depth: number, prepare: (one: CheckerBench) => void = () => undefined, input: BenchInput = {}) => {
    const one = new CheckerBench(commonPrefix, input);
    one.follow(0, A.slice(0, depth));
    one.nowMs = HOUR_MS;
    prepare(one);
    one.follow(0, B.slice(0, depth + 1));
    return one.reports;
  };
  const fault = (what: Fault, active: boolean): Observation => ({ type: 'fault', fault: what, active });
  const PARTITION: Fault = { fault: 'partition', side: [0], direction: 'both', atMs: 0, forMs: 10 * HOUR_MS };

  it('is silent about a reorganisation that is not deeper than it may be', () => expect(reorganised(PREFIX_BLOCKS)).toEqual([]));

  it('objects to a deeper one on a network that is whole', () => {
    expect(reorganised(DEEP)).toMatchObject([
      { node: 0, expected: false, message: expect.stringContaining(`Gave up ${DEEP} blocks at once`) },
    ]);
    expect(reorganised(DEEP, undefined, { badShare: 0.3 })).toHaveLength(1);
  });

  it.each<Fault>([
    PARTITION,
    { fault: 'crash', node: 1, atMs: 0, forMs: 10 * HOUR_MS },
    { fault: 'clog', node: 1, atMs: 0, forMs: 10 * HOUR_MS },
    { fault: 'noise', loss: 0.5, duplicate: 0, reorder: 0, atMs: 0, forMs: 10 * HOUR_MS },
    { fault: 'clock', node: 1, offsetMs: 9_000, atMs: 0, forMs: 10 * HOUR_MS },
    { fault: 'hashRate', node: 1, factor: 20, atMs: 0, forMs: 10 * HOUR_MS },
  ])('is silent during what keeps blocks apart, and for a while after it: $fault', (what) => {
    expect(reorganised(DEEP, (one) => one.observe(fault(what, true)))).toEqual([]);
    expect(reorganised(DEEP, (one) => one.observe(fault(what, true), fault(what, false)))).toEqual([]);
    const longAgo = (one: CheckerBench) => {
      one.observe(fault(what, true), fault(what, false));
      one.nowMs += HOUR_MS;
    };
    expect(reorganised(DEEP, longAgo)).toHaveLength(1);
  });

  it('is silent until the last of several such faults has ended', () => {
    const prepare = (one: CheckerBench) => {
      one.observe(fault(PARTITION, true), fault(PARTITION, true), fault(PARTITION, false));
      one.nowMs += HOUR_MS;
    };
    expect(reorganised(DEEP, prepare)).toEqual([]);
  });

  it('says that it was to be expected when most of the hash power is against it, once for each node', () => {
    const reports = reorganised(DEEP, undefined, { badShare: 0.6 });
    expect(reports).toMatchObject([{ expected: true, message: expect.stringContaining('60% of the hash power is against it') }]);
    const one = new CheckerBench(commonPrefix, { badShare: 0.6 });
    for (const blocks of [A.slice(0, 30), B.slice(0, 31), A.slice(0, 32)]) one.follow(0, blocks);
    expect(one.reports).toHaveLength(1);
  });

  it('bears deeper ones the more power is against it, up to a half', () => {
    expect([0.1, 0.35, 0.36, 0.4, 0.45, 0.48].map((share) => prefixBlocks(share, 0))).toEqual([24, 24, 26, 37, 75, 186]);
    expect([prefixBlocks(0.4, 0.1), prefixBlocks(0.45, 0.1)]).toEqual([43, 101]);
    expect([prefixBlocks(0.5, 0), prefixBlocks(0.45, 1), prefixBlocks(0.7, 0)]).toEqual([Infinity, Infinity, Infinity]);
    const quick = { badShare: 0.36, options: { latencyMs: 0, jitterMs: 0, executionMs: 0, diskWriteMs: 0 } };
    expect(reorganised(prefixBlocks(0.36, 0), undefined, quick)).toEqual([]);
    expect(reorganised(prefixBlocks(0.36, 0) + 1, undefined, quick)).toMatchObject([
      { expected: false, message: expect.stringContaining('no more than 26 may be, with 36% of the hash power against it') },
    ]);
  });

  it('says nothing where luck may do it, nor of nodes that do not follow the protocol', () => {
    expect(reorganised(DEEP, undefined, { badShare: 0.4 })).toEqual([]);
    expect(reorganised(DEEP, undefined, { bad: [0] })).toEqual([]);
  });
});

describe('NoHonestBlamed', () => {
  const blamed = (code: string, input: BenchInput = {}, against = 1) => {
    const one = new CheckerBench(blame, { nodes: 3, ...input });
    one.observe({ type: 'offence', node: 0, against, error: new RuleError(code, 'It did something.') });
    return one.reports;
  };

  it('objects when a correct node blames a correct node', () => {
    expect(blamed('pow/proof')).toEqual([{ node: 0, expected: false, message: expect.stringContaining('Blames node 1') }]);
    expect(blamed('block/stateRoot')).toHaveLength(1);
  });

  it('is silent when either does not follow the protocol', () => {
    expect(blamed('pow/proof', { bad: [1] })).toEqual([]);
    expect(blamed('pow/proof', { bad: [0] })).toEqual([]);
  });

  it('is silent about silence, which the network may have caused', () => {
    expect([...blamed('sync/unresponsive'), ...blamed('sync/withheld')]).toEqual([]);
  });

  it('is silent about bad blocks that were relayed, where somebody makes bad blocks', () => {
    expect(blamed('block/stateRoot', { bad: [2], badShare: 0.3 })).toEqual([]);
    expect(blamed('pow/proof', { bad: [2], badShare: 0.3 })).toHaveLength(1);
  });
});

describe('Termination', () => {
  const recovery: Recovery = { members: [0, 1], quorum: 2, isOwed: true, boundMs: 1_000, reason: 'a test' };
  const calm = (changes: Partial<Recovery> = {}): Observation => ({ type: 'calm', recovery: { ...recovery, ...changes } });
  const ENOUGH = 2 + PROGRESS_BLOCKS;
  const probabilistic: BenchInput = {
    engine: { finality: 'probabilistic' },
    options: { latencyMs: 1, jitterMs: 0, executionMs: 0, diskWriteMs: 0 },
  };

  const bench = (input: BenchInput = probabilistic, changes: Partial<Recovery> = {}) => {
    const one = new CheckerBench(termination, { nodes: 3, ...input });
    for (const node of [0, 1]) one.follow(node, A.slice(0, 2));
    one.observe(calm(changes));
    return one;
  };

  it('is satisfied when all members have come so far, on one chain', () => {
    const one = bench();
    one.follow(0, A.slice(0, ENOUGH));
    expect(one.isSatisfied).toBe(false);
    one.follow(1, A.slice(0, ENOUGH));
    expect(one.isSatisfied).toBe(true);
    one.end();
    expect(one.reports).toEqual([]);
  });

  it('objects in the end when somebody did not come so far, and says who', () => {
    const one = bench();
    one.follow(0, A.slice(0, ENOUGH));
    one.end();
    expect(one.reports).toMatchObject([
      { expected: false, message: expect.stringMatching(new RegExp(`^no progress to height ${ENOUGH} on node 1 within 1000 ms`)) },
    ]);
  });

  it('objects when all have come so far and do not agree', () => {
    const one = bench();
    one.follow(0, A.slice(0, 30));
    one.follow(1, B.slice(0, 30));
    expect(one.isSatisfied).toBe(false);
    one.end();
    expect(one.reports).toMatchObject([{ message: expect.stringContaining('no agreement on one chain') }]);
  });

  it('lets heads differ in the last few blocks', () => {
    const one = bench();
    one.follow(0, A.slice(0, ENOUGH));
    one.follow(1, [...A.slice(0, ENOUGH - 1), ...chainOn(A[ENOUGH - 2] ?? GENESIS.block, 2, 1)]);
    expect(one.isSatisfied).toBe(true);
  });

  it('asks for final blocks where there are any', () => {
    const one = bench({ engine: { finality: 'instant' } });
    for (const node of [0, 1]) one.follow(node, A.slice(0, ENOUGH));
    expect(one.isSatisfied).toBe(false);
    for (const node of [0, 1]) one.finalize(node, at(A, ENOUGH));
    expect(one.isSatisfied).toBe(true);
  });

  it('counts a node that is down as one without progress', () => {
    const one = bench();
    one.follow(0, A.slice(0, ENOUGH));
    one.stop(1);
    one.end();
    expect(one.reports[0]?.message).toContain('node 1: down');
  });

  it('requires nothing of too few, of those that are no members, and before the faults have ended', () => {
    const few = bench(probabilistic, { isOwed: false });
    few.end();
    const early = new CheckerBench(termination, probabilistic);
    early.follow(0, A.slice(0, 1));
    early.end();
    const others = bench(probabilistic, { members: [0] });
    others.follow(0, A.slice(0, ENOUGH));
    expect(others.isSatisfied).toBe(true);
    expect([...few.reports, ...early.reports]).toEqual([]);
  });
});
