/**
 * The block header: Ethereum's fields in Ethereum's order, so that its hash is keccak-256 of its RLP and any Ethereum
 * client can read it (Yellow Paper section 4.4; EIP-1559, 4895, 4844, 4788, 7685 for the trailing fields).
 *
 * What an engine adds lives in fields that Ethereum already has: `extraData` is the keccak of the block's payload (or
 * empty), and proof-of-work keeps its extra nonce in `mixHash` and its version and nonce in `nonce`.
 */
import { addressOf, equalBytes, hashOf, toHex } from '../base/bytes.ts';
import { DecodeError } from '../base/errors.ts';
import { keccak256 } from '../base/keccak.ts';
import type { Address, Hash, Hex } from '../base/types.ts';
import { bytesField, decodeRlp, encodeRlp, integer, type RlpValue, safeNumber } from './rlp.ts';

export interface Header {
  readonly parentHash: Hash;
  /** keccak of an empty list: synod has no uncles. */
  readonly unclesHash: Hash;
  readonly beneficiary: Address;
  readonly stateRoot: Hash;
  readonly transactionsRoot: Hash;
  readonly receiptsRoot: Hash;
  /** 256 bytes. */
  readonly logsBloom: Hex;
  readonly difficulty: bigint;
  readonly number: number;
  readonly gasLimit: bigint;
  readonly gasUsed: bigint;
  /** Seconds since 1970. */
  readonly timestamp: number;
  /** At most 32 bytes. */
  readonly extraData: Hex;
  readonly mixHash: Hash;
  /** 8 bytes. */
  readonly nonce: Hex;
  /** Trailing fields are present from the fork that brought them in, and each needs all those before it. */
  readonly baseFeePerGas?: bigint;
  readonly withdrawalsRoot?: Hash;
  readonly blobGasUsed?: bigint;
  readonly excessBlobGas?: bigint;
  readonly parentBeaconBlockRoot?: Hash;
  readonly requestsHash?: Hash;
}

/** A header with the proof that stands outside its hash (a proposer's signature; empty under proof-of-work). */
export interface SealedHeader {
  readonly header: Header;
  readonly seal: Uint8Array;
}

/** keccak256(rlp([])) */
export const EMPTY_UNCLES_HASH = '0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347' as Hash;
/** The root of an empty Merkle-Patricia trie: keccak256(rlp('')) */
export const EMPTY_TRIE_ROOT = '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421' as Hash;
const BLOOM_BYTES = 256;
export const EMPTY_BLOOM: Hex = `0x${'00'.repeat(BLOOM_BYTES)}`;
const EMPTY_BLOOM_BYTES = new Uint8Array(BLOOM_BYTES);
export const EMPTY_NONCE: Hex = `0x${'00'.repeat(8)}`;

/** The places of mixHash and nonce, in which a proof that is found after execution is kept. */
const PROOF_AT = 13;
const PROOF_FIELDS = 2;
const FIXED_FIELDS = 15;
const TRAILING_FIELDS = [
  'baseFeePerGas',
  'withdrawalsRoot',
  'blobGasUsed',
  'excessBlobGas',
  'parentBeaconBlockRoot',
  'requestsHash',
] as const satisfies (keyof Header)[];
const ALL_FIELDS = 21;
export const MAX_SEAL_BYTES = 1024;

/** The RLP fields; the codec of blocks and of header batches nests them. Throws DecodeError for what no header can be. */
export function headerFields(header: Header): RlpValue[] {
  if (header.number < 0 || header.timestamp < 0 || header.difficulty < 0n) {
    throw new DecodeError('decode/integer', `Header ${header.number} has a number, time or difficulty below zero.`);
  }
  const fields: RlpValue[] = [
    header.parentHash,
    header.unclesHash,
    header.beneficiary,
    header.stateRoot,
    header.transactionsRoot,
    header.receiptsRoot,
    header.logsBloom === EMPTY_BLOOM ? EMPTY_BLOOM_BYTES : header.logsBloom,
    header.difficulty,
    header.number,
    header.gasLimit,
    header.gasUsed,
    header.timestamp,
    header.extraData,
    header.mixHash,
    header.nonce,
  ];
  for (const field of TRAILING_FIELDS) {
    const value = header[field];
    if (value === undefined) break;
    fields.push(value);
  }
  return fields;
}

export function encodeHeader(header: Header): Uint8Array {
  return encodeRlp(headerFields(header));
}

/** The same without mixHash and nonce: what the proof in them commits to. */
export function encodeUnprovenHeader(header: Header): Uint8Array {
  return encodeRlp(headerFields(header).toSpliced(PROOF_AT, PROOF_FIELDS));
}

/** Throws DecodeError for anything that is not a header in canonical form. */
export function decodeHeader(bytes: Uint8Array): Header {
  return headerFromFields(decodeRlp(bytes, 'header'));
}

export function headerFromFields(value: unknown): Header {
  if (!Array.isArray(value) || value.length < FIXED_FIELDS || value.length > ALL_FIELDS) {
    throw new DecodeError('decode/header', `Expected a list of ${FIXED_FIELDS} to ${ALL_FIELDS} header fields.`);
  }
  const fields: Uint8Array[] = value.map((field) => bytesField(field, 'header field'));
  const at = (index: number): Uint8Array => fields[index] ?? new Uint8Array(0);
  const fixed: Header = {
    parentHash: hashOf(at(0)),
    unclesHash: hashOf(at(1)),
    beneficiary: addressOf(at(2)),
    stateRoot: hashOf(at(3)),
    transactionsRoot: hashOf(at(4)),
    receiptsRoot: hashOf(at(5)),
    logsBloom: bloomOf(at(6)),
    difficulty: integer(at(7), 32, 'difficulty'),
    number: safeNumber(at(8), 'number'),
    gasLimit: integer(at(9), 8, 'gasLimit'),
    gasUsed: integer(at(10), 8, 'gasUsed'),
    timestamp: safeNumber(at(11), 'timestamp'),
    extraData: atMost(at(12), 32, 'extraData'),
    mixHash: hashOf(at(13)),
    nonce: sized(at(14), 8, 'nonce'),
  };
  return {
    ...fixed,
    ...(fields.length > 15 && { baseFeePerGas: integer(at(15), 32, 'baseFeePerGas') }),
    ...(fields.length > 16 && { withdrawalsRoot: hashOf(at(16)) }),
    ...(fields.length > 17 && { blobGasUsed: integer(at(17), 8, 'blobGasUsed') }),
    ...(fields.length > 18 && { excessBlobGas: integer(at(18), 8, 'excessBlobGas') }),
    ...(fields.length > 19 && { parentBeaconBlockRoot: hashOf(at(19)) }),
    ...(fields.length > 20 && { requestsHash: hashOf(at(20)) }),
  };
}

/** Of a block without logs it is the one text that all such blocks share. */
function bloomOf(bytes: Uint8Array): Hex {
  return equalBytes(bytes, EMPTY_BLOOM_BYTES) ? EMPTY_BLOOM : sized(bytes, BLOOM_BYTES, 'logsBloom');
}

/** A header never changes, so its hash is computed once for each object. */
const hashes = new WeakMap<Header, Hash>();

export function hashHeader(header: Header): Hash {
  const known = hashes.get(header);
  if (known !== undefined) return known;
  const hash = hashOf(keccak256(encodeHeader(header)));
  hashes.set(header, hash);
  return hash;
}

function sized(bytes: Uint8Array, length: number, what: string): Hex {
  if (bytes.length !== length) throw new DecodeError('decode/length', `${what} has ${bytes.length} bytes; expected ${length}.`);
  return toHex(bytes);
}

function atMost(bytes: Uint8Array, length: number, what: string): Hex {
  if (bytes.length > length) throw new DecodeError('decode/length', `${what} has ${bytes.length} bytes; at most ${length} are allowed.`);
  return toHex(bytes);
}
