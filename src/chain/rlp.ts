/**
 * RLP (Yellow Paper, appendix B): nested lists of byte strings, of which every value has one encoding. Every message, header
 * and record goes through here, so both ways are one pass without intermediate copies: several times as fast as
 * @ethereumjs/rlp, with which the tests compare it. Bytes may come from strangers: every error is a DecodeError.
 */
import { assert } from '../base/assert.ts';
import { bigToBytes, bytesInHex, bytesToBig, fromHex, writeHex } from '../base/bytes.ts';
import { DecodeError } from '../base/errors.ts';
import type { Hex } from '../base/types.ts';

/** Nothing of Ethereum's nests deeper: block, transactions, transaction, access list, its entry, its keys. */
const MAX_NESTING = 6;
/** First byte of an empty string and of an empty list; of what is longer than `MAX_SHORT` the length's own length follows. */
const STRING = 0x80;
const LIST = 0xc0;
const MAX_SHORT = 55;
/** Lengths that are longer than this say more than any memory has. */
const MAX_LENGTH_BYTES = 6;
/** Below this, a loop is faster than a call of `set`. */
const FEW_BYTES = 48;
const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** What RLP can say. Bytes may be given in hex; integers are not negative, and are written without leading zeros. */
export type RlpValue = Uint8Array | Hex | number | bigint | readonly RlpValue[];
/** What is read: integers are byte strings like others. */
type RlpItem = Uint8Array | readonly RlpItem[];

// ---- Encoding --------------------------------------------------------------------------------------------------

/** Throws DecodeError for a text that is no hex. */
export function encodeRlp(value: RlpValue): Uint8Array {
  const encoded = new Uint8Array(encodedBytes(value));
  writeBefore(encoded, encoded.length, value);
  return encoded;
}

function encodedBytes(value: RlpValue): number {
  if (typeof value === 'number') return integerBytes(value);
  if (typeof value === 'bigint') return isSmall(value) ? integerBytes(Number(value)) : encodedBytes(bigToBytes(value));
  if (typeof value === 'string') return hexBytes(value);
  if (value instanceof Uint8Array) return prefixBytesOf(value) + value.length;
  let payload = 0;
  for (const item of value) payload += encodedBytes(item);
  return prefixBytes(payload) + payload;
}

/** From the end to the beginning, as the length of a list is known once its items are written. Returns where it begins. */
function writeBefore(encoded: Uint8Array, end: number, value: RlpValue): number {
  if (typeof value === 'number') return writeInteger(encoded, end, value);
  if (typeof value === 'bigint') {
    return isSmall(value) ? writeInteger(encoded, end, Number(value)) : writeBefore(encoded, end, bigToBytes(value));
  }
  if (typeof value === 'string') return writeHexString(encoded, end, value);
  if (value instanceof Uint8Array) return writeString(encoded, end, value);
  let at = end;
  for (let i = value.length - 1; i >= 0; i--) at = writeBefore(encoded, at, value[i] as RlpValue);
  return writePrefix(encoded, at, LIST, end - at);
}

function writeString(encoded: Uint8Array, end: number, string: Uint8Array): number {
  const { length } = string;
  const at = end - length;
  if (length >= FEW_BYTES) encoded.set(string, at);
  else for (let i = 0; i < length; i++) encoded[at + i] = string[i] as number;
  return prefixBytesOf(string) === 0 ? at : writePrefix(encoded, at, STRING, length);
}

/** A single byte, whose prefix hangs on its value, goes the long way. */
function hexBytes(text: Hex): number {
  const length = bytesInHex(text);
  return length === 1 ? encodedBytes(fromHex(text)) : prefixBytes(length) + length;
}

function writeHexString(encoded: Uint8Array, end: number, text: Hex): number {
  const length = bytesInHex(text);
  if (length === 1) return writeString(encoded, end, fromHex(text));
  writeHex(encoded, end - length, text);
  return writePrefix(encoded, end - length, STRING, length);
}

function writeInteger(encoded: Uint8Array, end: number, value: number): number {
  let at = end;
  for (let left = value; left > 0; left = Math.floor(left / 0x100)) encoded[--at] = left % 0x100;
  return value > 0 && value < STRING ? at : writePrefix(encoded, at, STRING, end - at);
}

/** What comes in front of a string or list of this length. Returns where it begins. */
function writePrefix(encoded: Uint8Array, end: number, kind: number, length: number): number {
  let at = end;
  if (length > MAX_SHORT) for (let left = length; left > 0; left = Math.floor(left / 0x100)) encoded[--at] = left % 0x100;
  encoded[at - 1] = kind + (length > MAX_SHORT ? MAX_SHORT + end - at : length);
  return at - 1;
}

/** A single byte below 0x80 encodes itself. */
function prefixBytesOf(string: Uint8Array): number {
  return string.length === 1 && (string[0] as number) < STRING ? 0 : prefixBytes(string.length);
}

function prefixBytes(length: number): number {
  return length <= MAX_SHORT ? 1 : 1 + digitsOf(length);
}

/** Of a whole number, with its prefix. */
function integerBytes(value: number): number {
  assert(Number.isSafeInteger(value) && value >= 0, () => `RLP has no number ${value}`);
  return value < STRING ? 1 : 1 + digitsOf(value);
}

/** In base 256. */
function digitsOf(value: number): number {
  let digits = 1;
  for (let left = value; left >= 0x100; left /= 0x100) digits++;
  return digits;
}

function isSmall(value: bigint): boolean {
  return value <= MAX_SAFE;
}

// ---- Decoding --------------------------------------------------------------------------------------------------

/** A Uint8Array, or a list of such things. Refuses trailing bytes, and lists that nest deeper than `maxDepth`. */
export function decodeRlp(bytes: Uint8Array, what: string, maxDepth = MAX_NESTING): unknown {
  const reader = new Reader(bytes, what, maxDepth);
  const item = reader.item(bytes.length, 0);
  return reader.at === bytes.length ? item : reader.refuse(`${bytes.length - reader.at} bytes come after it`);
}

class Reader {
  at = 0;
  readonly #bytes: Uint8Array;
  readonly #what: string;
  readonly #maxDepth: number;

  constructor(bytes: Uint8Array, what: string, maxDepth: number) {
    this.#bytes = bytes;
    this.#what = what;
    this.#maxDepth = maxDepth;
  }

  /** The item that begins here, inside so many lists of which the innermost ends at `end`. */
  item(end: number, depth: number): RlpItem {
    const bytes = this.#bytes;
    const { at } = this;
    if (at >= end) return this.refuse('it is empty');
    const first = bytes[at] as number;
    if (first < STRING) {
      this.at = at + 1;
      return bytes.slice(at, at + 1);
    }
    const itemEnd = this.#enter(first, end);
    if (first >= LIST) return this.#list(itemEnd, depth + 1);
    const start = this.at;
    if (itemEnd === start + 1 && (bytes[start] as number) < STRING) return this.refuse('a byte that encodes itself has a prefix');
    this.at = itemEnd;
    return bytes.slice(start, itemEnd);
  }

  refuse(why: string): never {
    const { length } = this.#bytes;
    throw new DecodeError('decode/rlp', `The ${this.#what} (${length} bytes) is not valid RLP: ${why}.`, { bytes: length });
  }

  #list(end: number, depth: number): RlpItem[] {
    if (depth > this.#maxDepth) {
      const { length } = this.#bytes;
      throw new DecodeError('decode/too-deep', `RLP lists nest deeper than ${this.#maxDepth} levels.`, { bytes: length });
    }
    const items: RlpItem[] = [];
    while (this.at < end) items.push(this.item(end, depth));
    return items;
  }

  /** Goes behind the prefix that begins with this byte. Returns where its string or list ends. */
  #enter(first: number, end: number): number {
    const short = first & 0x3f;
    const lengthBytes = Math.max(0, short - MAX_SHORT);
    const start = this.at + 1 + lengthBytes;
    const length = lengthBytes === 0 ? short : this.#length(start, lengthBytes, end);
    if (start + length > end) return this.refuse(`an item ends at byte ${start + length} of ${end}`);
    this.at = start;
    return start + length;
  }

  #length(start: number, lengthBytes: number, end: number): number {
    if (start > end || lengthBytes > MAX_LENGTH_BYTES) return this.refuse('an item is longer than all of it');
    let length = 0;
    for (let at = start - lengthBytes; at < start; at++) length = 0x100 * length + (this.#bytes[at] as number);
    const isShortest = this.#bytes[start - lengthBytes] !== 0 && length > MAX_SHORT;
    return isShortest ? length : this.refuse('a length is written in more bytes than it needs');
  }
}

export function bytesField(value: unknown, what: string): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new DecodeError('decode/rlp', `Expected a byte string for ${what}, got a list.`);
  return value;
}

export function listField(value: unknown, what: string, maxItems: number): readonly unknown[] {
  if (!Array.isArray(value)) throw new DecodeError('decode/rlp', `Expected a list for ${what}, got a byte string.`);
  if (value.length > maxItems)
    throw new DecodeError('decode/too-many', `${what} has ${value.length} items; at most ${maxItems} are allowed.`);
  return value;
}

/** A canonical RLP integer of at most `maxBytes` bytes (no leading zeros). */
export function integer(bytes: Uint8Array, maxBytes: number, what: string): bigint {
  if (bytes.length > maxBytes || bytes[0] === 0) {
    throw new DecodeError('decode/integer', `${what} is not a canonical integer of at most ${maxBytes} bytes.`);
  }
  return bytesToBig(bytes);
}

export function safeNumber(bytes: Uint8Array, what: string): number {
  const value = integer(bytes, 7, what);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new DecodeError('decode/integer', `${what} ${value} is above 2^53 - 1.`);
  return Number(value);
}
