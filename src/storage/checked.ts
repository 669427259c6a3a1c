/**
 * Checksums on every stored value (reliability rule d): LevelDB answered 26 of 40 reads of a flipped bit with a wrong
 * value and no error. The checksum covers the key as well, so a value that turns up under another key is found too.
 * A mismatch is a StorageError, never a wrong answer and never "not found".
 */
import { crc32 } from 'node:zlib';
import { toHex } from '../base/bytes.ts';
import { DecodeError, StorageError } from '../base/errors.ts';
import type { BatchOperation, Database } from './database.ts';
import { numberOfKey, type Table } from './layout.ts';
import { REMEDIES } from './remedies.ts';

const CHECKSUM_BYTES = 4;

/** A typed, checked reader and writer over a database of opaque values. */
export class CheckedDatabase {
  readonly database: Database;

  constructor(database: Database) {
    this.database = database;
  }

  get<Key, Value>(table: Table<Key, Value>, key: Key): Value | undefined {
    const bytes = table.key(key);
    const stored = this.database.get(bytes);
    return stored === undefined ? undefined : readValue(table, bytes, stored);
  }

  /** Rows of a table that is ordered by number, ascending, `from` inclusive, `to` exclusive, as they stand at the call. */
  async *rows<Value>(table: Table<number, Value>, from: number, to: number): AsyncGenerator<readonly [number: number, value: Value]> {
    for await (const [key, stored] of this.database.entries({ from: table.key(from), to: table.key(to) })) {
      yield [numberOfKey(key), readValue(table, key, stored)];
    }
  }
}

export function putOperation<Key, Value>(table: Table<Key, Value>, key: Key, value: Value): BatchOperation {
  const bytes = table.key(key);
  return { type: 'put', key: bytes, value: seal(bytes, table.encode(value)) };
}

export function deleteOperation<Key>(table: Table<Key, unknown>, key: Key): BatchOperation {
  return { type: 'delete', key: table.key(key) };
}

type Rows<Value> = Pick<Table<never, Value>, 'name' | 'database' | 'decode'>;

/** Checks and decodes what the database holds under `key`. Throws StorageError `storage/corrupt`. */
export function readValue<Value>(table: Rows<Value>, key: Uint8Array, stored: Uint8Array): Value {
  const length = stored.length - CHECKSUM_BYTES;
  if (length < 0) throw corrupt(table, key, `it has ${stored.length} bytes, which is less than a checksum`);
  const value = new Uint8Array(stored.buffer, stored.byteOffset, length);
  const expected = new DataView(stored.buffer, stored.byteOffset + length, CHECKSUM_BYTES).getUint32(0);
  if (checksum(key, value) !== expected) throw corrupt(table, key, 'its checksum does not match');
  try {
    return table.decode(value);
  } catch (error) {
    if (error instanceof DecodeError) throw corrupt(table, key, 'it cannot be decoded', error);
    throw error;
  }
}

/** For a row that another row says must be there; `of` names what it belongs to. */
export function missing({ name, database }: Pick<Table<never, unknown>, 'name' | 'database'>, of: string): StorageError {
  const message = `The stored ${name} of ${of} is missing although the store refers to it. ${REMEDIES[database]}`;
  return new StorageError('storage/missing', message, { table: name, row: of });
}

function corrupt({ name, database }: Rows<unknown>, key: Uint8Array, reason: string, cause?: unknown): StorageError {
  const row = toHex(key.subarray(1));
  const message = `The stored ${name} at ${row} is damaged: ${reason}. ${REMEDIES[database]}`;
  return new StorageError('storage/corrupt', message, { table: name, row }, cause);
}

function seal(key: Uint8Array, value: Uint8Array): Uint8Array {
  const stored = new Uint8Array(value.length + CHECKSUM_BYTES);
  stored.set(value);
  new DataView(stored.buffer).setUint32(value.length, checksum(key, value));
  return stored;
}

function checksum(key: Uint8Array, value: Uint8Array): number {
  return crc32(value, crc32(key));
}
