/**
 * The database port on LevelDB (classic-level 3, which bundles LevelDB 1.20). Its facts, as measured, are in
 * reliability.md: no checksums on reads (`checked.ts` adds them), files that are damaged are opened as if nothing were
 * wrong (`level-files.ts` looks first), and a failed write poisons the handle (`guarded.ts`).
 *
 * Blocks of tables are not compressed: nearly everything in them is hashes, and the check of the files can then read
 * them without a decompressor.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { Pacer } from '../execution/pacer.ts';
import type { BatchOperation, Database, Range } from './database.ts';
import { GuardedDatabase, type RawStore } from './guarded.ts';
import { onFiles, storageError } from './io-errors.ts';
import { checkFiles, markClosed } from './level-files.ts';

export interface LevelOptions {
  /** False when the database is known to exist: its absence is then damage, never a reason to begin anew. */
  readonly create: boolean;
  /** What to do when it is damaged; for error messages. */
  readonly remedy: string;
  readonly cacheBytes?: number;
  /** The log grows to this size before it becomes a table; twice as much memory is used. */
  readonly writeBufferBytes?: number;
}

const DEFAULT_CACHE_BYTES = 16 * 1024 * 1024;
const DEFAULT_WRITE_BUFFER_BYTES = 8 * 1024 * 1024;
const MAX_TABLE_BYTES = 8 * 1024 * 1024;
const MAX_OPEN_FILES = 256;

/**
 * Opens the database in `directory`. Throws StorageError: `storage/locked`, `storage/corrupt` (naming the file),
 * `storage/full`, `storage/read-only`, `storage/too-many-files`, `storage/io`.
 */
export async function openLevel(directory: string, options: LevelOptions): Promise<Database> {
  const { remedy } = options;
  const level = await onFiles(directory, 'open the database', remedy, async () => {
    checkFiles(directory, options.create, remedy);
    return await openFiles(directory, options);
  });
  return new GuardedDatabase(new LevelStore(level), (error, doing) => storageError(error, directory, doing, remedy));
}

/**
 * Takes the lock of a directory by opening an empty database in it, since Node itself has no file locks. The operating
 * system frees it when the process ends, however it ends. Its files are not looked at first: they hold nothing, and
 * before the lock is held another process may be changing them.
 */
export async function openLock(directory: string): Promise<{ close(): Promise<void> }> {
  const remedy = `It holds nothing: remove ${directory}.`;
  return await onFiles(directory, 'take the lock', remedy, () => openFiles(directory, { create: true, remedy }));
}

/** Merges all tables of a database, which frees the space of rows that were deleted. Nobody else may have it open. */
export async function compactLevel(directory: string): Promise<void> {
  const remedy = 'What was deleted is deleted; only its space is not free yet.';
  await onFiles(directory, 'compact the database', remedy, async () => {
    const level = await openFiles(directory, { create: false, remedy });
    try {
      await level.compactRange(LOWEST_KEY, HIGHEST_KEY);
    } finally {
      await level.close();
    }
    markClosed(directory);
  });
}

/**
 * LevelDB's own repair: makes a database of what it can read in the files. Rows may be gone, or older ones
 * be there again; what is left has to be looked at as a whole. Make a copy first: what is of no use is removed.
 */
export async function repairLevel(directory: string): Promise<void> {
  const remedy = 'Use the copy that was made, or start once with --resync.';
  await onFiles(directory, 'repair the database', remedy, async () => {
    rmSync(join(directory, 'CLOSED.json'), { force: true });
    await ClassicLevel.repair(directory);
    rmSync(join(directory, 'lost'), { recursive: true, force: true });
  });
  // What it wrote is compressed, whatever was asked for; merged, it is not.
  await compactLevel(directory);
}

async function openFiles(directory: string, options: LevelOptions): Promise<Level> {
  const level: Level = new ClassicLevel(directory, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    createIfMissing: options.create,
    errorIfExists: false,
    compression: false,
    cacheSize: options.cacheBytes ?? DEFAULT_CACHE_BYTES,
    writeBufferSize: options.writeBufferBytes ?? DEFAULT_WRITE_BUFFER_BYTES,
    maxFileSize: MAX_TABLE_BYTES,
    maxOpenFiles: MAX_OPEN_FILES,
  });
  await level.open();
  return level;
}

const LOWEST_KEY = Uint8Array.of(0);
const HIGHEST_KEY = Uint8Array.of(0xff);

type Level = ClassicLevel<Uint8Array, Uint8Array>;

class LevelStore implements RawStore {
  readonly #level: Level;
  /** False once a write failed: the files are then not what was acknowledged. */
  #sound = true;

  constructor(level: Level) {
    this.#level = level;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#level.getSync(key);
  }

  /** A chained batch: 1.8 ms for 1,000 puts, against 2.8 ms for an array of operations (measured). */
  async commit(operations: readonly BatchOperation[]): Promise<void> {
    const batch = this.#level.batch();
    const pacer = new Pacer();
    for (const operation of operations) {
      if (operation.type === 'put') batch.put(operation.key, operation.value);
      else batch.del(operation.key);
      if (pacer.due) await pacer.rest();
    }
    try {
      await batch.write({ sync: true });
    } catch (error) {
      this.#sound = false;
      throw error;
    }
  }

  async *entries({ from, to, reverse = false, limit = -1 }: Range): AsyncGenerator<readonly [Uint8Array, Uint8Array]> {
    yield* this.#level.iterator({ gte: from, lt: to, reverse, limit });
  }

  async close(): Promise<void> {
    await this.#level.close();
    if (this.#sound) markClosed(this.#level.location);
  }
}
