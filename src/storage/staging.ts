/**
 * Writes that are decided but not yet durable, in layers over the database.
 *
 * The open layer collects; `submit` hands it to the database as one batch, and it stays visible until the batch is on
 * disk. So there are two views, and both are exact at every moment:
 * - working: newest layer first, then the database. What the engine has decided, at once.
 * - durable: what a crash would leave. While a batch is being written the database may show it already; a row that a
 *   submitted layer touches is therefore answered with its value from before, which `replace` and `delete` keep and
 *   `put` takes for none.
 *
 * Only whole changes get into the open layer (`stage`): what is half done when something throws must never reach the
 * disk, whoever flushes next. Rows that only the durable view reads may come later, in `submit`, without haste; if that
 * fails, neither that layer nor any after it is written.
 */
import { type CheckedDatabase, deleteOperation, missing, putOperation, readValue } from './checked.ts';
import type { BatchOperation } from './database.ts';
import { keyText, type Table } from './layout.ts';

/** What a change is written to. */
export interface RowWriter {
  /** For a row that is new, or that is not read in the durable view. */
  put<Key, Value>(table: Table<Key, Value>, key: Key, value: Value): void;
  replace<Key, Value>(table: Table<Key, Value>, key: Key, value: Value): void;
  delete<Key>(table: Table<Key, unknown>, key: Key): void;
}

type Read = (key: Uint8Array, text: string) => Uint8Array | undefined;

/** Writes that become durable together. */
class Layer implements RowWriter {
  readonly operations = new Map<string, BatchOperation>();
  /** Values from before this layer of the rows that it replaces or deletes; null for none. */
  readonly before = new Map<string, Uint8Array | null>();
  bytes = 0;
  readonly #beneath: Read;

  constructor(beneath: Read) {
    this.#beneath = beneath;
  }

  put<Key, Value>(table: Table<Key, Value>, key: Key, value: Value): void {
    this.#add(putOperation(table, key, value));
  }

  replace<Key, Value>(table: Table<Key, Value>, key: Key, value: Value): void {
    this.#keepBefore(table.key(key));
    this.put(table, key, value);
  }

  delete<Key>(table: Table<Key, unknown>, key: Key): void {
    this.#keepBefore(table.key(key));
    this.#add(deleteOperation(table, key));
  }

  /** Takes over the change of another layer over the same rows. Cannot fail half-way. */
  adopt(change: Layer): void {
    for (const [text, value] of change.before) if (!this.before.has(text)) this.before.set(text, value);
    for (const [text, operation] of change.operations) this.#set(text, operation);
  }

  #keepBefore(key: Uint8Array): void {
    const text = keyText(key);
    if (!this.before.has(text)) this.before.set(text, this.#beneath(key, text) ?? null);
  }

  #add(operation: BatchOperation): void {
    this.#set(keyText(operation.key), operation);
  }

  #set(text: string, operation: BatchOperation): void {
    this.bytes += sizeOf(operation) - sizeOf(this.operations.get(text));
    this.operations.set(text, operation);
  }
}

export class Staging {
  readonly #checked: CheckedDatabase;
  /** Oldest first. */
  #submitted: Layer[] = [];
  #open: Layer;
  /** Resolves when every submitted layer is complete; rejects for good once one cannot be completed. */
  #complete: Promise<void> = Promise.resolve();

  constructor(checked: CheckedDatabase) {
    this.#checked = checked;
    this.#open = this.#newLayer();
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
    const text = keyText(bytes);
    const operation = this.#open.operations.get(text);
    const stored = operation === undefined ? this.#beneath(this.#submitted.length, bytes, text) : putValueOf(operation);
    return stored === undefined ? undefined : readValue(table, bytes, stored);
  }

  /** The same for a row that must be there; `of` names what it belongs to. Throws StorageError `storage/missing`. */
  need<Key, Value>(table: Table<Key, Value>, key: Key, of: string): Value {
    const value = this.get(table, key);
    if (value === undefined) throw missing(table, of);
    return value;
  }

  /** The durable view. */
  durable<Key, Value>(table: Table<Key, Value>, key: Key): Value | undefined {
    const bytes = table.key(key);
    const text = keyText(bytes);
    const layer = this.#submitted.find(({ operations }) => operations.has(text));
    const stored = layer === undefined ? this.#checked.database.get(bytes) : (layer.before.get(text) ?? undefined);
    return stored === undefined ? undefined : readValue(table, bytes, stored);
  }

  /** Adds all that `change` writes, or nothing when it throws. */
  stage(change: (rows: RowWriter) => void): void {
    const layer = this.#newLayer();
    change(layer);
    this.#open.adopt(layer);
  }

  /**
   * Writes the open layer in one batch and resolves when it is on disk. Layers become durable in the order of the calls;
   * `onDurable` runs in the same instant in which the durable view changes. Before its batch is made `complete` may add
   * rows that the working view does not read, and take its time: layers after it wait. Rejects with what `complete`
   * threw, as every later call then does.
   */
  async submit(onDurable: () => void, complete: (rows: RowWriter) => void | Promise<void> = () => undefined): Promise<void> {
    const layer = this.#open;
    this.#submitted.push(layer);
    this.#open = this.#newLayer();
    const completed = this.#complete.then(() => complete(layer));
    this.#complete = completed;
    await completed;
    // The next layer is completed after this call, so the batches reach the database in order.
    await this.#checked.database.write([...layer.operations.values()]);
    this.#submitted = this.#submitted.filter((other) => other !== layer);
    onDurable();
  }

  #newLayer(): Layer {
    const layer: Layer = new Layer((key, text) => {
      const position = this.#submitted.indexOf(layer);
      return this.#beneath(position < 0 ? this.#submitted.length : position, key, text);
    });
    return layer;
  }

  /** What the database and the `count` oldest submitted layers hold. */
  #beneath(count: number, key: Uint8Array, text: string): Uint8Array | undefined {
    for (let i = count - 1; i >= 0; i--) {
      const operation = this.#submitted[i]?.operations.get(text);
      if (operation !== undefined) return putValueOf(operation);
    }
    return this.#checked.database.get(key);
  }
}

function putValueOf(operation: BatchOperation): Uint8Array | undefined {
  return operation.type === 'put' ? operation.value : undefined;
}

function sizeOf(operation: BatchOperation | undefined): number {
  if (operation === undefined) return 0;
  return operation.key.length + (operation.type === 'put' ? operation.value.length : 0);
}
