/**
 * The discipline of writing that LevelDB does not keep by itself (reliability rules b and e).
 *
 * One write at a time, in the order of the calls; batches that arrive during a write go out together in the next one,
 * so that many small writers share one fsync. After the first write that fails the handle refuses everything: later
 * writes that LevelDB acknowledged on such a handle were gone after reopening in 49 of 60 runs (measured), and whether
 * the failed write itself is there is unknown until then.
 */
import { StorageError } from '../base/errors.ts';
import type { BatchOperation, Database, Range } from './database.ts';

/** A store without that discipline. Its methods may throw whatever they like. */
export interface RawStore {
  get(key: Uint8Array): Uint8Array | undefined;
  /** All or nothing, and on disk when it resolves. Never called again before it has settled. */
  commit(operations: readonly BatchOperation[]): Promise<void>;
  entries(range: Range): AsyncIterable<readonly [key: Uint8Array, value: Uint8Array]>;
  close(): Promise<void>;
}

/** Batches that share one write. */
const MAX_GROUP = 256;

interface Waiting {
  readonly operations: readonly BatchOperation[];
  readonly resolve: () => void;
  readonly reject: (error: StorageError) => void;
}

export class GuardedDatabase implements Database {
  readonly #raw: RawStore;
  /** Makes a StorageError of whatever the store threw while it was `doing` something. */
  readonly #explain: (error: unknown, doing: string) => StorageError;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | null = null;
  #failure: StorageError | null = null;
  #closed: Promise<void> | null = null;

  constructor(raw: RawStore, explain: (error: unknown, doing: string) => StorageError) {
    this.#raw = raw;
    this.#explain = explain;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    this.#assertUsable();
    try {
      return this.#raw.get(key);
    } catch (error) {
      throw this.#explain(error, 'read a value');
    }
  }

  async write(operations: readonly BatchOperation[]): Promise<void> {
    this.#assertUsable();
    const written = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ operations, resolve, reject });
    });
    this.#writing ??= this.#drain();
    await written;
  }

  async *entries(range: Range): AsyncGenerator<readonly [key: Uint8Array, value: Uint8Array]> {
    this.#assertUsable();
    try {
      yield* this.#raw.entries(range);
    } catch (error) {
      throw this.#explain(error, 'read a range');
    }
  }

  /** Waits for the writes under way. Closing twice is closing once. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#writing;
    try {
      await this.#raw.close();
    } catch (error) {
      throw this.#explain(error, 'close the database');
    }
  }

  async #drain(): Promise<void> {
    // Writers of the same turn share the first write.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, MAX_GROUP);
      try {
        if (this.#failure !== null) throw refusal(this.#failure);
        await this.#raw.commit(group.flatMap(({ operations }) => operations));
        for (const { resolve } of group) resolve();
      } catch (error) {
        const failure = this.#explain(error, 'write');
        this.#failure ??= failure;
        for (const { reject } of group) reject(failure);
      }
    }
    this.#writing = null;
  }

  #assertUsable(): void {
    if (this.#failure !== null) throw refusal(this.#failure);
    if (this.#closed !== null) throw new StorageError('storage/closed', 'The database is closed.');
  }
}

function refusal(failure: StorageError): StorageError {
  const message = 'The database is not used any more, because a write to it failed; start the node again once the cause is gone.';
  return new StorageError('storage/failed', message, { first: failure.code }, failure);
}
