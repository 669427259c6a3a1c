/**
 * What the values of the database hold, and their coding (RLP, as on the wire). Decoders accept only what the encoders
 * make; anything else is a DecodeError, which `checked.ts` reports as a corrupt store.
 */
import { addressOf, bigToBytes, bytesToBig, EMPTY, fromHex, hashOf, toHex } from '../base/bytes.ts';
import { DecodeError } from '../base/errors.ts';
import { type Hash, Lsn } from '../base/types.ts';
import { EMPTY_BLOOM, type Header, headerFields, headerFromFields } from '../chain/header.ts';
import { bytesField, decodeRlp, encodeRlp, listField, type RlpValue, safeNumber } from '../chain/rlp.ts';
import type { BlockStatus, Facts } from '../chain/tree.ts';
import type { Log, Receipt } from '../execution/types.ts';

export interface HeaderRecord {
  readonly header: Header;
  readonly seal: Uint8Array;
  readonly facts: Facts;
}

export interface BodyRecord {
  readonly transactions: readonly Uint8Array[];
  readonly payload: Uint8Array;
}

export interface CanonicalRecord {
  readonly hash: Hash;
  /** 256 bytes, or none for a block without logs. */
  readonly bloom: Uint8Array;
}

/** Where a transaction stands in a block. */
export interface PlaceRecord {
  readonly blockNumber: number;
  readonly blockHash: Hash;
  readonly index: number;
}

export interface LogState {
  /** Counts the openings of the log. */
  readonly incarnation: number;
  /** The lowest position that is kept, and the highest that was written (0: none). */
  readonly first: Lsn;
  readonly last: Lsn;
}

interface Codec<Value> {
  encode(value: Value): Uint8Array;
  decode(bytes: Uint8Array): Value;
}

/** Lists in our own values are as long as we made them; this only keeps a damaged one from filling the memory. */
const MAX_LIST_ITEMS = 1_000_000;
const HASH_BYTES = 32;
const BLOOM_BYTES = 256;
const PLACE_BYTES = 8 + 4 + HASH_BYTES;

export const bytesRecord: Codec<Uint8Array> = { encode: (bytes) => bytes, decode: (bytes) => bytes };
export const hashRecord: Codec<Hash> = { encode: fromHex, decode: hashOf };
export const numberRecord: Codec<number> = { encode: numberBytes, decode: (bytes) => safeNumber(bytes, 'number') };

export const headerRecord: Codec<HeaderRecord> = {
  encode: ({ header, seal, facts }) => encodeRlp([headerFields(header), seal, bigToBytes(facts.weight), signedBytes(facts.carried)]),
  decode: (bytes) => {
    const [fields, seal, weight, carried] = parts(decodeRlp(bytes, 'header record'), 4);
    return {
      header: headerFromFields(fields),
      seal: bytesField(seal, 'seal'),
      facts: { weight: bytesToBig(bytesField(weight, 'weight')), carried: signedFrom(bytesField(carried, 'carried')) },
    };
  },
};

export const bodyRecord: Codec<BodyRecord> = {
  encode: ({ transactions, payload }) => encodeRlp([[...transactions], payload]),
  decode: (bytes) => {
    const [transactions, payload] = parts(decodeRlp(bytes, 'body'), 2);
    return {
      transactions: items(transactions).map((transaction) => bytesField(transaction, 'a transaction')),
      payload: bytesField(payload, 'payload'),
    };
  },
};

export const receiptsRecord: Codec<readonly Receipt[]> = {
  encode: (receipts) => encodeRlp(receipts.map(receiptFields)),
  decode: (bytes) => items(decodeRlp(bytes, 'receipts')).map(receiptFrom),
};

const STATUSES: readonly BlockStatus[] = ['stored', 'executed', 'invalid'];

export const statusRecord: Codec<BlockStatus> = {
  encode: (status) => Uint8Array.of(STATUSES.indexOf(status)),
  decode: (bytes) => {
    const status = bytes.length === 1 ? STATUSES[bytes[0] ?? -1] : undefined;
    if (status === undefined) throw new DecodeError('decode/status', `Not a block status: ${toHex(bytes)}.`);
    return status;
  },
};

export const hashesRecord: Codec<readonly Hash[]> = {
  encode: (hashes) => fromHex(`0x${hashes.map((hash) => hash.slice(2)).join('')}`),
  decode: (bytes) => {
    if (bytes.length % HASH_BYTES !== 0) throw new DecodeError('decode/hashes', `${bytes.length} bytes are not a list of hashes.`);
    return Array.from({ length: bytes.length / HASH_BYTES }, (_, i) => hashOf(bytes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES)));
  },
};

export const canonicalRecord: Codec<CanonicalRecord> = {
  encode: ({ hash, bloom }) => {
    const bytes = new Uint8Array(HASH_BYTES + bloom.length);
    bytes.set(fromHex(hash));
    bytes.set(bloom, HASH_BYTES);
    return bytes;
  },
  decode: (bytes) => {
    const bloom = bytes.subarray(HASH_BYTES);
    if (bloom.length !== 0 && bloom.length !== BLOOM_BYTES) throw new DecodeError('decode/bloom', `A bloom of ${bloom.length} bytes.`);
    return { hash: hashOf(bytes.subarray(0, HASH_BYTES)), bloom };
  },
};

export function canonicalRecordOf(hash: Hash, header: Header): CanonicalRecord {
  return { hash, bloom: header.logsBloom === EMPTY_BLOOM ? EMPTY : fromHex(header.logsBloom) };
}

/** Fixed in size, since there is one for each transaction: block number (8 bytes), index (4), block hash (32). */
export const placeRecord: Codec<PlaceRecord> = {
  encode: ({ blockNumber, blockHash, index }) => {
    const bytes = Buffer.alloc(PLACE_BYTES);
    bytes.writeBigUInt64BE(BigInt(blockNumber));
    bytes.writeUInt32BE(index, 8);
    bytes.write(blockHash.slice(2), 12, 'hex');
    return bytes;
  },
  decode: (bytes) => {
    if (bytes.length !== PLACE_BYTES) throw new DecodeError('decode/place', `A place of ${bytes.length} bytes.`);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    return { blockNumber: Number(view.getBigUint64(0)), blockHash: hashOf(bytes.subarray(12)), index: view.getUint32(8) };
  },
};

export const logStateRecord: Codec<LogState> = {
  encode: ({ incarnation, first, last }) => encodeRlp([incarnation, first, last].map(numberBytes)),
  decode: (bytes) => {
    const [incarnation, first, last] = parts(decodeRlp(bytes, 'log state'), 3).map(numberFrom);
    return { incarnation: incarnation ?? 0, first: Lsn(first ?? 0), last: Lsn(last ?? 0) };
  },
};

function receiptFields(receipt: Receipt): RlpValue {
  return [
    numberBytes(receipt.type),
    receipt.postState === undefined ? numberBytes(receipt.success ? 1 : 0) : fromHex(receipt.postState),
    bigToBytes(receipt.gasUsed),
    bigToBytes(receipt.cumulativeGasUsed),
    receipt.contractAddress === null ? EMPTY : fromHex(receipt.contractAddress),
    receipt.logs.map((log) => [fromHex(log.address), log.topics.map(fromHex), fromHex(log.data)]),
  ];
}

function receiptFrom(value: unknown): Receipt {
  const [type, outcome, gasUsed, cumulativeGasUsed, contract, logs] = parts(value, 6);
  const outcomeBytes = bytesField(outcome, 'outcome');
  const contractBytes = bytesField(contract, 'contract address');
  return {
    type: numberFrom(type),
    // Either, as in Ethereum's receipts: whether it succeeded, or (before byzantium) the root of the state after it.
    ...(outcomeBytes.length === HASH_BYTES
      ? { success: true, postState: hashOf(outcomeBytes) }
      : { success: safeNumber(outcomeBytes, 'success') === 1 }),
    gasUsed: bytesToBig(bytesField(gasUsed, 'gas used')),
    cumulativeGasUsed: bytesToBig(bytesField(cumulativeGasUsed, 'cumulative gas used')),
    contractAddress: contractBytes.length === 0 ? null : addressOf(contractBytes),
    logs: items(logs).map(logFrom),
  };
}

function logFrom(value: unknown): Log {
  const [address, topics, data] = parts(value, 3);
  return {
    address: addressOf(bytesField(address, 'log address')),
    topics: items(topics).map((topic) => hashOf(bytesField(topic, 'topic'))),
    data: toHex(bytesField(data, 'log data')),
  };
}

function items(value: unknown): readonly unknown[] {
  return listField(value, 'list', MAX_LIST_ITEMS);
}

function parts(value: unknown, count: number): readonly unknown[] {
  const list = listField(value, 'record', count);
  if (list.length !== count) throw new DecodeError('decode/record', `Expected ${count} parts in a record, got ${list.length}.`);
  return list;
}

function numberBytes(value: number): Uint8Array {
  return bigToBytes(BigInt(value));
}

function numberFrom(value: unknown): number {
  return safeNumber(bytesField(value, 'number'), 'number');
}

/** Zigzag: 0, -1, 1, -2 ... become 0, 1, 2, 3 ..., since RLP has no sign. */
function signedBytes(value: bigint): Uint8Array {
  return bigToBytes(value >= 0n ? value * 2n : -value * 2n - 1n);
}

function signedFrom(bytes: Uint8Array): bigint {
  const folded = bytesToBig(bytes);
  return folded % 2n === 0n ? folded / 2n : -(folded + 1n) / 2n;
}
