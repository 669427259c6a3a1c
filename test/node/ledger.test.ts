import { expect, test } from 'vitest';
import { present } from '../../src/base/assert.ts';
import { RuleError } from '../../src/base/errors.ts';
import type { Hash } from '../../src/base/types.ts';
import type { BuildFields } from '../../src/consensus/engine.ts';
import type { Executor } from '../../src/execution/executor.ts';
import type { Mempool } from '../../src/mempool/mempool.ts';
import { type LedgerOptions, NodeLedger } from '../../src/node/ledger.ts';
import { ChainStore } from '../../src/storage/chain-store.ts';
import type { Database } from '../../src/storage/database.ts';
import { MemoryDatabase } from '../../src/storage/memory.ts';
import { buildChain, buildGenesis } from '../support/chain.ts';

const genesis = buildGenesis();

/** A ledger over two blocks that are stored; `executed` are the heights that it has executed. */
async function openLedger(database: Database, options: Partial<LedgerOptions> = {}) {
  const blocks = buildChain(genesis, 2);
  const store = await ChainStore.open(database, genesis);
  for (const { block, facts } of blocks) store.insert(block, facts);
  const executed: number[] = [];
  const builtOn: number[] = [];
  const executor: Pick<Executor, 'execute' | 'build'> = {
    async build({ number }) {
      builtOn.push(number);
      throw new RuleError('test/no-block', 'No block is made here.');
    },
    async execute({ header }) {
      executed.push(header.number);
      return present(blocks[header.number - 1], 'a block of this height').execution;
    },
  };
  const ledger = new NodeLedger({
    store,
    executor: executor as Executor,
    pool: { *returning() {}, headChanged: () => undefined } as unknown as Mempool,
    engine: { randomness: () => genesis.hash } as unknown as LedgerOptions['engine'],
    gasLimit: 0n,
    buildTimeMs: 0,
    onExecuted: () => undefined,
    onHead: () => undefined,
    onInvalid: () => undefined,
    onBuildFailed: () => undefined,
    fatal: (error) => {
      throw error;
    },
    ...options,
  });
  const check = (hash: Hash) => new Promise((resolve) => ledger.check(hash, resolve));
  const [first, second] = blocks.map(({ hash }) => hash);
  return { ledger, check, executed, builtOn, first: present(first, 'a block'), second: present(second, 'a block') };
}

/** Far more turns of the promise queue than a ledger takes to come to rest. */
const MOST_TURNS = 16;

test.each(Array.from({ length: MOST_TURNS }, (_, turns) => turns))(
  'a check asked %i promises after the last was answered is done',
  async (turns) => {
    const { ledger, check, first, second } = await openLedger(new MemoryDatabase());

    await check(first);
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();

    expect(await check(second)).toBe(null);
    await ledger.stop();
  },
);

test('a ledger that has written too much for the disk waits for it before it executes on', async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const { promise: slow, resolve: begun } = Promise.withResolvers<void>();
  let isSlow = false;
  const database = new MemoryDatabase(() => {
    if (!isSlow) return undefined;
    begun();
    return released;
  });
  const { ledger, check, executed, first, second } = await openLedger(database, { maxPendingBytes: 0 });
  await check(first);
  isSlow = true;
  const answer = check(second);
  await slow;
  expect(executed).toEqual([1]);

  release();

  expect(await answer).toBe(null);
  expect(executed).toEqual([1, 2]);
  await ledger.stop();
});

test('a build on a block that is not the head yet waits until it is, or until it has waited long enough', async () => {
  const timers: (() => void)[] = [];
  const { ledger, check, builtOn, first, second } = await openLedger(new MemoryDatabase(), {
    setTimer: (_delayMs, callback) => timers.push(callback),
  });
  const build = (parent: Hash) => new Promise((resolve) => ledger.build(parent, {} as BuildFields, resolve));
  const rest = async () => {
    for (let turn = 0; turn < MOST_TURNS; turn++) await Promise.resolve();
  };

  await check(first);
  const onFirst = build(first);
  // A check is not kept waiting by it.
  await check(second);
  expect(builtOn).toEqual([]);
  ledger.setHead(first, () => undefined);
  expect(await onFirst).toBe(null);
  expect(builtOn).toEqual([1]);

  const onSecond = build(second);
  await rest();
  expect(builtOn).toEqual([1]);
  // The timer of the first one is late, and starts nothing.
  timers[0]?.();
  await rest();
  expect(builtOn).toEqual([1]);
  timers[1]?.();
  expect(await onSecond).toBe(null);
  expect(builtOn).toEqual([1, 2]);
  await ledger.stop();
});

test('after a block with many transactions a build waits until no more of them come', async () => {
  const timers: { readonly ms: number; readonly callback: () => void }[] = [];
  const [one] = buildChain(genesis, 1);
  const { block, execution } = present(one, 'a block');
  let pending = 0;
  let builds = 0;
  let nowMs = 0;
  const { ledger } = await openLedger(new MemoryDatabase(), {
    now: () => nowMs,
    setTimer: (ms, callback) => timers.push({ ms, callback }),
    pool: { *returning() {}, headChanged: () => undefined, status: () => ({ pending, queued: 0 }) } as unknown as Mempool,
    executor: {
      async build() {
        builds++;
        nowMs += 10;
        return { block: { ...block, transactions: Array.from({ length: 12 }, (_, i) => Uint8Array.of(i)) }, execution };
      },
    } as unknown as Executor,
  });
  const build = () => new Promise((resolve) => ledger.build(genesis.hash, {} as BuildFields, resolve));
  const tick = () => {
    const timer = present(timers.shift(), 'a timer');
    timer.callback();
    return timer.ms;
  };

  await build();
  expect(timers).toEqual([]);
  const second = build();
  pending = 5;
  expect(tick()).toBe(3);
  expect(builds).toBe(1);
  tick();
  await second;
  expect([builds, timers.length]).toEqual([2, 0]);
  await ledger.stop();
});
