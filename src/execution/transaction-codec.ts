/**
 * The wire forms of transactions: a legacy RLP list, or a type byte and an RLP list (EIP-2718) of type 1 (EIP-2930),
 * 2 (EIP-1559), 3 (EIP-4844, without its sidecar) or 4 (EIP-7702). Decoding is strict: only the one canonical encoding
 * is accepted, so that a transaction has one hash. Whether a network has blobs at all is asked by `transaction.ts`.
 */
import { addressOf, bigToBytes, bytesToBig, concatBytes, hashOf } from '../base/bytes.ts';
import { RuleError } from '../base/errors.ts';
import type { Address, Hash } from '../base/types.ts';
import { bytesField, decodeRlp, encodeRlp, integer, listField } from '../chain/rlp.ts';
import { keccak256 } from './keccak.ts';

export const LEGACY = 0;
export const ACCESS_LIST = 1;
export const DYNAMIC_FEE = 2;
export const BLOB = 3;
export const SET_CODE = 4;

export interface AccessListEntry {
  readonly address: Address;
  readonly storageKeys: readonly Hash[];
}

/** EIP-7702: a signed wish that an account's code be that of `address`. Checked only when it is executed. */
export interface Authorization {
  readonly chainId: bigint;
  readonly address: Address;
  readonly nonce: bigint;
  readonly yParity: number;
  readonly r: bigint;
  readonly s: bigint;
}

/** EIP-4844: what a transaction pays for each unit of blob gas at most (wei), and the blobs that it brings. */
export interface BlobFields {
  readonly maxFeePerBlobGas: bigint;
  readonly versionedHashes: readonly Hash[];
}

/** Every field that the bytes carry, and no check beyond their form and range. */
export interface TransactionFields {
  readonly type: number;
  /** Null for a legacy transaction without replay protection (before EIP-155). */
  readonly chainId: bigint | null;
  readonly nonce: bigint;
  readonly gasLimit: bigint;
  /** Equal to gasPrice where the type has one price. Wei. */
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
  /** Null where the type has two fees. */
  readonly gasPrice: bigint | null;
  readonly to: Address | null;
  readonly value: bigint;
  readonly data: Uint8Array;
  readonly accessList: readonly AccessListEntry[];
  readonly authorizationList: readonly Authorization[];
  /** Of type 3 only. */
  readonly blobs?: BlobFields;
  /** As it stands in the encoding: 27, 28 or EIP-155's for legacy, else the parity. */
  readonly v: bigint;
  readonly yParity: 0 | 1;
  readonly r: bigint;
  readonly s: bigint;
}

export interface DecodedTransaction {
  readonly fields: TransactionFields;
  /** What the signature signs. */
  readonly signingHash: Uint8Array;
}

const UINT64_BYTES = 8;
const UINT256_BYTES = 32;
/** Bounds for list lengths: a 128 KiB transaction cannot hold more (21 and 33 bytes an item at the least). */
const MAX_ACCESS_ENTRIES = 8_192;
const MAX_AUTHORIZATIONS = 2_048;
const MAX_BLOBS = 4_096;

/** Transaction, access list, entry, keys. */
const MAX_RLP_DEPTH = 4;

/** Throws RuleError tx/type-unsupported, or DecodeError for anything that is not a canonical transaction. */
export function decodeFields(bytes: Uint8Array): DecodedTransaction {
  const first = bytes[0];
  if (first === undefined) throw malformed('no bytes');
  if (first >= 0xc0) return decodeLegacy(bytes);
  if (first >= 0x80) throw malformed('the first byte is neither a type nor the start of a list');
  const body = bytes.subarray(1);
  if (first === ACCESS_LIST) return decodeAccessList(body);
  if (first === DYNAMIC_FEE) return decodeDynamicFee(body);
  if (first === BLOB) return decodeBlob(body);
  if (first === SET_CODE) return decodeSetCode(body);
  throw unsupported(first, `type ${first} is unknown`);
}

/** Of a type that this network does not have. */
export function unsupported(type: number, why: string): RuleError {
  return new RuleError('tx/type-unsupported', `transaction type not supported: ${why}; use type 0, 1, 2 or 4.`, { type });
}

function decodeLegacy(bytes: Uint8Array): DecodedTransaction {
  const list = fieldList(bytes, 9);
  const at = byteFields(list);
  const gasPrice = integer(at(1), UINT256_BYTES, 'gasPrice');
  const v = integer(at(6), UINT256_BYTES, 'v');
  const { chainId, yParity } = legacyChain(v);
  const protection = chainId === null ? [] : [bigToBytes(chainId), new Uint8Array(0), new Uint8Array(0)];
  return {
    fields: {
      type: LEGACY,
      chainId,
      nonce: integer(at(0), UINT64_BYTES, 'nonce'),
      gasLimit: integer(at(2), UINT64_BYTES, 'gas limit'),
      maxFeePerGas: gasPrice,
      maxPriorityFeePerGas: gasPrice,
      gasPrice,
      to: recipient(at(3)),
      value: integer(at(4), UINT256_BYTES, 'value'),
      data: at(5),
      accessList: [],
      authorizationList: [],
      v,
      yParity,
      r: integer(at(7), UINT256_BYTES, 'r'),
      s: integer(at(8), UINT256_BYTES, 's'),
    },
    signingHash: keccak256(encodeRlp([...list.slice(0, 6), ...protection] as Uint8Array[])),
  };
}

/** EIP-155: v is 35 + 2 * chainId + parity; 27 and 28 are the older form. */
function legacyChain(v: bigint): { chainId: bigint | null; yParity: 0 | 1 } {
  if (v === 27n || v === 28n) return { chainId: null, yParity: v === 28n ? 1 : 0 };
  if (v < 35n) throw malformed(`v is ${v}; expected 27, 28, or 35 and above`);
  return { chainId: (v - 35n) / 2n, yParity: (v - 35n) % 2n === 1n ? 1 : 0 };
}

function decodeAccessList(body: Uint8Array): DecodedTransaction {
  const list = fieldList(body, 11);
  const at = byteFields(list);
  const gasPrice = integer(at(2), UINT256_BYTES, 'gasPrice');
  return typed(ACCESS_LIST, list, {
    chainId: integer(at(0), UINT256_BYTES, 'chain id'),
    nonce: integer(at(1), UINT64_BYTES, 'nonce'),
    gasLimit: integer(at(3), UINT64_BYTES, 'gas limit'),
    maxFeePerGas: gasPrice,
    maxPriorityFeePerGas: gasPrice,
    gasPrice,
    to: recipient(at(4)),
    value: integer(at(5), UINT256_BYTES, 'value'),
    data: at(6),
    accessList: accessList(list[7]),
    authorizationList: [],
  });
}

function decodeDynamicFee(body: Uint8Array): DecodedTransaction {
  const list = fieldList(body, 12);
  return typed(DYNAMIC_FEE, list, { ...feeMarketFields(list), accessList: accessList(list[8]), authorizationList: [] });
}

function decodeBlob(body: Uint8Array): DecodedTransaction {
  const list = fieldList(body, 14);
  const at = byteFields(list);
  const fields = feeMarketFields(list);
  if (fields.to === null) throw malformed('a blob transaction has no recipient');
  return typed(BLOB, list, {
    ...fields,
    accessList: accessList(list[8]),
    authorizationList: [],
    blobs: {
      maxFeePerBlobGas: integer(at(9), UINT256_BYTES, 'max fee per blob gas'),
      versionedHashes: listField(list[10], 'blob hashes', MAX_BLOBS).map((hash) => hashOf(bytesField(hash, 'blob hash'))),
    },
  });
}

function decodeSetCode(body: Uint8Array): DecodedTransaction {
  const list = fieldList(body, 13);
  return typed(SET_CODE, list, {
    ...feeMarketFields(list),
    accessList: accessList(list[8]),
    authorizationList: listField(list[9], 'authorization list', MAX_AUTHORIZATIONS).map(authorization),
  });
}

/** The first eight fields, which types 2, 3 and 4 share. */
function feeMarketFields(list: readonly unknown[]) {
  const at = byteFields(list);
  return {
    chainId: integer(at(0), UINT256_BYTES, 'chain id'),
    nonce: integer(at(1), UINT64_BYTES, 'nonce'),
    maxPriorityFeePerGas: integer(at(2), UINT256_BYTES, 'max priority fee'),
    maxFeePerGas: integer(at(3), UINT256_BYTES, 'max fee'),
    gasLimit: integer(at(4), UINT64_BYTES, 'gas limit'),
    gasPrice: null,
    to: recipient(at(5)),
    value: integer(at(6), UINT256_BYTES, 'value'),
    data: at(7),
  };
}

type Unsigned = Omit<TransactionFields, 'type' | 'v' | 'yParity' | 'r' | 's'>;

/** A typed transaction ends with parity, r and s; what comes before is what is signed. */
function typed(type: number, list: readonly unknown[], unsigned: Unsigned): DecodedTransaction {
  const at = byteFields(list);
  const end = list.length;
  const parity = integer(at(end - 3), 1, 'signature parity');
  if (parity > 1n) throw malformed(`the signature's parity is ${parity}; expected 0 or 1`);
  const payload = encodeRlp(list.slice(0, -3) as Uint8Array[]);
  return {
    fields: {
      ...unsigned,
      type,
      v: parity,
      yParity: parity === 1n ? 1 : 0,
      r: integer(at(end - 2), UINT256_BYTES, 'r'),
      s: integer(at(end - 1), UINT256_BYTES, 's'),
    },
    signingHash: keccak256(concatBytes(Uint8Array.of(type), payload)),
  };
}

function fieldList(body: Uint8Array, count: number): readonly unknown[] {
  const list = listField(decodeRlp(body, 'transaction', MAX_RLP_DEPTH), 'the transaction', count);
  if (list.length !== count) throw malformed(`it has ${list.length} fields; expected ${count}`);
  return list;
}

function byteFields(list: readonly unknown[]): (index: number) => Uint8Array {
  return (index) => bytesField(list[index], `transaction field ${index}`);
}

function recipient(bytes: Uint8Array): Address | null {
  return bytes.length === 0 ? null : addressOf(bytes);
}

function accessList(value: unknown): readonly AccessListEntry[] {
  return listField(value, 'access list', MAX_ACCESS_ENTRIES).map((item) => {
    const entry = listField(item, 'access list entry', 2);
    return {
      address: addressOf(bytesField(entry[0], 'access list address')),
      storageKeys: listField(entry[1], 'storage keys', MAX_ACCESS_ENTRIES).map((key) => hashOf(bytesField(key, 'storage key'))),
    };
  });
}

function authorization(item: unknown): Authorization {
  const list = listField(item, 'authorization', 6);
  const at = byteFields(list);
  return {
    chainId: integer(at(0), UINT256_BYTES, 'authorization chain id'),
    address: addressOf(at(1)),
    nonce: integer(at(2), UINT64_BYTES, 'authorization nonce'),
    yParity: Number(bytesToBig(integerBytes(at(3)))),
    r: integer(at(4), UINT256_BYTES, 'authorization r'),
    s: integer(at(5), UINT256_BYTES, 'authorization s'),
  };
}

/** EIP-7702 lets the parity be any byte; one that is neither 0 nor 1 makes the authorization void, not the transaction. */
function integerBytes(bytes: Uint8Array): Uint8Array {
  integer(bytes, 1, 'authorization parity');
  return bytes;
}

export function malformed(what: string): RuleError {
  return new RuleError('tx/malformed', `The transaction cannot be decoded: ${what}.`);
}
