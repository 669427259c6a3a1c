/** Checkers of what is final and what is durable: each is silent when all is well, and objects to what is planted. */
import { describe, expect, it } from 'vitest';
import { Lsn } from '../../../src/base/types.ts';
import type { Block } from '../../../src/chain/block.ts';
import type { HeaderNode } from '../../../src/chain/tree.ts';
import { agreement } from '../../../src/simulator/checkers/agreement.ts';
import { acknowledgedWrites, durability } from '../../../src/simulator/checkers/durability.ts';
import { integrity } from '../../../src/simulator/checkers/integrity.ts';
import { reorgAtomicity } from '../../../src/simulator/checkers/reorg-atomicity.ts';
import { encodeTransfer, transfersRoot } from '../../../src/simulator/transfers.ts';
import { chainOn, childOf, GENESIS, GENESIS_STORED, nodeOf } from '../support.ts';
import { type BenchInput, CheckerBench } from './bench.ts';

const A = chainOn(GENESIS.block, 4);
const B = chainOn(GENESIS.block, 4, 1);
const [a1, a2, a3] = A.map((block) => nodeOf(block)) as [HeaderNode, HeaderNode, HeaderNode];
const [b1, b2] = B.map((block) => nodeOf(block)) as [HeaderNode, HeaderNode];

describe('Agreement', () => {
  const bench = (input?: BenchInput) => new CheckerBench(agreement, input);

  it('is silent while all finalize the same, at whatever time, and again after a crash', () => {
    const one = bench();
    one.follow(0, A);
    one.finalize(0, a1);
    one.finalize(0, a2);
    one.follow(1, A);
    one.finalize(1, a2);
    one.observe({ type: 'finalized', node: 0, block: a2, certificate: new Uint8Array(0) });
    expect(one.reports).toEqual([]);
  });

  it('objects when two nodes finalize different blocks of one height', () => {
    const one = bench();
    one.follow(0, A);
    one.finalize(0, a1);
    one.follow(1, B);
    one.finalize(1, b1);
    expect(one.reports).toEqual([
      { node: 1, expected: false, message: `Finalized ${b1.hash} at height 1; node 0 had finalized ${a1.hash}.` },
    ]);
  });

  it('objects when one node finalizes two, even if it died in between', () => {
    const one = bench();
    one.follow(0, A);
    one.finalize(0, a1);
    one.stop(0);
    one.start(0, 'empty');
    one.follow(0, B);
    one.finalize(0, b1);
    expect(one.reports).toHaveLength(1);
  });

  it('holds nobody to it who does not follow the protocol', () => {
    const one = bench({ nodes: 3, bad: [1] });
    one.follow(1, B);
    one.finalize(1, b1);
    one.follow(0, A);
    one.finalize(0, a1);
    expect(one.reports).toEqual([]);
  });
});

describe('Integrity', () => {
  const bench = () => new CheckerBench(integrity);

  it('is silent while heads are executed, finality ascends and restarts find a whole chain', () => {
    const one = bench();
    one.follow(0, A.slice(0, 2));
    one.finalize(0, a1);
    one.follow(0, A);
    one.finalize(0, a3);
    one.sync(0);
    one.stop(0);
    one.start(0);
    one.end();
    expect(one.reports).toEqual([]);
  });

  it('is silent when a head goes back to genesis', () => {
    const one = bench();
    one.follow(0, A.slice(0, 1));
    one.follow(0, []);
    one.end();
    expect(one.reports).toEqual([]);
  });

  it.each([
    ['is not executed', a1, true],
    ['has a parent that nobody knows', a2, false],
  ])('objects to a head that %s', (_what, head, isKept) => {
    const one = bench();
    if (isKept) one.insert(0, A[0] as Block);
    one.observe({ type: 'head', node: 0, head, old: GENESIS_STORED.node, removed: [] });
    expect(one.reports).toMatchObject([{ node: 0, message: expect.stringContaining('is not an executed block on a known parent') }]);
  });

  it('objects when a height is finalized again, or a lower one', () => {
    const one = bench();
    one.follow(0, A);
    one.finalize(0, a2);
    for (const block of [a2, a1]) one.observe({ type: 'finalized', node: 0, block, certificate: new Uint8Array(0) });
    expect(one.reports.map(({ message }) => message)).toEqual(['Finalized height 2 after height 2.', 'Finalized height 1 after height 2.']);
  });

  it('counts on after a restart', () => {
    const one = bench();
    one.follow(0, A);
    one.finalize(0, a2);
    one.sync(0);
    one.stop(0);
    one.start(0);
    one.observe({ type: 'finalized', node: 0, block: a2, certificate: new Uint8Array(0) });
    expect(one.reports).toHaveLength(1);
  });

  it('looks in the end at all that starts have found whole', () => {
    const one = bench();
    one.follow(0, A);
    one.sync(0);
    one.stop(0);
    one.start(0);
    Object.defineProperty(one.chain(0), 'status', { value: (hash: string) => (hash === a2.hash ? 'stored' : 'executed') });
    one.end();
    expect(one.reports).toMatchObject([{ node: 0, message: expect.stringContaining('broken at height 2') }]);
  });

  it('objects in the end to a canonical chain with a hole, and to a finalized block that is not in it', () => {
    const one = bench();
    one.follow(0, A);
    one.follow(1, A);
    one.finalize(1, a1);
    Object.defineProperty(one.chain(0), 'canonical', {
      value: (number: number) => (number === 2 ? b2.hash : A[number - 1] && nodeOf(A[number - 1] as Block).hash),
    });
    Object.defineProperty(one.chain(1), 'finalized', { value: b1 });
    one.end();
    expect(one.reports).toMatchObject([
      { node: 0, message: expect.stringContaining('broken at height 2') },
      { node: 1, message: expect.stringContaining('is not in the chain of the head') },
    ]);
  });
});

describe('Durability', () => {
  const bench = () => {
    const one = new CheckerBench(durability);
    one.follow(0, A);
    one.finalize(0, a2);
    return one;
  };

  it('is silent when a node comes back with what it had, or with more', () => {
    const one = bench();
    one.sync(0);
    one.observe({ type: 'persisted', node: 0, lsn: Lsn(4) });
    one.stop(0);
    one.start(0, 'as it was', 5);
    expect(one.reports).toEqual([]);
  });

  it('is silent when what is lost was never durable', () => {
    const one = bench();
    one.stop(0);
    one.start(0, 'empty');
    expect(one.reports).toEqual([]);
  });

  it('objects when a head, a finalized block or a log record is gone that was durable', () => {
    const one = bench();
    one.sync(0);
    one.observe({ type: 'persisted', node: 0, lsn: Lsn(4) });
    one.stop(0);
    one.start(0, 'empty', 3);
    expect(one.reports.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^Lost the head 4/),
      expect.stringMatching(/^Lost the finalized block 2/),
      'Lost log records: 4 were durable, 3 are left.',
    ]);
  });
});

describe('AcknowledgedWrites', () => {
  const transaction = encodeTransfer({ from: 0, to: 1, nonce: 0, amount: 5 });
  const paid = { ...childOf(GENESIS.block, 0, { transactionsRoot: transfersRoot([transaction]) }), transactions: [transaction] };
  const other = B[0] as Block;

  /** A client gave it to node 0, which has it in a final block on disk. */
  const acknowledged = () => {
    const one = new CheckerBench(acknowledgedWrites);
    one.observe({ type: 'submitted', node: 0, transaction });
    one.follow(0, [paid]);
    one.finalize(0, nodeOf(paid));
    one.sync(0);
    return one;
  };

  it('is silent while every node has what a client was told is done', () => {
    const one = acknowledged();
    one.follow(1, [paid]);
    one.finalize(1, nodeOf(paid));
    one.stop(0);
    one.start(0);
    one.end();
    expect(one.reports).toEqual([]);
  });

  it('objects when another node has another block there', () => {
    const one = acknowledged();
    one.follow(1, [other]);
    one.finalize(1, nodeOf(other));
    one.end();
    expect(one.reports).toMatchObject([{ node: 1, message: expect.stringContaining('Has lost 1 transactions of block 1') }]);
  });

  it('objects when the node itself comes back with another block there', () => {
    const one = acknowledged();
    one.stop(0);
    one.start(0, 'empty');
    one.follow(0, [other]);
    one.finalize(0, nodeOf(other));
    one.end();
    expect(one.reports).toHaveLength(1);
  });
});

describe('ReorgAtomicity', () => {
  const bench = () => new CheckerBench(reorgAtomicity);

  it('is silent after whole reorganisations, to a longer branch and to a shorter', () => {
    const one = bench();
    one.follow(0, A.slice(0, 2));
    one.follow(0, B);
    one.follow(0, A.slice(0, 3));
    expect(one.reports).toEqual([]);
  });

  const planted = (break_: (one: CheckerBench) => void) => {
    const one = bench();
    one.follow(0, A);
    for (const block of B.slice(0, 2)) one.insert(0, block);
    for (const { hash } of [b1, b2]) one.chain(0).executed(hash, GENESIS.state);
    const { oldHead, newHead, removed } = one.chain(0).setHead(b2.hash, () => undefined);
    break_(one);
    one.observe({ type: 'head', node: 0, head: newHead, old: oldHead, removed });
    return one.reports.map(({ message }) => message);
  };
  const canonical = (one: CheckerBench, wrong: { readonly [number: number]: string }) => {
    const real = one.chain(0).canonical.bind(one.chain(0));
    Object.defineProperty(one.chain(0), 'canonical', { value: (number: number) => wrong[number] ?? real(number) });
  };

  it('is silent after one that is whole, also when it is made by hand', () => expect(planted(() => undefined)).toEqual([]));

  it('objects when a block of the old branch shines through below the head, or above it', () => {
    expect(planted((one) => canonical(one, { 1: a1.hash }))).toEqual([
      expect.stringContaining(`the canonical block of height 1 is ${a1.hash}`),
    ]);
    expect(planted((one) => canonical(one, { 3: a3.hash }))).toEqual([
      expect.stringContaining(`block ${a3.hash} of height 3 is still canonical`),
    ]);
  });

  it('objects when a block of the new branch is not executed', () => {
    const status = (one: CheckerBench) =>
      Object.defineProperty(one.chain(0), 'status', { value: (hash: string) => (hash === b1.hash ? 'stored' : 'executed') });
    expect(planted(status)).toEqual([expect.stringContaining('is stored, not executed')]);
  });
});
