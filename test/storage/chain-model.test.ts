/**
 * Random trees of blocks and random heads against a model that is too simple to be wrong: the canonical chain is the
 * walk from the head to genesis, the transaction index is what that walk sees. Then the same after a crash at every
 * batch boundary: what is found must be one of the states that were acknowledged, whole.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Hash } from '../../src/base/types.ts';
import { ChainStore } from '../../src/storage/chain-store.ts';
import { TABLES } from '../../src/storage/layout.ts';
import { MemoryDatabase } from '../../src/storage/memory.ts';
import { type BuiltBlock, buildChild, buildGenesis, fakeTransaction, transactionHashOf } from '../support/chain.ts';

const TRANSACTIONS = Array.from({ length: 12 }, (_, seed) => fakeTransaction(seed));
const HASHES = TRANSACTIONS.map(transactionHashOf);
const genesis = buildGenesis();

class Model {
  readonly blocks: BuiltBlock[] = [genesis];
  head = genesis;
  finalized = genesis;

  parent({ block }: BuiltBlock): BuiltBlock | undefined {
    return this.blocks.find(({ hash }) => hash === block.header.parentHash);
  }

  /** From genesis to the block. */
  chain(tip: BuiltBlock): BuiltBlock[] {
    const chain: BuiltBlock[] = [];
    for (let at: BuiltBlock | undefined = tip; at !== undefined; at = this.parent(at)) chain.unshift(at);
    return chain;
  }

  /** A transaction stands at most once in one chain. */
  unused(tip: BuiltBlock): Uint8Array[] {
    const used = new Set(this.chain(tip).flatMap(({ block }) => block.transactions));
    return TRANSACTIONS.filter((transaction) => !used.has(transaction));
  }
}

/** What clients can learn of the chain, from the store and from the model. */
async function pictureOf(store: ChainStore) {
  const range: Hash[] = [];
  for await (const { hash } of store.canonicalRange(0, Number.MAX_SAFE_INTEGER)) range.push(hash);
  const byNumber = range.map((_, number) => store.canonical(number));
  expect(byNumber).toEqual(range);
  expect(store.canonical(range.length)).toBeUndefined();
  const places = HASHES.map((hash) => store.transaction(hash) ?? null);
  return { head: store.head.hash, finalized: store.finalized.hash, chain: range, places };
}

function expectedPicture(model: Model, head: BuiltBlock, finalized: BuiltBlock): Awaited<ReturnType<typeof pictureOf>> {
  const chain = model.chain(head);
  const places = HASHES.map((hash) => {
    for (const { hash: blockHash, block } of chain) {
      const index = block.transactions.findIndex((transaction) => transactionHashOf(transaction) === hash);
      if (index >= 0) return { blockNumber: block.header.number, blockHash, index };
    }
    return null;
  });
  return { head: head.hash, finalized: finalized.hash, chain: chain.map(({ hash }) => hash), places };
}

type Step =
  | { type: 'grow'; on: number; count: number; transactions: number[] }
  | { type: 'setHead'; to: number; wait: boolean }
  | { type: 'finalize'; at: number }
  | { type: 'flush' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('grow' as const),
      on: fc.nat(),
      count: fc.integer({ min: 1, max: 4 }),
      transactions: fc.array(fc.nat(), { maxLength: 4 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('setHead' as const), to: fc.nat(), wait: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('finalize' as const), at: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('flush' as const) }) },
);

function at<T>(items: readonly T[], index: number): T {
  return items[index % items.length] as T;
}

function grow(store: ChainStore, model: Model, { on, count, transactions }: Extract<Step, { type: 'grow' }>): void {
  let parent = at(model.blocks, on);
  for (let i = 0; i < count; i++) {
    const free = model.unused(parent);
    const chosen = [...new Set(transactions.map((pick) => pick + i))]
      .filter((pick) => pick < free.length)
      .map((pick) => free[pick] as Uint8Array);
    const built = buildChild(parent, { salt: model.blocks.length, transactions: [...new Set(chosen)] });
    store.insert(built.block, built.facts);
    store.executed(built.hash, built.execution);
    model.blocks.push(built);
    parent = built;
  }
}

/** Runs the steps; the model's state after each acknowledged batch is pushed to `acknowledged`. */
async function run(store: ChainStore, model: Model, steps: readonly Step[], onDecided: () => void): Promise<void> {
  const writes: Promise<unknown>[] = [];
  for (const next of steps) {
    if (next.type === 'grow') grow(store, model, next);
    else if (next.type === 'flush') await store.flush();
    else if (next.type === 'finalize') {
      const target = at(model.chain(model.head), next.at);
      if (target.block.header.number <= model.finalized.block.header.number) continue;
      model.finalized = target;
      writes.push(store.finalize(target.hash, Uint8Array.of(next.at & 255)));
      onDecided();
    } else {
      const allowed = model.blocks.filter((built) => model.chain(built).includes(model.finalized));
      model.head = at(allowed, next.to);
      writes.push(store.setHead(model.head.hash));
      onDecided();
      expect(store.view.head.hash).toBe(model.head.hash);
      if (next.wait) await writes.at(-1);
    }
  }
  await Promise.all(writes);
  await store.flush();
}

describe('ChainStore against a model', () => {
  test('canonical chain and transaction index equal a rebuild from genesis', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const database = new MemoryDatabase();
        const store = await ChainStore.open(database, genesis);
        const model = new Model();
        await run(store, model, steps, () => undefined);
        const expected = expectedPicture(model, model.head, model.finalized);
        expect(await pictureOf(store)).toEqual(expected);
        // No row of an abandoned chain is left over either, which readers would only pass over.
        const canonicalRows = [...database.snapshot().keys()].filter((key) => key.startsWith(TABLES.canonical.prefix));
        expect(canonicalRows).toHaveLength(expected.chain.length);
        const reopened = await ChainStore.open(new MemoryDatabase(undefined, database.snapshot()), genesis, { create: false });
        expect(reopened.recovery).toBeNull();
        expect(await pictureOf(reopened)).toEqual(expected);
        expect(reopened.view.maxHeight).toBe(Math.max(...model.blocks.map(({ block }) => block.header.number)));
      }),
      { numRuns: 60 },
    );
  });

  test('a crash between any two batches leaves one of the states that were decided', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 15 }), async (steps) => {
        const snapshots: ReadonlyMap<string, Uint8Array>[] = [];
        const database: MemoryDatabase = new MemoryDatabase(() => void snapshots.push(database.snapshot()));
        const store = await ChainStore.open(database, genesis);
        const model = new Model();
        const decided = [{ head: genesis, finalized: genesis }];
        await run(store, model, steps, () => decided.push({ head: model.head, finalized: model.finalized }));
        snapshots.push(database.snapshot());
        // The first snapshot is the empty database, from which a start begins anew.
        let reached = 0;
        for (const [index, snapshot] of snapshots.entries()) {
          const reopened = await ChainStore.open(new MemoryDatabase(undefined, snapshot), genesis, { create: index === 0 });
          expect(reopened.recovery).toBeNull();
          const picture = await pictureOf(reopened);
          const expected = decided.map(({ head, finalized }) => JSON.stringify(expectedPicture(model, head, finalized)));
          const found = expected.indexOf(JSON.stringify(picture), reached);
          expect(found).toBeGreaterThanOrEqual(reached);
          reached = found;
        }
        expect(await pictureOf(store)).toEqual(expectedPicture(model, model.head, model.finalized));
      }),
      { numRuns: 40 },
    );
  });
});
