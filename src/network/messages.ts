/**
 * What peers say to each other, as pure encode and decode. Everything is RLP (Yellow Paper, appendix B) without
 * compression, so that the size of what arrives is the size of what is decoded, and every list and string has a bound
 * that is checked before anything is made of it.
 */
import { keccak_256 } from '@noble/hashes/sha3.js';
import { bigToBytes, EMPTY, fromHex, hashOf, toHex } from '../base/bytes.ts';
import { DecodeError, RuleError } from '../base/errors.ts';
import type { Hash } from '../base/types.ts';
import { MAX_BLOCK_BYTES, MAX_PROVEN_BLOCK_BYTES } from '../chain/block.ts';
import type { ChainParams } from '../chain/params.ts';
import { bytesField, decodeRlp, encodeRlp, integer, listField, safeNumber } from '../chain/rlp.ts';
import { HEADERS_PER_REQUEST, MAX_BLOCKS_PER_REQUEST, MAX_LOCATOR_HASHES } from '../sync/limits.ts';

/** Counted up whenever two versions would no longer understand each other. */
export const PROTOCOL_VERSION = 3;

export const MAX_STATUS_BYTES = 1024;
export const MAX_HEADERS = HEADERS_PER_REQUEST;
/** A header has about 700 bytes; its seal at most 1,024 and its extraData 32. */
export const MAX_HEADER_BYTES = 2 * 1024;
export const MAX_BLOCK_HASHES = MAX_BLOCKS_PER_REQUEST;
/** A response stops growing once it is this large. It holds at least one block, whatever that block's size. */
export const TARGET_RESPONSE_BYTES = 4 * 1024 * 1024;
export const MAX_RESPONSE_BYTES = TARGET_RESPONSE_BYTES + MAX_PROVEN_BLOCK_BYTES + 64 * 1024;
export const MAX_REQUEST_BYTES = 4 * 1024;
/** One gossip message of transactions, or one answer to a request for those that are pending. */
export const MAX_TRANSACTIONS_BYTES = 256 * 1024;
export const MAX_TRANSACTIONS = 4096;
export const MAX_SALT_BYTES = 8;
/** An engine may put a whole block into a message (a proposal), and little else is large. */
export const MAX_MESSAGE_BYTES = MAX_BLOCK_BYTES + 64 * 1024;
/** Of a message to one peer: an engine's, with what is around it. */
export const MAX_DIRECT_BYTES = MAX_MESSAGE_BYTES + 32;
export const MAX_ADDRESSES = 16;
export const MAX_ADDRESS_BYTES = 160;
const MAX_AGENT_CHARACTERS = 64;
const MAX_ENGINE_CHARACTERS = 32;

/** What two nodes tell each other first, and again when their head moves. */
export interface Status {
  readonly protocolVersion: number;
  readonly genesisHash: Hash;
  readonly chainId: number;
  readonly engine: string;
  /** Hash of the rules that the genesis block does not cover: forks and engine settings. See `configHash`. */
  readonly configHash: Hash;
  readonly head: Hash;
  readonly height: number;
  /** Cumulative weight of the chain up to the head, as the engine counts it. */
  readonly weight: bigint;
  readonly finalizedHeight: number;
  /** Program and version, printable ASCII. */
  readonly agent: string;
}

/** Headers after the first known hash of the locator (newest first), or from a height on; ascending, at most `limit`. */
export type HeadersRequest =
  | { readonly locator: readonly Hash[]; readonly limit: number }
  | { readonly from: number; readonly limit: number };

export function encodeStatus(status: Status): Uint8Array {
  return encodeRlp([
    number(status.protocolVersion),
    fromHex(status.genesisHash),
    number(status.chainId),
    text(status.engine),
    fromHex(status.configHash),
    fromHex(status.head),
    number(status.height),
    bigToBytes(status.weight),
    number(status.finalizedHeight),
    text(status.agent.slice(0, MAX_AGENT_CHARACTERS)),
  ]);
}

/** Later versions may append fields: those that are not known here are ignored. */
export function decodeStatus(bytes: Uint8Array): Status {
  const fields = decodeList(bytes, 'status', MAX_STATUS_BYTES, 32);
  if (fields.length < 10) throw new DecodeError('decode/status', `Expected 10 or more fields in a status, got ${fields.length}.`);
  const at = (index: number): Uint8Array => fields[index] ?? EMPTY;
  return {
    protocolVersion: safeNumber(at(0), 'protocolVersion'),
    genesisHash: hashOf(at(1)),
    chainId: safeNumber(at(2), 'chainId'),
    engine: printable(at(3), 'engine', MAX_ENGINE_CHARACTERS),
    configHash: hashOf(at(4)),
    head: hashOf(at(5)),
    height: safeNumber(at(6), 'height'),
    weight: integer(at(7), 32, 'weight'),
    finalizedHeight: safeNumber(at(8), 'finalizedHeight'),
    agent: printable(at(9), 'agent', MAX_AGENT_CHARACTERS),
  };
}

/**
 * Why the two cannot be in one network, or null. Both sides ask this of the same pair, so both know the reason and
 * neither has to be told.
 */
export function incompatibility(ours: Status, theirs: Status): RuleError | null {
  const differ = (code: string, what: string, our: string | number, their: string | number) =>
    new RuleError(code, `The peer's ${what} is ${their}; ours is ${our}. It belongs to another network.`, { ours: our, theirs: their });
  if (ours.protocolVersion !== theirs.protocolVersion) {
    return differ('network/wrong-protocol', 'protocol version', ours.protocolVersion, theirs.protocolVersion);
  }
  if (ours.genesisHash !== theirs.genesisHash) {
    return differ('network/wrong-genesis', 'genesis block (with the fork, if it is one)', ours.genesisHash, theirs.genesisHash);
  }
  if (ours.chainId !== theirs.chainId) return differ('network/wrong-chain', 'chain id', ours.chainId, theirs.chainId);
  if (ours.engine !== theirs.engine) return differ('network/wrong-engine', 'consensus engine', ours.engine, theirs.engine);
  if (ours.configHash !== theirs.configHash) {
    return differ('network/wrong-config', 'hash of forks and engine settings', ours.configHash, theirs.configHash);
  }
  return null;
}

/** keccak-256 of the forks and engine settings as JSON with sorted keys. */
export function configHash(params: ChainParams): Hash {
  const sorted = (_key: string, value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value;
  return hashOf(keccak_256(text(JSON.stringify([params.chainId, params.forks, params.engine], sorted))));
}

export function encodeHeadersRequest(request: HeadersRequest): Uint8Array {
  const start = 'locator' in request ? request.locator.map(fromHex) : number(request.from);
  return encodeRlp([start, number(request.limit)]);
}

export function decodeHeadersRequest(bytes: Uint8Array): HeadersRequest {
  const [start, limitBytes] = listField(decodeBounded(bytes, 'headers request', MAX_REQUEST_BYTES), 'headers request', 2);
  const limit = safeNumber(bytesField(limitBytes, 'limit'), 'limit');
  if (limit < 1 || limit > MAX_HEADERS) throw new DecodeError('decode/limit', `Expected a limit of 1 to ${MAX_HEADERS}, got ${limit}.`);
  if (start instanceof Uint8Array) return { from: safeNumber(start, 'from'), limit };
  const locator = listField(start, 'locator', MAX_LOCATOR_HASHES).map((hash) => hashOf(bytesField(hash, 'locator hash')));
  return { locator, limit };
}

export function encodeHashes(hashes: readonly Hash[]): Uint8Array {
  return encodeList(hashes.map(fromHex));
}

export function decodeHashes(bytes: Uint8Array): readonly Hash[] {
  return decodeList(bytes, 'hashes', MAX_REQUEST_BYTES, MAX_BLOCK_HASHES).map(hashOf);
}

/** A list of byte strings: headers, blocks, transactions, addresses. */
export function encodeList(list: readonly Uint8Array[]): Uint8Array {
  return encodeRlp([...list]);
}

export function decodeList(
  bytes: Uint8Array,
  what: string,
  maxBytes: number,
  maxItems: number,
  maxItemBytes = maxBytes,
): readonly Uint8Array[] {
  return items(decodeBounded(bytes, what, maxBytes), what, maxItems, maxItemBytes);
}

/** An answer: a list of byte strings, or the code of the reason why there is none. */
export function encodeResponse(list: readonly Uint8Array[]): Uint8Array {
  return encodeRlp([EMPTY, [...list]]);
}

export function encodeRefusal(code: string): Uint8Array {
  return encodeRlp([text(code), []]);
}

/** Throws RuleError `network/refused` (no blame) for a refusal, DecodeError for anything else that is not a list. */
export function decodeResponse(bytes: Uint8Array, what: string, maxItems: number, maxItemBytes: number): readonly Uint8Array[] {
  const [refusal, list] = listField(decodeBounded(bytes, what, MAX_RESPONSE_BYTES), what, 2);
  const reason = printable(bytesField(refusal, 'refusal'), 'refusal', 64);
  if (reason !== '') throw new RuleError('network/refused', `The peer refused to send ${what}: ${reason}.`, { reason }, { blame: false });
  return items(list, what, maxItems, maxItemBytes);
}

/** One gossip message of transactions, each in its EIP-2718 form. */
export function decodeTransactions(bytes: Uint8Array): readonly Uint8Array[] {
  const [salt, list] = listField(decodeBounded(bytes, 'transactions', MAX_TRANSACTIONS_BYTES), 'transactions', 2);
  items([salt], 'salt of transactions', 1, MAX_SALT_BYTES);
  return items(list, 'transactions', MAX_TRANSACTIONS, MAX_TRANSACTIONS_BYTES);
}

export interface TransactionBatch {
  readonly message: Uint8Array;
  /** What is in it. */
  readonly transactions: readonly Uint8Array[];
}

/**
 * Packs transactions into as few gossip messages as their bounds allow; a gossip message costs about the same whatever
 * its size. One that is too large for any message is left out (the pool refuses such transactions anyway).
 *
 * Gossip knows a message by its content and carries none twice within minutes, so a transaction that is sent on again,
 * because a reorganisation gave it back, would reach nobody: the salt makes it another message.
 */
export function packTransactions(transactions: readonly Uint8Array[], salt: Uint8Array): readonly TransactionBatch[] {
  const prefixBytes = 5;
  const roomBytes = MAX_TRANSACTIONS_BYTES - 3 * prefixBytes - MAX_SALT_BYTES;
  const batches: Uint8Array[][] = [];
  let bytes = 0;
  for (const transaction of transactions) {
    const size = transaction.length + prefixBytes;
    if (size > roomBytes) continue;
    const current = batches.at(-1);
    if (current === undefined || bytes + size > roomBytes || current.length === MAX_TRANSACTIONS) {
      batches.push([transaction]);
      bytes = size;
    } else {
      current.push(transaction);
      bytes += size;
    }
  }
  return batches.map((batch) => ({ message: encodeRlp([salt, batch]), transactions: batch }));
}

function decodeBounded(bytes: Uint8Array, what: string, maxBytes: number): unknown {
  if (bytes.length > maxBytes) {
    throw new DecodeError('decode/length', `The ${what} has ${bytes.length} bytes; at most ${maxBytes} are allowed.`, {
      bytes: bytes.length,
    });
  }
  return decodeRlp(bytes, what);
}

function items(value: unknown, what: string, maxItems: number, maxItemBytes: number): readonly Uint8Array[] {
  return listField(value, what, maxItems).map((item) => {
    const field = bytesField(item, what);
    if (field.length <= maxItemBytes) return field;
    throw new DecodeError('decode/length', `One of the ${what} has ${field.length} bytes; at most ${maxItemBytes} are allowed.`);
  });
}

function number(value: number): Uint8Array {
  return bigToBytes(BigInt(value));
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function printable(bytes: Uint8Array, what: string, maxCharacters: number): string {
  if (bytes.length > maxCharacters || bytes.some((byte) => byte < 0x20 || byte > 0x7e)) {
    throw new DecodeError(
      'decode/text',
      `Expected at most ${maxCharacters} printable ASCII characters for ${what}, got ${toHex(bytes.subarray(0, 32))}.`,
    );
  }
  return String.fromCharCode(...bytes);
}
