/**
 * Every key of the two databases, in one table. A key is one prefix byte and its fields, numbers big-endian so that
 * ranges run in order of height; what a value holds and how it is coded is in `records.ts`.
 *
 * Chain database (`chaindata`, may be discarded and fetched again from peers)
 *   h  number hash   header, seal and facts
 *   b  number hash   body: transactions and payload
 *   r  number hash   receipts
 *   t  number hash   status: stored, executed or invalid
 *   f  number hash   finality certificate
 *   n  hash          number: turns a hash into the key of the rows above
 *   i  number        siblings: the hashes of all blocks stored at this height, in the order they came
 *   c  number        canonical: the hash and the logs bloom of the canonical block of this height
 *   x  hash          place of a transaction in the block that was canonical with it last; no place if it is so no more
 *   s  hash          state trie node
 *   o  hash          contract code
 *   H                head;  F  finalized;  M  greatest stored height
 * Consensus database (`consensus`, what this node has signed: kept when the chain is discarded)
 *   l  lsn           record of the consensus log
 *   L                incarnation, lowest and highest position of the log
 *
 * The canonical row carries the bloom so that a search for logs (eth_getLogs) is one scan over one range, and so that a
 * reorganisation cannot leave an index that disagrees with the chain.
 */
import type { Hash } from '../base/types.ts';
import type { BlockStatus } from '../chain/tree.ts';
import type { Receipt } from '../execution/types.ts';
import * as records from './records.ts';
import type { DatabaseName } from './remedies.ts';

/** Where rows about one block are kept. */
export interface BlockId {
  readonly number: number;
  readonly hash: Hash;
}

export interface Table<Key, Value> {
  /** For error messages. */
  readonly name: string;
  readonly prefix: string;
  readonly database: DatabaseName;
  key(key: Key): Uint8Array;
  encode(value: Value): Uint8Array;
  /** Throws DecodeError; `checked.ts` makes a StorageError of it. */
  decode(bytes: Uint8Array): Value;
}

const NUMBER_BYTES = 8;
const HASH_BYTES = 32;

type Codec<Value> = Pick<Table<never, Value>, 'encode' | 'decode'>;

function byBlock<Value>(prefix: string, name: string, codec: Codec<Value>): Table<BlockId, Value> {
  const key = ({ number, hash }: BlockId): Uint8Array => {
    const bytes = newKey(prefix, NUMBER_BYTES + HASH_BYTES);
    putNumber(bytes, number);
    putHash(bytes, hash, 1 + NUMBER_BYTES);
    return bytes;
  };
  return { name, prefix, database: 'chain', key, ...codec };
}

function byNumber<Value>(prefix: string, name: string, codec: Codec<Value>): Table<number, Value> {
  const key = (number: number): Uint8Array => {
    const bytes = newKey(prefix, NUMBER_BYTES);
    putNumber(bytes, number);
    return bytes;
  };
  return { name, prefix, database: 'chain', key, ...codec };
}

function byHash<Value>(prefix: string, name: string, codec: Codec<Value>): Table<Hash, Value> {
  const key = (hash: Hash): Uint8Array => {
    const bytes = newKey(prefix, HASH_BYTES);
    putHash(bytes, hash, 1);
    return bytes;
  };
  return { name, prefix, database: 'chain', key, ...codec };
}

function single<Value>(prefix: string, name: string, codec: Codec<Value>): Table<null, Value> {
  return { name, prefix, database: 'chain', key: () => newKey(prefix, 0), ...codec };
}

function consensus<Key, Value>(table: Table<Key, Value>): Table<Key, Value> {
  return { ...table, database: 'consensus' };
}

export const TABLES = {
  header: byBlock<records.HeaderRecord>('h', 'header', records.headerRecord),
  body: byBlock<records.BodyRecord>('b', 'body', records.bodyRecord),
  receipts: byBlock<readonly Receipt[]>('r', 'receipts', records.receiptsRecord),
  status: byBlock<BlockStatus>('t', 'status', records.statusRecord),
  certificate: byBlock<Uint8Array>('f', 'finality certificate', records.bytesRecord),
  number: byHash<number>('n', 'block number', records.numberRecord),
  siblings: byNumber<readonly Hash[]>('i', 'list of blocks', records.hashesRecord),
  canonical: byNumber<records.CanonicalRecord>('c', 'canonical block', records.canonicalRecord),
  transaction: byHash<records.PlaceRecord>('x', 'transaction index', records.placeRecord),
  node: byHash<Uint8Array>('s', 'state node', records.bytesRecord),
  code: byHash<Uint8Array>('o', 'contract code', records.bytesRecord),
  head: single<Hash>('H', 'head', records.hashRecord),
  finalized: single<Hash>('F', 'finalized block', records.hashRecord),
  maxHeight: single<number>('M', 'greatest height', records.numberRecord),
  logEntry: consensus(byNumber<Uint8Array>('l', 'consensus record', records.bytesRecord)),
  logState: consensus(single<records.LogState>('L', 'state of the consensus log', records.logStateRecord)),
} as const;

/** The number in a key of a table that is ordered by number. */
export function numberOfKey(key: Uint8Array): number {
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
  return view.getUint32(1) * 2 ** 32 + view.getUint32(5);
}

/** A key as a map key: latin-1 has one character for each byte, in the same order, so text compares as the bytes do. */
export function keyText(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
}

function newKey(prefix: string, fieldBytes: number): Uint8Array {
  const bytes = new Uint8Array(1 + fieldBytes);
  bytes[0] = prefix.charCodeAt(0);
  return bytes;
}

function putNumber(key: Uint8Array, number: number): void {
  const view = new DataView(key.buffer);
  view.setUint32(1, Math.floor(number / 2 ** 32));
  view.setUint32(5, number >>> 0);
}

function putHash(key: Uint8Array, hash: Hash, offset: number): void {
  Buffer.from(key.buffer).write(hash.slice(2), offset, 'hex');
}
