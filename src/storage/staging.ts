/**
 * Writes that are decided but not yet durable, in layers over the database.
 *
 * The open layer collects; `submit` hands it to the database as one batch, and it stays visible until the batch is on
 * disk. So there are two views, and both are exact at every moment:
 * - working: newest layer first, then the database. What the engine has decided, at once.
 * - durable: what a crash would leave. While a batch is being written the database may show it already; a row that a
 *   submitted layer touches is therefore answered with its value from before, which `replace` and `delete` keep and
 *   `put` takes for none.
 */
import { type CheckedDatabase, deleteOperation, putOperation, readValue } from './checked.ts';
import type { BatchOperation } from './database.ts';
import { keyText, type Table } from './layout.ts';

interface Layer {
  readonly operations: Map<string, BatchOperation>;
  /** Values from before this layer of the rows that it replaces or deletes; null for none. */
  readonly before: Map<string, Uint8Array | null>;
  bytes: number;
}

export class Staging {
  readonly #checked: CheckedDatabase;
  #open: Layer = newLayer();
  /** Oldest first. */
  #submitted: Layer[] = [];

  constructor(checked: CheckedDatabase) {
    this.#checked = checked;
  }

  /** Size of the layer that is open. */
  get openBytes(): number {
    return this.#open.bytes;
  }

  /** Size of everything that is not durable yet. */
  get pendingBytes(): number {
    return this.#submitted.reduce((sum, { bytes }) => sum + bytes, this.#open.bytes);
  }

  /** The working view. */
  get<Key, Value>(table: Table<Key, Value>, key: Key): Value | undefined {
    const bytes = table.key(key);
    const stored = this.#working(bytes, keyText(bytes));
    return stored === undefined ? undefined : readValue(table, bytes, stored);
  }

  /** The durable view. */
  durable<Key, Value>(table: Table<Key, Value>, key: Key): Value | undefined {
    const bytes = table.key(key);
    const text = keyText(bytes);
    const layer = this.#submitted.find(({ operations }) => operations.has(text));
    const stored = layer === undefined ? this.#checked.database.get(bytes) : (layer.before.get(text) ?? undefined);
    return stored === undefined ? undefined : readValue(table, bytes, stored);
  }

  /** For a row that is new, or that is not read in the durable view. */
  put<Key, Value>(table: Table<Key, Value>, key: Key, value: Value): void {
    this.#stage(putOperation(table, key, value));
  }

  replace<Key, Value>(table: Table<Key, Value>, key: Key, value: Value): void {
    this.#keepBefore(table.key(key));
    this.put(table, key, value);
  }

  delete<Key>(table: Table<Key, unknown>, key: Key): void {
    this.#keepBefore(table.key(key));
    this.#stage(deleteOperation(table, key));
  }

  /**
   * Writes the open layer in one batch and resolves when it is on disk. Layers become durable in the order of the calls;
   * `onDurable` runs in the same instant in which the durable view changes.
   */
  async submit(onDurable: () => void): Promise<void> {
    const layer = this.#open;
    this.#open = newLayer();
    this.#submitted.push(layer);
    await this.#checked.database.write([...layer.operations.values()]);
    this.#submitted = this.#submitted.filter((other) => other !== layer);
    onDurable();
  }

  #keepBefore(key: Uint8Array): void {
    const text = keyText(key);
    const { before } = this.#open;
    if (!before.has(text)) before.set(text, this.#working(key, text) ?? null);
  }

  #stage(operation: BatchOperation): void {
    const text = keyText(operation.key);
    const { operations } = this.#open;
    this.#open.bytes += sizeOf(operation) - sizeOf(operations.get(text));
    operations.set(text, operation);
  }

  #working(key: Uint8Array, text: string): Uint8Array | undefined {
    const operation = this.#open.operations.get(text) ?? this.#submittedOperation(text);
    if (operation === undefined) return this.#checked.database.get(key);
    return operation.type === 'put' ? operation.value : undefined;
  }

  #submittedOperation(text: string): BatchOperation | undefined {
    for (let i = this.#submitted.length - 1; i >= 0; i--) {
      const operation = this.#submitted[i]?.operations.get(text);
      if (operation !== undefined) return operation;
    }
    return undefined;
  }
}

function newLayer(): Layer {
  return { operations: new Map(), before: new Map(), bytes: 0 };
}

function sizeOf(operation: BatchOperation | undefined): number {
  if (operation === undefined) return 0;
  return operation.key.length + (operation.type === 'put' ? operation.value.length : 0);
}
