/** Chandra-Toueg's checkers: each is silent when all is well, and objects to what is planted. */
import { describe, expect, it } from 'vitest';
import { type Json, Lsn } from '../../../src/base/types.ts';
import type { Block } from '../../../src/chain/block.ts';
import { hashHeader } from '../../../src/chain/header.ts';
import type { ChandraTouegMessage } from '../../../src/consensus/chandra-toueg/messages.ts';
import { encodeRecord } from '../../../src/consensus/chandra-toueg/records.ts';
import type { Effect, Event } from '../../../src/consensus/engine.ts';
import {
  adoptedBeforeSaid,
  decidedByMajority,
  lockedValue,
  oneValuePerRound,
  promisesKept,
  reliableBroadcast,
  uniformAgreement,
  uniformIntegrity,
  uniformValidity,
} from '../../../src/simulator/checkers/chandra-toueg.ts';
import { eventualWeakAccuracy, strongCompleteness } from '../../../src/simulator/checkers/chandra-toueg-detector.ts';
import type { CheckerFactory } from '../../../src/simulator/checkers/checker.ts';
import { placeId } from '../../../src/simulator/places.ts';
import { childOf, GENESIS } from '../support.ts';
import { CheckerBench } from './bench.ts';

const A = childOf(GENESIS.block, 1);
const B = childOf(GENESIS.block, 2);
const hashOf = ({ header }: Block) => hashHeader(header);
const named = (block: Block) => ({ hash: hashOf(block), block: null });
const whole = (block: Block) => ({ hash: hashOf(block), block });
const TICK: Event<ChandraTouegMessage> = { type: 'timer', id: 'heartbeat' };

/** Nodes that say and write what a test wants. */
class Bench extends CheckerBench {
  readonly #lsns: number[];

  constructor(factory: CheckerFactory, nodes = 3) {
    super(factory, { nodes, options: { engine: { heartbeatMs: 100, suspicionMs: 500, maxSuspicionMs: 1_000 } } });
    this.#lsns = Array.from({ length: nodes }, () => 0);
    for (let node = 0; node < nodes; node++) this.begin(node);
  }

  begin(node: number): void {
    this.observe({ type: 'started', node, incarnation: 1, chain: this.chain(node), lsn: Lsn(this.#lsns[node] ?? 0) });
  }

  act(node: number, effects: readonly Effect<ChandraTouegMessage>[], event: Event<ChandraTouegMessage> = TICK): void {
    this.observe({ type: 'step', node, event, effects });
  }

  /** Into the log: not on disk before `flush`. */
  write(node: number, timestamp: number, block: Block): void {
    const lsn = Lsn((this.#lsns[node] ?? 0) + 1);
    this.#lsns[node] = lsn;
    const records = [encodeRecord({ type: 'estimate', height: block.header.number, timestamp, block })];
    this.act(node, [{ type: 'persist', lsn, records }]);
  }

  flush(node: number): void {
    this.observe({ type: 'persisted', node, lsn: Lsn(this.#lsns[node] ?? 0) });
  }

  adopt(timestamp: number, block: Block, ...nodes: readonly number[]): void {
    for (const node of nodes) {
      this.write(node, timestamp, block);
      this.flush(node);
    }
  }

  send(node: number, message: ChandraTouegMessage): void {
    this.observe({ type: 'sending', node, message });
  }

  trace(node: number, name: string, data: { readonly [key: string]: Json }): void {
    this.act(node, [{ type: 'trace', name, data }]);
  }

  hear(node: number, from: number, message: ChandraTouegMessage, told: readonly number[] = []): void {
    const effects = told.map((to) => ({ type: 'send', to: placeId(to), message }) as const);
    this.act(node, effects, { type: 'message', from: placeId(from), message });
  }

  built(block: Block): void {
    this.observe({ type: 'built', node: 0, block });
  }

  get objections(): (readonly [number, string])[] {
    return this.reports.map(({ node, message }) => [node, message.replaceAll(/0x[0-9a-f]{64}/g, '#')]);
  }
}

describe('decisions', () => {
  it('UniformAgreement objects to two, also of a node that is gone', () => {
    const bench = new Bench(uniformAgreement);
    bench.follow(0, [A]);
    bench.follow(1, [A]);
    bench.stop(0);
    expect(bench.objections).toEqual([]);
    bench.follow(2, [B]);
    expect(bench.objections).toEqual([[2, 'Decides # at height 1; node 0 decided #.']]);
  });

  it('UniformIntegrity objects to a height that is decided again', () => {
    const bench = new Bench(uniformIntegrity);
    bench.follow(0, [A]);
    expect(bench.objections).toEqual([]);
    bench.follow(0, [B]);
    expect(bench.objections).toEqual([[0, 'Decides height 1 (#) after height 1 (#).']]);
  });

  it('UniformValidity objects to what nobody built', () => {
    const bench = new Bench(uniformValidity);
    bench.built(A);
    bench.follow(0, [A]);
    expect(bench.objections).toEqual([]);
    bench.follow(1, [B]);
    expect(bench.objections).toEqual([[1, 'Decides # at height 1, which no member has built.']]);
  });

  it('DecidedByMajority objects to one that is not on enough disks', () => {
    const bench = new Bench(decidedByMajority);
    bench.adopt(1, A, 0, 1);
    bench.trace(0, 'decided', { height: 1, round: 1, hash: hashOf(A), acks: 2 });
    expect(bench.objections).toEqual([]);
    bench.adopt(2, A, 1);
    bench.write(2, 2, A);
    bench.trace(1, 'decided', { height: 1, round: 2, hash: hashOf(A), acks: 2 });
    expect(bench.objections).toEqual([[1, 'Decides # in round 2 of height 1, which is on the disks of node 1 only; expected 2.']]);
  });

  it('ReliableBroadcast objects to who keeps a decision to itself', () => {
    const bench = new Bench(reliableBroadcast);
    bench.hear(0, 1, { type: 'decide', height: 1, value: named(A) }, [2]);
    bench.hear(0, 2, { type: 'decide', height: 1, value: named(A) });
    bench.hear(1, 2, { type: 'decide', height: 1, value: whole(A) });
    expect(bench.objections).toEqual([]);
    bench.hear(2, 1, { type: 'decide', height: 1, value: named(A) });
    expect(bench.objections).toEqual([[2, 'Hears of the decision at height 1, and tells 0 of 1 others.']]);
  });
});

describe('estimates', () => {
  it('OneValuePerRound objects to a second one', () => {
    const bench = new Bench(oneValuePerRound);
    bench.adopt(1, A, 0, 1);
    bench.adopt(2, B, 0);
    bench.write(2, 1, B);
    expect(bench.objections).toEqual([]);
    bench.flush(2);
    expect(bench.objections).toEqual([[2, 'Adopts # in round 1 of height 1, where others adopted #.']]);
  });

  it('LockedValue is silent while no majority has a value, and when it is kept', () => {
    const bench = new Bench(lockedValue);
    bench.adopt(1, A, 0);
    bench.write(1, 1, A);
    bench.adopt(2, B, 0, 2);
    bench.adopt(3, B, 0, 1, 2);
    bench.follow(0, [B]);
    expect(bench.objections).toEqual([]);
  });

  it('LockedValue objects to another one in a later round, and to another decision', () => {
    const bench = new Bench(lockedValue);
    bench.adopt(1, A, 0, 1);
    bench.write(2, 2, B);
    bench.follow(2, [B]);
    expect(bench.objections).toEqual([
      [2, 'Adopts # in round 2 of height 1, where a majority has adopted # in round 1.'],
      [2, 'Decides # at height 1, where a majority has adopted #.'],
    ]);
  });

  it('PromisesKept objects to an answer in a round that was left, a crash in between or not', () => {
    const bench = new Bench(promisesKept);
    bench.send(0, { type: 'ack', height: 1, round: 1 });
    bench.send(0, { type: 'estimate', height: 1, round: 2, timestamp: 1, value: named(A) });
    bench.send(0, { type: 'ack', height: 1, round: 2 });
    bench.send(0, { type: 'ack', height: 2, round: 1 });
    expect(bench.objections).toEqual([]);
    bench.begin(0);
    bench.send(0, { type: 'ack', height: 1, round: 1 });
    expect(bench.objections).toEqual([[0, 'Sends ack in round 1 of height 1, and has told others of round 2.']]);
  });

  it('AdoptedBeforeSaid objects to what leaves before it is on disk', () => {
    const bench = new Bench(adoptedBeforeSaid);
    bench.adopt(1, A, 0);
    bench.send(0, { type: 'ack', height: 1, round: 1 });
    expect(bench.objections).toEqual([]);
    bench.write(1, 1, A);
    bench.send(1, { type: 'ack', height: 1, round: 1 });
    expect(bench.objections).toEqual([[1, 'Sends ack in round 1 of height 1, and its disk does not have the estimate.']]);
  });
});

describe('the failure detector', () => {
  const beat = { type: 'heartbeat', decided: 0 } as const;

  it('StrongCompleteness objects to silence that nobody minds', () => {
    const bench = new Bench(strongCompleteness);
    bench.nowMs = 2_000;
    bench.hear(0, 1, beat);
    bench.trace(0, 'suspected', { node: placeId(2) });
    bench.nowMs = 3_000;
    bench.act(0, []);
    expect(bench.objections).toEqual([]);
    bench.trace(0, 'trusted', { node: placeId(2) });
    bench.act(0, []);
    expect(bench.objections).toEqual([[0, 'Has not heard node 2 for 3000 ms, and does not suspect it.']]);
  });

  it('EventualWeakAccuracy objects when everybody is suspected by somebody in a long calm', () => {
    const bench = new Bench(eventualWeakAccuracy);
    const recovery = { members: [0, 1, 2], quorum: 2, isOwed: true, boundMs: 1, reason: '' };
    bench.observe({ type: 'calm', recovery });
    bench.trace(0, 'suspected', { node: placeId(1) });
    bench.trace(1, 'suspected', { node: placeId(0) });
    bench.nowMs = 19_000;
    bench.end();
    expect(bench.objections).toEqual([]);
    bench.trace(1, 'suspected', { node: placeId(2) });
    expect(bench.objections).toEqual([[-1, '19000 ms after the last fault each of node 0, 1, 2 is suspected by another.']]);
  });

  it('EventualWeakAccuracy is silent while some may not be connected again, or may not wait long enough yet', () => {
    const bench = new Bench(eventualWeakAccuracy);
    bench.observe({ type: 'calm', recovery: { members: [0, 1, 2], quorum: 2, isOwed: true, boundMs: 1, reason: '' } });
    for (const node of [0, 1, 2]) bench.trace(node, 'suspected', { node: placeId((node + 1) % 3) });
    bench.nowMs = 18_999;
    bench.end();
    expect(bench.objections).toEqual([]);
  });
});
