/** Changes of the chain that take long, and changes that fail half-way: what clients see meanwhile, and what is found after. */
import { describe, expect, test } from 'vitest';
import { EMPTY } from '../../src/base/bytes.ts';
import { StorageError } from '../../src/base/errors.ts';
import type { Hash } from '../../src/base/types.ts';
import { ChainStore } from '../../src/storage/chain-store.ts';
import type { Database } from '../../src/storage/database.ts';
import { keyText, TABLES, type Table } from '../../src/storage/layout.ts';
import { MemoryDatabase } from '../../src/storage/memory.ts';
import { type BuiltBlock, buildChain, buildChild, buildGenesis, fakeTransaction, transactionHashOf } from '../support/chain.ts';

const genesis = buildGenesis();

function openStore(database: Database): Promise<ChainStore> {
  return ChainStore.open(database, genesis);
}

function add(store: ChainStore, ...blocks: BuiltBlock[]): void {
  for (const { hash, block, facts, execution } of blocks) {
    store.insert(block, facts);
    store.executed(hash, execution);
  }
}

/** The block that clients are told to find this transaction in. */
function placeOf(store: ChainStore, seed: number): Hash | undefined {
  return store.transaction(transactionHashOf(fakeTransaction(seed)))?.blockHash;
}

describe('ChainStore: a deep reorganisation', () => {
  /** A store whose next head takes long to prepare: each body of its branch is read in 5 ms. */
  async function slowBodies() {
    const memory = new MemoryDatabase();
    const batches: number[] = [];
    let slow = false;
    const database: Database = {
      get: (key) => {
        const endMs = performance.now() + (slow && key[0] === TABLES.body.prefix.charCodeAt(0) ? 5 : 0);
        while (performance.now() < endMs);
        return memory.get(key);
      },
      entries: (range) => memory.entries(range),
      write: (operations) => {
        batches.push(operations.length);
        return memory.write(operations);
      },
      close: () => memory.close(),
    };
    const store = await openStore(database);
    const a = buildChain(genesis, 20, (i) => ({ salt: 1, transactions: [fakeTransaction(i)] }));
    const b = buildChain(genesis, 21, (i) => ({ salt: 2, transactions: [fakeTransaction(i), fakeTransaction(100 + i)] }));
    add(store, ...a);
    await store.setHead((a[19] as BuiltBlock).hash);
    add(store, ...b);
    await store.flush();
    batches.length = 0;
    slow = true;
    return { store, memory, batches, a: a[19] as BuiltBlock, b: b[20] as BuiltBlock };
  }

  test('lets the event loop run; until it is durable, in one batch, clients are shown the old chain', async () => {
    const { store, batches, a, b } = await slowBodies();
    const place = () => placeOf(store, 19);
    const seen: (Hash | undefined)[][] = [];
    const watch = () => {
      seen.push([store.view.head.hash, store.head.hash, store.canonical(20), place()]);
      if (batches.length === 0) setImmediate(watch);
    };
    setImmediate(watch);
    await store.setHead(b.hash);
    expect(seen.length).toBeGreaterThan(1);
    for (const row of seen) expect(row).toEqual([b.hash, a.hash, a.hash, a.hash]);
    expect([store.head.hash, place(), batches.length]).toEqual([b.hash, store.canonical(20), 1]);
  });

  test('is followed by what was decided meanwhile, in order', async () => {
    const { store, memory, a, b } = await slowBodies();
    const order: string[] = [];
    const next = buildChild(b, { transactions: [fakeTransaction(500)] });
    const moved = store.setHead(b.hash).then(() => order.push(store.head.hash));
    add(store, next);
    const extended = store.setHead(next.hash).then(() => order.push(store.head.hash));
    const final = store.finalize(b.hash, Uint8Array.of(1)).then(() => order.push(`final ${store.finalized.hash}`));
    await new Promise((resolve) => setImmediate(resolve));
    const other = buildChild(next);
    add(store, other);
    const flushed = store.flush().then(() => order.push('flushed'));
    expect([store.head.hash, store.view.head.hash, store.finalized.hash]).toEqual([a.hash, next.hash, genesis.hash]);
    await Promise.all([moved, extended, final, flushed]);
    expect(order).toEqual([b.hash, next.hash, `final ${b.hash}`, 'flushed']);
    const reopened = await openStore(new MemoryDatabase(undefined, memory.snapshot()));
    expect([reopened.recovery, reopened.head.hash, reopened.finalized.hash]).toEqual([null, next.hash, b.hash]);
    expect(reopened.view.status(other.hash)).toBe('executed');
    expect([placeOf(reopened, 500), placeOf(reopened, 120)]).toEqual([next.hash, b.hash]);
  });
});

/** A store whose head is `a`, 5 blocks on genesis, with the 6 executed blocks `b` of another branch that leaves it at 2. */
async function forked() {
  const memory = new MemoryDatabase();
  let unreadable: string | null = null;
  const database: Database = {
    get: (key) => {
      if (keyText(key) === unreadable) throw new StorageError('storage/io', 'Made to fail.');
      return memory.get(key);
    },
    entries: (range) => memory.entries(range),
    write: (operations) => memory.write(operations),
    close: async () => undefined,
  };
  const a = buildChain(genesis, 5, (i) => ({ salt: 1, transactions: [fakeTransaction(i)] }));
  const b = buildChain(a[1] as BuiltBlock, 6, (i) => ({ salt: 2, transactions: [fakeTransaction(100 + i)] }));
  const store = await openStore(database);
  add(store, ...a);
  await store.setHead((a[4] as BuiltBlock).hash);
  add(store, ...b);
  await store.flush();
  await store.close();
  const failAt = <Key>(table: Table<Key, unknown>, key: Key): void => {
    unreadable = keyText(table.key(key));
  };
  const heal = () => {
    unreadable = null;
  };
  // Opened again, so that nothing is answered from memory.
  return { a, b, store: await openStore(database), failAt, heal, reopen: () => openStore(database) };
}

const idOf = ({ hash, block }: BuiltBlock) => ({ number: block.header.number, hash });

describe('ChainStore: a change that fails half-way', () => {
  const rows: [string, (b: readonly BuiltBlock[], failAt: Awaited<ReturnType<typeof forked>>['failAt']) => void][] = [
    ['a body of the new branch', (b, failAt) => failAt(TABLES.body, idOf(b[3] as BuiltBlock))],
    ['a header of the new branch', (b, failAt) => failAt(TABLES.header, idOf(b[3] as BuiltBlock))],
    [
      'a place of one of its transactions',
      (b, failAt) => failAt(TABLES.transaction, transactionHashOf(b[3]?.block.transactions[0] as Uint8Array)),
    ],
    ['a row of the canonical chain', (_, failAt) => failAt(TABLES.canonical, 4)],
  ];

  test.each(rows)('a new head, when %s cannot be read: the old chain is found whole after a stop', async (_, damage) => {
    const { a, b, store, failAt, heal, reopen } = await forked();
    const late = buildChild(a[4] as BuiltBlock, { salt: 9 });
    damage(b, failAt);
    const moved = store.setHead((b[5] as BuiltBlock).hash);
    await expect(moved).rejects.toMatchObject({ code: 'storage/io' });
    heal();
    add(store, late);
    await store.close().catch((error: unknown) => expect(error).toMatchObject({ code: 'storage/io' }));
    const reopened = await reopen();
    expect(reopened.recovery).toBeNull();
    expect(reopened.head.hash).toBe(a[4]?.hash);
    expect([1, 2, 3, 4, 5, 6].map((number) => reopened.canonical(number))).toEqual([...a.map(({ hash }) => hash), undefined]);
    expect([0, 1, 2, 3, 4].map((seed) => placeOf(reopened, seed))).toEqual(a.map(({ hash }) => hash));
    await reopened.setHead((b[5] as BuiltBlock).hash);
    expect(placeOf(reopened, 105)).toBe(b[5]?.hash);
    expect(placeOf(reopened, 4)).toBeUndefined();
  });

  test('nothing that was decided after such a head is written', async () => {
    const { a, b, store, failAt, heal, reopen } = await forked();
    failAt(TABLES.body, idOf(b[3] as BuiltBlock));
    const moved = store.setHead((b[5] as BuiltBlock).hash);
    const next = buildChild(b[5] as BuiltBlock);
    add(store, next);
    const further = store.setHead(next.hash);
    const final = store.finalize((b[0] as BuiltBlock).hash, EMPTY);
    for (const failed of [moved, further, final, store.flush()]) await expect(failed).rejects.toMatchObject({ code: 'storage/io' });
    heal();
    await expect(store.close()).rejects.toMatchObject({ code: 'storage/io' });
    const reopened = await reopen();
    expect(reopened.head.hash).toBe(a[4]?.hash);
    expect(reopened.finalized.hash).toBe(genesis.hash);
    expect(reopened.header(next.hash)).toBeUndefined();
  });

  test('a block, an execution or a verdict that cannot be staged leaves no row', async () => {
    const { b, store, failAt, heal, reopen } = await forked();
    const child = buildChild(b[5] as BuiltBlock);
    failAt(TABLES.siblings, child.block.header.number);
    expect(() => store.insert(child.block, child.facts)).toThrow(expect.objectContaining({ code: 'storage/io' }));
    heal();
    expect(store.view.status(child.hash)).toBeUndefined();
    expect(store.pendingBytes).toBe(0);
    store.insert(child.block, child.facts);
    await store.flush();

    const broken = { ...child.execution, codes: new Map([['0xnot a hash' as Hash, null as unknown as Uint8Array]]) };
    expect(() => store.executed(child.hash, broken)).toThrow();
    expect(store.pendingBytes).toBe(0);
    expect(store.view.status(child.hash)).toBe('stored');

    const grandchild = buildChild(child);
    store.insert(grandchild.block, grandchild.facts);
    await store.close();
    const reopened = await reopen();
    failAt(TABLES.header, idOf(grandchild));
    expect(() => reopened.invalid(child.hash)).toThrow(expect.objectContaining({ code: 'storage/io' }));
    expect(reopened.pendingBytes).toBe(0);
    expect(reopened.view.status(child.hash)).toBe('stored');
  });
});
