/** Zab's checkers: each is silent when all is well, and objects to what is planted. */
import { describe, expect, it } from 'vitest';
import { type Json, Lsn } from '../../../src/base/types.ts';
import type { Block } from '../../../src/chain/block.ts';
import type { ZabMessage } from '../../../src/consensus/zab/messages.ts';
import { encodeRecord, type ZabRecord } from '../../../src/consensus/zab/records.ts';
import type { CheckerFactory } from '../../../src/simulator/checkers/checker.ts';
import {
  epochPromise,
  historyBeforeEpoch,
  leadership1,
  leadership2,
  primaryIntegrity,
} from '../../../src/simulator/checkers/zab-epochs.ts';
import {
  globalPrimaryOrder,
  localPrimaryOrder,
  prefixConsistency,
  totalOrder,
  zabIntegrity,
} from '../../../src/simulator/checkers/zab-orders.ts';
import { blocksOf, hashOfBlock } from '../../consensus/members/world.ts';
import { GENESIS } from '../support.ts';
import { CheckerBench } from './bench.ts';

const [A1, A2] = blocksOf(GENESIS.block, [1, 1]) as [Block, Block];
const [B1, B2] = blocksOf(GENESIS.block, [2, 2], 5) as [Block, Block];

/** Nodes that say and write what a test wants; what they write is on disk at once. */
class Bench extends CheckerBench {
  readonly #lsns = [0, 0, 0];

  constructor(factory: CheckerFactory) {
    super(factory, { nodes: 3 });
    for (const node of [0, 1, 2]) this.observe({ type: 'started', node, incarnation: 1, chain: this.chain(node), lsn: Lsn(0) });
  }

  write(node: number, ...records: readonly ZabRecord[]): void {
    const lsn = Lsn((this.#lsns[node] ?? 0) + records.length);
    this.#lsns[node] = lsn;
    const effects = [{ type: 'persist', lsn, records: records.map(encodeRecord) }] as const;
    this.observe({ type: 'step', node, event: { type: 'timer', id: 'x' }, effects }, { type: 'persisted', node, lsn });
  }

  has(node: number, ...blocks: readonly Block[]): void {
    this.write(node, ...blocks.map((block) => ({ type: 'block', block }) as const));
  }

  enter(node: number, current: number): void {
    this.write(node, { type: 'epochs', epochs: { accepted: current, acceptedFrom: null, current }, stored: 0 });
  }

  trace(node: number, name: string, epoch: number, block: Block): void {
    const data: { [key: string]: Json } = { epoch, height: block.header.number, hash: hashOfBlock(block) };
    this.observe({ type: 'step', node, event: { type: 'timer', id: 'x' }, effects: [{ type: 'trace', name, data }] });
  }

  propose(node: number, epoch: number, block: Block): void {
    const before = { height: block.header.number - 1, hash: block.header.parentHash };
    const message: ZabMessage = { type: 'propose', epoch, before, block };
    this.observe({ type: 'sending', node, message });
  }

  acknowledge(node: number, epoch: number): void {
    const last = { epoch: 0, height: 0, hash: hashOfBlock(GENESIS.block) };
    const message: ZabMessage = { type: 'ackEpoch', epoch, isCounted: true, current: 0, last, decided: 0 };
    this.observe({ type: 'sending', node, message });
  }

  get count(): number {
    return this.reports.length;
  }
}

describe('epochs', () => {
  it('EpochPromise objects to who acknowledges an epoch after a later one', () => {
    const bench = new Bench(epochPromise);
    bench.acknowledge(0, 1);
    bench.acknowledge(1, 2);
    bench.acknowledge(0, 2);
    bench.acknowledge(0, 2);
    expect(bench.reports).toEqual([]);
    bench.acknowledge(1, 1);
    expect(bench.count).toBe(1);
  });

  it('Leadership1 objects to a second leader of an epoch', () => {
    const bench = new Bench(leadership1);
    bench.propose(0, 1, A1);
    bench.propose(1, 2, A1);
    expect(bench.reports).toEqual([]);
    bench.propose(2, 1, A1);
    expect(bench.count).toBe(1);
  });

  it('Leadership2 objects when no quorum has the epoch, or the block, on disk', () => {
    const bench = new Bench(leadership2);
    for (const node of [0, 1]) bench.enter(node, 1);
    for (const node of [0, 1]) bench.has(node, A1);
    bench.trace(0, 'committed', 1, A1);
    expect(bench.reports).toEqual([]);
    bench.has(0, A2);
    bench.trace(0, 'committed', 1, A2);
    bench.trace(0, 'committed', 2, A1);
    expect(bench.count).toBe(2);
    bench.write(1, { type: 'cut', height: 0 });
    bench.trace(0, 'committed', 1, A1);
    expect(bench.count).toBe(3);
  });

  it('PrimaryIntegrity objects to a leader without what was delivered', () => {
    const bench = new Bench(primaryIntegrity);
    bench.follow(0, [A1]);
    bench.insert(1, A1);
    bench.insert(1, A2);
    bench.trace(1, 'newLeader', 2, A2);
    expect(bench.reports).toEqual([]);
    bench.insert(2, B1);
    bench.trace(2, 'newLeader', 3, B1);
    bench.trace(2, 'newLeader', 4, GENESIS.block);
    expect(bench.count).toBe(2);
  });

  it('HistoryBeforeEpoch objects to an epoch on disk without its history', () => {
    const bench = new Bench(historyBeforeEpoch);
    bench.trace(0, 'newLeader', 1, A1);
    bench.has(1, A1);
    bench.enter(1, 1);
    expect(bench.reports).toEqual([]);
    bench.enter(2, 1);
    bench.enter(2, 9);
    expect(bench.count).toBe(2);
  });
});

describe('orders', () => {
  it('Integrity objects to what nobody proposed, and to what no quorum has on disk', () => {
    const bench = new Bench(zabIntegrity);
    bench.propose(0, 1, A1);
    for (const node of [0, 1]) bench.has(node, A1);
    bench.follow(0, [A1]);
    expect(bench.reports).toEqual([]);
    bench.propose(0, 1, A2);
    bench.follow(0, [A2]);
    expect(bench.count).toBe(1);
    for (const node of [1, 2]) bench.has(node, B1);
    bench.follow(1, [B1]);
    expect(bench.count).toBe(2);
  });

  it('TotalOrder and PrefixConsistency object to two blocks at one height', () => {
    for (const factory of [totalOrder, prefixConsistency]) {
      const bench = new Bench(factory);
      bench.follow(0, [A1, A2]);
      bench.follow(1, [A1]);
      expect(bench.reports).toEqual([]);
      bench.follow(2, [B1]);
      expect(bench.count).toBeGreaterThan(0);
    }
  });

  it('LocalPrimaryOrder objects to a zxid of two blocks, and to blocks out of order', () => {
    const bench = new Bench(localPrimaryOrder);
    for (const block of [A1, A2, A2, B1]) bench.propose(0, 2, block);
    expect(bench.reports).toEqual([]);
    const [other, after] = blocksOf(GENESIS.block, [1, 1], 9) as [Block, Block];
    bench.propose(0, 1, other);
    bench.propose(0, 1, after);
    expect(bench.count).toBeGreaterThanOrEqual(2);
  });

  it('GlobalPrimaryOrder objects to an earlier epoch after a later one', () => {
    const bench = new Bench(globalPrimaryOrder);
    bench.follow(0, [A1, A2]);
    bench.follow(1, [B1, B2]);
    expect(bench.reports).toEqual([]);
    bench.follow(2, blocksOf(GENESIS.block, [3, 1], 4));
    expect(bench.count).toBe(1);
  });
});
