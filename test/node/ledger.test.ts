import { expect, test } from 'vitest';
import { present } from '../../src/base/assert.ts';
import type { Hash } from '../../src/base/types.ts';
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
  const executor: Pick<Executor, 'execute'> = {
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
  return { ledger, check, executed, first: present(first, 'a block'), second: present(second, 'a block') };
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
