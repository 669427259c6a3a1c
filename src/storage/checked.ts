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

const CHECKSUM_BYTES = 4;

/** What a person can do about storage that cannot be trusted. */
export const REMEDY =
  'Restore the data directory from a backup, or start the node once with --resync to set the chain aside and fetch it again from peers.';

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

/** Checks and decodes what the database holds under `key`. Throws StorageError `storage/corrupt`. */
export function readValue<Value>(table: Pick<Table<never, Value>, 'name' | 'decode'>, key: Uint8Array, stored: Uint8Array): Value {
  const length = stored.length - CHECKSUM_BYTES;
  if (length < 0) throw corrupt(table.name, key, `it has ${stored.length} bytes, which is less than a checksum`);
  const value = new Uint8Array(stored.buffer, stored.byteOffset, length);
  const expected = new DataView(stored.buffer, stored.byteOffset + length, CHECKSUM_BYTES).getUint32(0);
  if (checksum(key, value) !== expected) throw corrupt(table.name, key, 'its checksum does not match');
  try {
    return table.decode(value);
  } catch (error) {
    if (error instanceof DecodeError) throw corrupt(table.name, key, 'it cannot be decoded', error);
    throw error;
  }
}

/** For a row that another row says must be there. */
export function missing(what: string, name: string): StorageError {
  return new StorageError('storage/missing', `The stored ${what} of ${name} is missing although the store refers to it. ${REMEDY}`, {
    table: what,
    row: name,
  });
}

function corrupt(table: string, key: Uint8Array, reason: string, cause?: unknown): StorageError {
  const row = toHex(key.subarray(1));
  return new StorageError('storage/corrupt', `The stored ${table} at ${row} is damaged: ${reason}. ${REMEDY}`, { table, row }, cause);
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
