/** The contract between engine and driver: silent when both keep it, and an objection to each way of breaking it. */
import { beforeEach, describe, expect, it } from 'vitest';
import { EMPTY } from '../../../src/base/bytes.ts';
import { Lsn, ZERO_HASH } from '../../../src/base/types.ts';
import type { Block } from '../../../src/chain/block.ts';
import { hashHeader } from '../../../src/chain/header.ts';
import type { Effect, Event } from '../../../src/consensus/engine.ts';
import { contract } from '../../../src/simulator/checkers/contract.ts';
import { chainOn, factsOf, GENESIS, nodeOf } from '../support.ts';
import { CheckerBench } from './bench.ts';

const [first, second] = chainOn(GENESIS.block, 2) as [Block, Block];
const [h1, h2] = [first, second].map(({ header }) => hashHeader(header)) as [typeof ZERO_HASH, typeof ZERO_HASH];
const TIMER: Event<unknown> = { type: 'timer', id: 'tick' };
const SET: Effect<unknown> = { type: 'setTimer', id: 'tick', delayMs: 5 };
const facts = factsOf(1);
const header = first.header;

let bench: CheckerBench;
beforeEach(() => {
  bench = new CheckerBench(contract);
  bench.start(0, 'as it was', 3);
});

const step = (event: Event<unknown>, ...effects: readonly Effect<unknown>[]) => bench.observe({ type: 'step', node: 0, event, effects });
const begin = (...effects: readonly Effect<unknown>[]) => step({ type: 'start', incarnation: 1, records: [], lsn: Lsn(3) }, ...effects);
const persist = (lsn: number, records = 1): Effect<unknown> => ({
  type: 'persist',
  lsn: Lsn(lsn),
  records: new Array(records).fill(EMPTY),
});
const build = (request: number): Effect<unknown> => ({
  type: 'build',
  request,
  parent: h1,
  fields: { timestamp: 1, beneficiary: header.beneficiary, difficulty: 1n, mixHash: ZERO_HASH, nonce: '0x', payload: EMPTY },
});
const built = (request: number): Event<unknown> => ({ type: 'built', request, block: null });
const seal = (request: number): Effect<unknown> => ({ type: 'seal', request, header, target: 1n });
const sealed = (request: number): Event<unknown> => ({ type: 'sealed', request, header });
const checked = (hash = h1): Event<unknown> => ({ type: 'checked', hash, error: null });
const check = (hash = h1): Effect<unknown> => ({ type: 'check', hash });
const insert = (block: Block): Effect<unknown> => ({ type: 'insert', block, facts });
const durable = (lsn: number) => bench.observe({ type: 'persisted', node: 0, lsn: Lsn(lsn) });
const messages = () => bench.reports.map(({ message }) => message);

describe('Contract: what the driver tells the engine', () => {
  it('is a timer that is set, once for each setting', () => {
    begin(SET);
    step(TIMER, SET, SET);
    step(TIMER);
    expect(messages()).toEqual([]);
    step(TIMER);
    expect(messages()).toEqual([expect.stringContaining("Timer 'tick' fired, which is not set")]);
  });

  it('is no timer that was cancelled, nor one of the life before', () => {
    begin(SET, { type: 'cancelTimer', id: 'tick' });
    step(TIMER);
    begin(SET);
    bench.stop(0);
    bench.start(0, 'as it was', 3);
    step(TIMER);
    expect(messages()).toHaveLength(2);
  });

  it('is an answer to the last build and the last seal alone', () => {
    begin(build(1), build(2), seal(1));
    step(built(2));
    step(sealed(1));
    expect(messages()).toEqual([]);
    step(built(1));
    begin(seal(2), { type: 'unseal', request: 2 });
    step(sealed(2));
    expect(messages()).toEqual([expect.stringContaining('A reply to build 1'), expect.stringContaining('A reply to seal 2')]);
  });

  it('is an answer to each check, and to no other', () => {
    bench.insert(0, first);
    begin(check(), check());
    step(checked());
    step(checked());
    expect(messages()).toEqual([]);
    step(checked());
    expect(messages()).toEqual([expect.stringContaining('which was not to be executed')]);
  });

  it('is a record on disk only when it is there', () => {
    begin(persist(4));
    durable(4);
    step({ type: 'persisted', lsn: Lsn(4) });
    expect(messages()).toEqual([]);
    step({ type: 'persisted', lsn: Lsn(5) });
    expect(messages()).toEqual(['Record 5 is said to be durable; the disk has 4.']);
  });
});

describe('Contract: what the driver lets happen', () => {
  const after = Lsn(4);
  const message = { vote: 1 };
  const WAITING: readonly Effect<unknown>[] = [
    { type: 'send', to: '*', message, after },
    { type: 'announce', block: first, after },
    { type: 'setHead', hash: h1, after },
    { type: 'finalize', hash: h1, certificate: EMPTY, after },
  ];
  const leave = () =>
    bench.observe(
      { type: 'sending', node: 0, message },
      { type: 'announced', node: 0, block: first },
      { type: 'head', node: 0, head: nodeOf(first), old: nodeOf(GENESIS.block), removed: [] },
      { type: 'finalized', node: 0, block: nodeOf(first), certificate: EMPTY },
    );

  beforeEach(() => {
    bench.follow(0, [first]);
    begin(persist(4), ...WAITING);
  });

  it('is what waits for a record, once that is durable', () => {
    durable(4);
    leave();
    expect(messages()).toEqual([]);
  });

  it('is nothing that waits for a record which is not: the rule that a crash would show', () => {
    leave();
    expect(messages()).toEqual([
      'A message left before record 4 was durable; the disk has 3.',
      'A block was announced before record 4 was durable; the disk has 3.',
      expect.stringMatching(/became the head before record 4/),
      expect.stringMatching(/was finalized before record 4/),
    ]);
  });
});

describe('Contract: what the engine answers', () => {
  it('counts records without a gap, from where the log ended', () => {
    begin(persist(4), persist(6, 2), persist(6, 0));
    expect(messages()).toEqual([]);
    step(TIMER, persist(8));
    step(TIMER, persist(8));
    expect(messages().filter((text) => text.includes('Writes'))).toEqual([
      expect.stringContaining('Writes 1 records up to 8; expected 7'),
      expect.stringContaining('expected 9'),
    ]);
  });

  it('waits for no record that was never written', () => {
    begin({ type: 'send', to: '*', message: 1, after: Lsn(4) });
    expect(messages()).toEqual(["On event 'start': 'send' waits for record 4; the last that was written is 3."]);
  });

  it('keeps blocks on parents that are there, in the same step at the latest', () => {
    begin(insert(first), insert(second));
    expect(messages()).toEqual([]);
    begin(insert(chainOn(second, 2)[1] as Block));
    expect(messages()).toEqual([expect.stringContaining('is kept without its parent')]);
  });

  it('executes what is kept, on what is executed or soon will be, and no invalid block again', () => {
    bench.insert(0, first);
    bench.insert(0, second);
    begin(check(h1), check(h2));
    expect(messages()).toEqual([]);
    bench.stop(0);
    bench.start(0);
    begin(check(h1));
    expect(messages()).toEqual([expect.stringContaining('was never inserted')]);
    bench.insert(0, first);
    bench.insert(0, second);
    begin(check(h2));
    bench.chain(0).invalid(h1);
    begin(check(h1));
    expect(messages().slice(1)).toEqual([expect.stringContaining('known to be invalid')]);
  });

  it('executes no block before its parent', () => {
    bench.insert(0, first);
    bench.insert(0, second);
    begin(check(h2));
    expect(messages()).toEqual([expect.stringContaining(`is to be executed before its parent ${h1}`)]);
  });

  it('has executed blocks for heads', () => {
    bench.insert(0, first);
    begin({ type: 'setHead', hash: h1 });
    expect(messages()).toEqual([expect.stringContaining('is to be the head and is not executed')]);
    bench.chain(0).executed(h1, GENESIS.state);
    begin({ type: 'setHead', hash: h1 });
    expect(messages()).toHaveLength(1);
  });

  it("is nobody else's business where a node does not follow the protocol", () => {
    bench = new CheckerBench(contract, { bad: [0] });
    bench.start(0);
    step(TIMER, persist(99));
    expect(messages()).toEqual([]);
  });
});
