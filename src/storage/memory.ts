/**
 * A database in memory, for tests and the simulator. It behaves as LevelDB does where that can be seen: batches are
 * applied whole, later than the call and in the order of the calls, and an iteration sees the entries of its start.
 */
import { StorageError } from '../base/errors.ts';
import type { BatchOperation, Database, Range } from './database.ts';
import { keyText } from './layout.ts';

/** Called before a batch is applied: a test or simulator may throw (a write that fails) or wait (a slow disk). */
export type WriteHook = (operations: readonly BatchOperation[]) => void | Promise<void>;

export class MemoryDatabase implements Database {
  readonly #entries: Map<string, Uint8Array>;
  readonly #hook: WriteHook;
  #tail: Promise<void> = Promise.resolve();
  #closed = false;
  #failure: StorageError | null = null;

  constructor(hook: WriteHook = () => undefined, entries: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.#hook = hook;
    this.#entries = new Map(entries);
  }

  /** The durable content, by the latin-1 text of the key: what a crash at this moment would leave. */
  snapshot(): ReadonlyMap<string, Uint8Array> {
    return new Map(this.#entries);
  }

  get(key: Uint8Array): Uint8Array | undefined {
    this.#assertUsable();
    return this.#entries.get(keyText(key))?.slice();
  }

  write(operations: readonly BatchOperation[]): Promise<void> {
    const written = this.#tail.then(async () => {
      this.#assertUsable();
      await this.#runHook(operations);
      for (const operation of operations) {
        if (operation.type === 'put') this.#entries.set(keyText(operation.key), operation.value.slice());
        else this.#entries.delete(keyText(operation.key));
      }
    });
    this.#tail = written.catch(() => undefined);
    return written;
  }

  async *entries(range: Range): AsyncGenerator<readonly [key: Uint8Array, value: Uint8Array]> {
    this.#assertUsable();
    const [from, to] = [keyText(range.from), keyText(range.to)];
    const found = [...this.#entries].filter(([key]) => key >= from && key < to).sort(([a], [b]) => (a < b ? -1 : 1));
    if (range.reverse === true) found.reverse();
    for (const [key, value] of found.slice(0, range.limit)) yield [Uint8Array.from(Buffer.from(key, 'latin1')), value.slice()];
  }

  async close(): Promise<void> {
    await this.#tail;
    this.#closed = true;
  }

  async #runHook(operations: readonly BatchOperation[]): Promise<void> {
    try {
      await this.#hook(operations);
    } catch (cause) {
      this.#failure = new StorageError('storage/write', 'A write to the database in memory was made to fail.', {}, cause);
      throw this.#failure;
    }
  }

  #assertUsable(): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.#closed) throw new StorageError('storage/closed', 'The database is closed.');
  }
}
