import { expect, test } from 'vitest';
import { present } from '../../src/base/assert.ts';
import type { Executor } from '../../src/execution/executor.ts';
import type { Mempool } from '../../src/mempool/mempool.ts';
import { NodeLedger } from '../../src/node/ledger.ts';
import { ChainStore } from '../../src/storage/chain-store.ts';
import { MemoryDatabase } from '../../src/storage/memory.ts';
import { buildChain, buildGenesis } from '../support/chain.ts';

const genesis = buildGenesis();

/** Far more turns of the promise queue than a ledger takes to come to rest. */
const MOST_TURNS = 16;

test.each(Array.from({ length: MOST_TURNS }, (_, turns) => turns))(
  'a check asked %i promises after the last was answered is done',
  async (turns) => {
    const blocks = buildChain(genesis, 2);
    const [first, second] = blocks.map(({ hash }) => hash);
    const store = await ChainStore.open(new MemoryDatabase(), genesis);
    for (const { block, facts } of blocks) store.insert(block, facts);
    const executions = new Map(blocks.map(({ block, execution }) => [block.header.number, execution]));
    const ledger = new NodeLedger({
      store,
      executor: { execute: async ({ header }) => present(executions.get(header.number), 'an execution') } as Pick<
        Executor,
        'execute'
      > as Executor,
      pool: {} as Mempool,
      engine: { randomness: () => genesis.hash } as unknown as ConstructorParameters<typeof NodeLedger>[0]['engine'],
      gasLimit: 0n,
      buildTimeMs: 0,
      onExecuted: () => undefined,
      onHead: () => undefined,
      onInvalid: () => undefined,
      onBuildFailed: () => undefined,
      fatal: (error) => {
        throw error;
      },
    });
    const check = (hash = genesis.hash) => new Promise((resolve) => ledger.check(hash, resolve));

    await check(first);
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();

    expect(await check(second)).toBe(null);
    await ledger.stop();
  },
);
