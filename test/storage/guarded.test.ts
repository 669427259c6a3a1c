/** The discipline of writing, over a store that fails on demand: what a full or dying disk does, without one. */
import { describe, expect, test } from 'vitest';
import { StorageError } from '../../src/base/errors.ts';
import type { BatchOperation } from '../../src/storage/database.ts';
import { GuardedDatabase, type RawStore } from '../../src/storage/guarded.ts';
import { storageError } from '../../src/storage/io-errors.ts';
import { MemoryDatabase } from '../../src/storage/memory.ts';

class FakeStore implements RawStore {
  readonly memory = new MemoryDatabase();
  readonly commits: (readonly BatchOperation[])[] = [];
  error: Error | null = null;
  closed = 0;

  get(key: Uint8Array): Uint8Array | undefined {
    return this.memory.get(key);
  }

  async commit(operations: readonly BatchOperation[]): Promise<void> {
    this.commits.push(operations);
    if (this.error !== null) throw this.error;
    await this.memory.write(operations);
  }

  entries(...range: Parameters<MemoryDatabase['entries']>) {
    return this.memory.entries(...range);
  }

  async close(): Promise<void> {
    this.closed++;
  }
}

function guarded(store: FakeStore): GuardedDatabase {
  return new GuardedDatabase(store, (error, doing) => storageError(error, '/data', doing, 'Restore it.'));
}

function put(key: number): BatchOperation[] {
  return [{ type: 'put', key: Uint8Array.of(key), value: Uint8Array.of(key) }];
}

/** As classic-level reports it. */
function levelError(message: string, code = 'LEVEL_IO_ERROR'): Error {
  return Object.assign(new Error(`IO error: /data/000003.log: ${message}`), { code });
}

describe('GuardedDatabase', () => {
  test('writes in order, and batches that arrive together share one write', async () => {
    const store = new FakeStore();
    const database = guarded(store);
    const order: number[] = [];
    await Promise.all([1, 2, 3].map((key) => database.write(put(key)).then(() => order.push(key))));
    expect(order).toEqual([1, 2, 3]);
    expect(store.commits).toEqual([[...put(1), ...put(2), ...put(3)]]);
    await database.write(put(4));
    expect(store.commits).toHaveLength(2);
    expect(database.get(Uint8Array.of(4))).toEqual(Uint8Array.of(4));
  });

  test.each([
    ['No space left on device', 'storage/full'],
    ['Disk quota exceeded', 'storage/full'],
    ['File too large', 'storage/full'],
    ['Too many open files', 'storage/too-many-files'],
    ['Read-only file system', 'storage/read-only'],
    ['Input/output error', 'storage/io'],
  ])('a failed write (%s) poisons the handle', async (message, code) => {
    const store = new FakeStore();
    const database = guarded(store);
    await database.write(put(1));
    store.error = levelError(message);
    const [first, second] = await Promise.allSettled([database.write(put(2)), database.write(put(3))]);
    expect(first).toMatchObject({ reason: { code } });
    expect(second).toMatchObject({ reason: { code } });
    // The disk is fine again, but what LevelDB would acknowledge now may vanish at the next opening.
    store.error = null;
    const refusal = { code: 'storage/failed', fields: { first: code } };
    await expect(database.write(put(4))).rejects.toMatchObject(refusal);
    expect(() => database.get(Uint8Array.of(1))).toThrow(expect.objectContaining(refusal));
    await expect(database.entries({ from: Uint8Array.of(0), to: Uint8Array.of(9) }).next()).rejects.toMatchObject(refusal);
    expect(store.commits).toHaveLength(2);
    await database.close();
    expect(store.closed).toBe(1);
  });

  test('writes that wait behind the one that fails are refused, not tried', async () => {
    const store = new FakeStore();
    const database = guarded(store);
    store.error = levelError('No space left on device');
    const first = database.write(put(1));
    await Promise.resolve();
    await Promise.resolve();
    expect(store.commits).toHaveLength(1);
    const second = database.write(put(2));
    await expect(first).rejects.toMatchObject({ code: 'storage/full' });
    await expect(second).rejects.toMatchObject({ code: 'storage/failed' });
    expect(store.commits).toHaveLength(1);
  });

  test('closing waits for the writes under way, and refuses later ones', async () => {
    const store = new FakeStore();
    const database = guarded(store);
    const written = database.write(put(1));
    await database.close();
    await written;
    expect(store.commits).toHaveLength(1);
    await expect(database.write(put(2))).rejects.toMatchObject({ code: 'storage/closed' });
    await database.close();
    expect(store.closed).toBe(1);
  });
});

describe('storageError', () => {
  test('finds the telling code in the causes, and says what to do', () => {
    const cause = Object.assign(new Error('Database failed to open'), {
      code: 'LEVEL_DATABASE_NOT_OPEN',
      cause: levelError('lock', 'LEVEL_LOCKED'),
    });
    const error = storageError(cause, '/data', 'open the database', 'Restore it.');
    expect(error).toBeInstanceOf(StorageError);
    expect(error).toMatchObject({ code: 'storage/locked', fields: { path: '/data' } });
    expect(error.message).toContain('Another process');
    const corrupt = storageError(levelError('bad block', 'LEVEL_CORRUPTION'), '/data', 'read a value', 'Restore it.');
    expect(corrupt).toMatchObject({ code: 'storage/corrupt' });
    expect(corrupt.message).toContain('Restore it.');
    expect(storageError(Object.assign(new Error('no'), { code: 'EROFS' }), '/data', 'write', '').code).toBe('storage/read-only');
    expect(storageError('odd', '/data', 'write', '').code).toBe('storage/io');
    expect(storageError(error, '/other', 'write', '')).toBe(error);
  });
});
