import { describe, expect, test } from 'vitest';
import { EMPTY, toHex } from '../../src/base/bytes.ts';
import { StorageError } from '../../src/base/errors.ts';
import { type Hash, ZERO_HASH } from '../../src/base/types.ts';
import { ChainStore, type HeadChange } from '../../src/storage/chain-store.ts';
import type { BatchOperation, Database } from '../../src/storage/database.ts';
import { MemoryDatabase } from '../../src/storage/memory.ts';
import { type BuiltBlock, buildChain, buildChild, buildGenesis, fakeTransaction, transactionHashOf } from '../support/chain.ts';

const genesis = buildGenesis();

async function openStore(database: Database = new MemoryDatabase()): Promise<ChainStore> {
  return ChainStore.open(database, genesis);
}

function add(store: ChainStore, ...blocks: BuiltBlock[]): void {
  for (const { hash, block, facts, execution } of blocks) {
    store.insert(block, facts);
    store.executed(hash, execution);
  }
}

/**
 * A database whose writes, once it is slow, are held one by one until `release` lets the next one through: before they
 * are applied, or (as with an fsync under way) after readers of the database can see them already.
 */
function slowDatabase(held: 'before' | 'after') {
  const waiting: (() => void)[] = [];
  let slow = false;
  const memory = new MemoryDatabase();
  const gate = (): Promise<void> | undefined => (slow ? new Promise((resolve) => waiting.push(resolve)) : undefined);
  let tail: Promise<void> = Promise.resolve();
  const write = async (operations: readonly BatchOperation[]): Promise<void> => {
    if (held === 'before') await gate();
    await memory.write(operations);
    if (held === 'after') await gate();
  };
  const database: Database = {
    get: (key) => memory.get(key),
    entries: (range) => memory.entries(range),
    close: () => memory.close(),
    write: (operations) => {
      tail = tail.then(() => write(operations));
      return tail;
    },
  };
  return {
    database,
    slowDown: () => {
      slow = true;
    },
    /** Resolves when the next write is held. */
    held: () => until(() => waiting.length > 0),
    release: async () => {
      await until(() => waiting.length > 0);
      waiting.shift()?.();
    },
  };
}

async function changeOf(moved: Promise<HeadChange>) {
  const { oldHead, newHead, removed, added } = await moved;
  const hashes = (nodes: HeadChange['removed']) => nodes.map(({ hash }) => hash);
  return { oldHead: oldHead.hash, newHead: newHead.hash, removed: hashes(removed), added: hashes(added) };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

describe('ChainStore: a new store', () => {
  test('begins with genesis as head, finalized and canonical block', async () => {
    const store = await openStore();
    expect(store.head.hash).toBe(genesis.hash);
    expect(store.finalized.hash).toBe(genesis.hash);
    expect(store.view.genesis.hash).toBe(genesis.hash);
    expect(store.view.status(genesis.hash)).toBe('executed');
    expect(store.canonical(0)).toBe(genesis.hash);
    expect(store.view.maxHeight).toBe(0);
    expect(store.recovery).toBeNull();
    expect(store.state.node(genesis.block.header.stateRoot)).toEqual([...genesis.execution.nodes.values()][0]);
  });

  test('is written in one batch', async () => {
    const batches: number[] = [];
    await openStore(new MemoryDatabase((operations) => void batches.push(operations.length)));
    expect(batches).toHaveLength(1);
  });

  test('is refused when an existing one is expected', async () => {
    await expect(ChainStore.open(new MemoryDatabase(), genesis, { create: false })).rejects.toMatchObject({ code: 'storage/missing' });
  });

  test('refuses the genesis of another network and names both', async () => {
    const database = new MemoryDatabase();
    await openStore(database);
    const other = buildGenesis({ salt: 9 });
    const error = await ChainStore.open(database, other).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'storage/wrong-genesis', fields: { stored: genesis.hash, expected: other.hash } });
    expect((error as Error).message).toContain(genesis.hash);
    expect((error as Error).message).toContain(other.hash);
  });
});

describe('ChainStore: blocks', () => {
  test('gives back what was put in, before and after a restart', async () => {
    const database = new MemoryDatabase();
    const store = await openStore(database);
    const transactions = [1, 2, 3].map((seed) => fakeTransaction(seed));
    const built = buildChild(genesis, { salt: 3, transactions, payload: Uint8Array.of(7, 7), logs: true });
    add(store, built);
    await store.setHead(built.hash);
    for (const opened of [store, await openStore(database)]) {
      expect(opened.block(built.hash)).toEqual(built.block);
      expect(opened.header(built.hash)).toEqual({
        header: built.block.header,
        seal: built.block.seal,
        hash: built.hash,
        facts: built.facts,
      });
      expect(opened.receipts(built.hash)).toEqual(built.execution.receipts);
      expect(opened.state.code([...built.execution.codes.keys()][0] as Hash)).toEqual([...built.execution.codes.values()][0]);
      expect(opened.transaction(transactionHashOf(transactions[1] as Uint8Array))).toEqual({
        blockHash: built.hash,
        blockNumber: 1,
        index: 1,
      });
    }
  });

  test('answers undefined for what it does not have', async () => {
    const store = await openStore();
    expect(store.block(ZERO_HASH)).toBeUndefined();
    expect(store.header(ZERO_HASH)).toBeUndefined();
    expect(store.receipts(ZERO_HASH)).toBeUndefined();
    expect(store.transaction(ZERO_HASH)).toBeUndefined();
    expect(store.certificate(ZERO_HASH)).toBeUndefined();
    expect(store.state.node(ZERO_HASH)).toBeUndefined();
    for (const number of [1, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      expect(store.canonical(number)).toBeUndefined();
      expect(store.view.canonical(number)).toBeUndefined();
      expect(store.view.atHeight(number, 10)).toEqual([]);
    }
  });

  test('shows a pending block to the engine and to peers, but not to clients', async () => {
    const store = await openStore();
    const built = buildChild(genesis);
    store.insert(built.block, built.facts);
    expect(store.view.get(built.hash)?.hash).toBe(built.hash);
    expect(store.view.status(built.hash)).toBe('stored');
    expect(store.block(built.hash)).toEqual(built.block);
    expect(store.header(built.hash)).toBeUndefined();
    store.executed(built.hash, built.execution);
    expect(store.view.status(built.hash)).toBe('executed');
    expect(store.state.node(built.block.header.stateRoot)).toBeDefined();
    expect(store.receipts(built.hash)).toBeUndefined();
    await store.flush();
    expect(store.header(built.hash)?.hash).toBe(built.hash);
    expect(store.receipts(built.hash)).toEqual(built.execution.receipts);
  });

  test('lists every block of a height, oldest first, up to the limit', async () => {
    const store = await openStore();
    const siblings = [1, 2, 3].map((salt) => buildChild(genesis, { salt }));
    for (const { block, facts } of [...siblings, ...siblings]) store.insert(block, facts);
    expect(store.view.atHeight(1, 10).map(({ hash }) => hash)).toEqual(siblings.map(({ hash }) => hash));
    expect(store.view.atHeight(1, 2)).toHaveLength(2);
    expect(store.view.maxHeight).toBe(1);
  });

  test('refuses a block without its parent, or at the wrong height', async () => {
    const store = await openStore();
    const [, orphan] = buildChain(genesis, 2) as [BuiltBlock, BuiltBlock];
    expect(() => store.insert(orphan.block, orphan.facts)).toThrow(expect.objectContaining({ code: 'internal/assertion' }));
    const skewed = buildChild(genesis, { header: { number: 5 } });
    expect(() => store.insert(skewed.block, skewed.facts)).toThrow(expect.objectContaining({ code: 'internal/assertion' }));
  });

  test('writes by itself when 64 blocks wait', async () => {
    const store = await openStore();
    const chain = buildChain(genesis, 65);
    for (const { block, facts } of chain) store.insert(block, facts);
    await until(() => store.pendingBytes === 0);
    expect(store.header((chain[64] as BuiltBlock).hash)).toBeDefined();
  });

  test('writes by itself when 32 MiB wait', async () => {
    const store = await openStore();
    const big = buildChain(genesis, 5, () => ({ transactions: [new Uint8Array(7 * 1024 * 1024)] }));
    for (const { block, facts } of big) store.insert(block, facts);
    await until(() => store.pendingBytes === 0);
    expect(store.header((big[4] as BuiltBlock).hash)).toBeDefined();
  });
});

describe('ChainStore: status', () => {
  test('an invalid block takes its stored descendants with it, and those that come later', async () => {
    const database = new MemoryDatabase();
    const store = await openStore(database);
    const [bad, child, grandchild, late] = buildChain(genesis, 4) as [BuiltBlock, BuiltBlock, BuiltBlock, BuiltBlock];
    const sibling = buildChild(genesis, { salt: 1 });
    const nephew = buildChild(sibling);
    for (const { block, facts } of [bad, child, grandchild, sibling, nephew]) store.insert(block, facts);
    store.invalid(bad.hash);
    store.insert(late.block, late.facts);
    await store.flush();
    for (const opened of [store, await openStore(database)]) {
      for (const { hash } of [bad, child, grandchild, late]) expect(opened.view.status(hash)).toBe('invalid');
      for (const { hash } of [sibling, nephew]) expect(opened.view.status(hash)).toBe('stored');
    }
  });

  test('refuses to execute on a parent that is not executed, and to make such a block the head', async () => {
    const store = await openStore();
    const [one, two] = buildChain(genesis, 2) as [BuiltBlock, BuiltBlock];
    for (const { block, facts } of [one, two]) store.insert(block, facts);
    expect(() => store.executed(two.hash, two.execution)).toThrow(expect.objectContaining({ code: 'internal/assertion' }));
    await expect(store.setHead(one.hash)).rejects.toMatchObject({ code: 'internal/assertion' });
  });
});

describe('ChainStore: heads', () => {
  test('a reorganisation is one batch and moves transactions to the new branch', async () => {
    let batches: (readonly BatchOperation[])[] = [];
    const store = await openStore(new MemoryDatabase((operations) => void batches.push(operations)));
    const [both, onlyA, onlyB] = [1, 2, 3].map((seed) => fakeTransaction(seed)) as [Uint8Array, Uint8Array, Uint8Array];
    const a = buildChain(genesis, 3, (i) => ({ salt: 1, transactions: [[both], [onlyA], []][i] ?? [] }));
    const b = buildChain(genesis, 2, (i) => ({ salt: 2, transactions: [[onlyB], [both]][i] ?? [] }));
    add(store, ...a);
    await store.setHead((a[2] as BuiltBlock).hash);
    batches = [];
    add(store, ...b);
    const change = await store.setHead((b[1] as BuiltBlock).hash);
    expect(batches).toHaveLength(1);
    expect(change.removed.map(({ hash }) => hash)).toEqual([a[2], a[1], a[0]].map((built) => built?.hash));
    expect(change.added.map(({ hash }) => hash)).toEqual(b.map(({ hash }) => hash));
    expect(store.transaction(transactionHashOf(both))).toMatchObject({ blockHash: b[1]?.hash, blockNumber: 2 });
    expect(store.transaction(transactionHashOf(onlyA))).toBeUndefined();
    expect(store.transaction(transactionHashOf(onlyB))).toMatchObject({ blockHash: b[0]?.hash });
    expect(store.canonical(3)).toBeUndefined();
    expect(store.canonical(1)).toBe(b[0]?.hash);
  });

  test.each(['before', 'after'] as const)(
    'the engine sees a new head at once, clients when it is durable (writes held %s)',
    async (when) => {
      const { database, slowDown, held, release } = slowDatabase(when);
      const store = await openStore(database);
      const a = buildChain(genesis, 2, () => ({ salt: 1, transactions: [fakeTransaction(1)] })).slice(0, 1) as [BuiltBlock];
      const b = buildChain(genesis, 2, (i) => ({ salt: 2, transactions: i === 0 ? [fakeTransaction(1)] : [] })) as [BuiltBlock, BuiltBlock];
      add(store, ...a, ...b);
      await store.setHead(a[0].hash);
      slowDown();
      const late = buildChild(genesis, { salt: 3 });
      add(store, late);
      const moved = store.setHead(b[1].hash);
      const back = store.setHead(a[0].hash);
      const forth = store.setHead(b[0].hash);
      const place = (): Hash | undefined => store.transaction(transactionHashOf(fakeTransaction(1)))?.blockHash;
      expect(store.view.head.hash).toBe(b[0].hash);
      expect(store.view.canonical(1)).toBe(b[0].hash);
      await held();
      expect(store.header(late.hash)).toBeUndefined();
      expect(store.receipts(late.hash)).toBeUndefined();
      expect([store.head.hash, store.canonical(1), store.canonical(2), place()]).toEqual([a[0].hash, a[0].hash, undefined, a[0].hash]);
      await release();
      await moved;
      expect(store.header(late.hash)).toBeDefined();
      expect([store.head.hash, store.canonical(1), store.canonical(2), place()]).toEqual([b[1].hash, b[0].hash, b[1].hash, b[0].hash]);
      await release();
      await back;
      expect([store.head.hash, store.canonical(1), store.canonical(2), place()]).toEqual([a[0].hash, a[0].hash, undefined, a[0].hash]);
      await release();
      await forth;
      expect([store.head.hash, store.canonical(1), place()]).toEqual([b[0].hash, b[0].hash, b[0].hash]);
      expect(await Promise.all([moved, back, forth].map(changeOf))).toEqual([
        { oldHead: a[0].hash, newHead: b[1].hash, removed: [a[0].hash], added: [b[0].hash, b[1].hash] },
        { oldHead: b[1].hash, newHead: a[0].hash, removed: [b[1].hash, b[0].hash], added: [a[0].hash] },
        { oldHead: a[0].hash, newHead: b[0].hash, removed: [a[0].hash], added: [b[0].hash] },
      ]);
    },
  );

  test('the same head again is no change', async () => {
    const store = await openStore();
    expect(await store.setHead(genesis.hash)).toMatchObject({ removed: [], added: [] });
  });

  test('a head further down the chain keeps the blocks above it', async () => {
    const store = await openStore();
    const chain = buildChain(genesis, 5, (i) => ({ transactions: [fakeTransaction(i)] }));
    const last = chain[4] as BuiltBlock;
    add(store, ...chain);
    await store.setHead(last.hash);
    await store.setHead((chain[1] as BuiltBlock).hash);
    expect(store.head.hash).toBe(chain[1]?.hash);
    expect(store.canonical(3)).toBeUndefined();
    expect(store.transaction(transactionHashOf(fakeTransaction(4)))).toBeUndefined();
    expect(store.view.status(last.hash)).toBe('executed');
    await store.setHead(last.hash);
    expect(store.canonical(5)).toBe(last.hash);
    expect(store.transaction(transactionHashOf(fakeTransaction(4)))).toMatchObject({ blockHash: last.hash });
  });

  test('the batch of an import does not grow with the chain', async () => {
    const sizes: number[] = [];
    const store = await openStore(new MemoryDatabase((operations) => void sizes.push(operations.length)));
    for (const built of buildChain(genesis, 300)) {
      add(store, built);
      await store.setHead(built.hash);
    }
    expect(sizes.at(-1)).toBe(sizes[1]);
  });

  test('canonicalRange tells hashes and blooms from one moment', async () => {
    const store = await openStore();
    const chain = buildChain(genesis, 6, (i) => ({ transactions: [fakeTransaction(i)], logs: i % 2 === 1 }));
    add(store, ...chain);
    await store.setHead((chain[5] as BuiltBlock).hash);
    const found: string[] = [];
    for await (const { number, hash, bloom } of store.canonicalRange(2, 99)) {
      found.push(`${number} ${hash} ${bloom.length === 0 ? 'none' : toHex(bloom)}`);
      if (number === 2) await store.setHead((chain[0] as BuiltBlock).hash);
    }
    const expected = chain
      .slice(1)
      .map(({ hash, block: { header } }) => `${header.number} ${hash} ${header.number % 2 ? 'none' : header.logsBloom}`);
    expect(found).toEqual(expected);
  });
});

describe('ChainStore: finality', () => {
  test('keeps the certificate, and a head below it is an internal error', async () => {
    const database = new MemoryDatabase();
    const store = await openStore(database);
    const chain = buildChain(genesis, 3);
    const fork = buildChild(genesis, { salt: 1 });
    add(store, ...chain, fork);
    const [one, two, three] = chain as [BuiltBlock, BuiltBlock, BuiltBlock];
    await store.setHead(three.hash);
    await store.finalize(two.hash, Uint8Array.of(1, 2, 3));
    await store.finalize(two.hash, EMPTY);
    for (const opened of [store, await openStore(database)]) {
      expect(opened.finalized.hash).toBe(two.hash);
      expect(opened.certificate(two.hash)).toEqual(Uint8Array.of(1, 2, 3));
      await expect(opened.setHead(fork.hash)).rejects.toMatchObject({ code: 'internal/finality' });
      await expect(opened.setHead(one.hash)).rejects.toMatchObject({ code: 'internal/finality' });
      await expect(opened.finalize(one.hash, EMPTY)).rejects.toMatchObject({ code: 'internal/finality' });
      await expect(opened.finalize(fork.hash, EMPTY)).rejects.toMatchObject({ code: 'internal/finality' });
      expect(opened.head.hash).toBe(three.hash);
      expect(opened.view.head.hash).toBe(three.hash);
    }
    await store.setHead(two.hash);
    expect(store.head.hash).toBe(two.hash);
  });
});

describe('ChainStore: a disk that fails', () => {
  test('the failed write rejects and everything after it refuses', async () => {
    let full = false;
    const store = await openStore(
      new MemoryDatabase(() => {
        if (full) throw new StorageError('storage/full', 'No space.');
      }),
    );
    const built = buildChild(genesis);
    add(store, built);
    full = true;
    await expect(store.setHead(built.hash)).rejects.toBeInstanceOf(StorageError);
    full = false;
    expect(() => store.insert(buildChild(built).block, built.facts)).toThrow(StorageError);
    await expect(store.setHead(genesis.hash)).rejects.toBeInstanceOf(StorageError);
    expect(store.head.hash).toBe(genesis.hash);
  });
});
