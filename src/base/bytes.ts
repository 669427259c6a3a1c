/** Bytes, hex and integers. Big-endian is Ethereum's order; the little-endian forms serve Bitcoin's header. */
import { concatBytes } from '@noble/hashes/utils.js';
import { DecodeError } from './errors.ts';
import { type Address, type Hash, type Hex, quote } from './types.ts';

export { concatBytes };
export const EMPTY = new Uint8Array(0);

/** Codes of '0', 'x' and the sixteen digits. */
const [ZERO, X] = [0x30, 0x78];
const DIGIT_CODES = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));
/** A call with many more arguments is slow, and in the end refused. */
const MAX_BYTES_AT_ONCE = 256;
const ASCII = new TextDecoder('latin1');
const HASH_BYTES = 32;
/** For hashes, most of what is written: filled anew for each. */
const HASH_CODES = Array.from({ length: 2 + 2 * HASH_BYTES }, () => ZERO);

/** Hashes, keys and most else in one go, more than twice as fast as digit after digit (measured): every hash that is read is a text. */
export function toHex(bytes: Uint8Array): Hex {
  const { length } = bytes;
  if (length > MAX_BYTES_AT_ONCE) return longToHex(bytes);
  const codes = length === HASH_BYTES ? HASH_CODES : new Array<number>(2 + 2 * length);
  codes[0] = ZERO;
  codes[1] = X;
  for (let i = 0; i < length; i++) {
    const byte = bytes[i] as number;
    codes[2 + 2 * i] = DIGIT_CODES[byte >> 4] as number;
    codes[3 + 2 * i] = DIGIT_CODES[byte & 0xf] as number;
  }
  return String.fromCharCode.apply(null, codes) as Hex;
}

/** By way of bytes: 5 MB take 20 ms, and as a text that grows digit by digit 1.5 s, in which a node would stand still. */
function longToHex(bytes: Uint8Array): Hex {
  const codes = new Uint8Array(2 + 2 * bytes.length);
  codes[0] = ZERO;
  codes[1] = X;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    codes[2 + 2 * i] = DIGIT_CODES[byte >> 4] as number;
    codes[3 + 2 * i] = DIGIT_CODES[byte & 0xf] as number;
  }
  return ASCII.decode(codes) as Hex;
}

/** By character code: the value of a hex digit. Beyond the table, and where it has -1, is none. */
const DIGITS = Int8Array.from({ length: 0x80 }, (_, code) => '0123456789abcdef'.indexOf(String.fromCharCode(code).toLowerCase()));

/** Whole bytes only: an odd number of digits is refused. One pass, three times as fast as a pattern and then a decoder (measured). */
export function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(bytesInHex(text));
  writeHex(bytes, 0, text);
  return bytes;
}

/** How many bytes a text of 0x and digits stands for; the digits are looked at when they are read. Throws DecodeError. */
export function bytesInHex(text: string): number {
  if (text.charCodeAt(0) !== ZERO || text.charCodeAt(1) !== X || text.length % 2 !== 0) throw notHex(text);
  return text.length / 2 - 1;
}

/** The bytes of a text that `bytesInHex` has measured, from `start` on. Throws DecodeError for what is no digit. */
export function writeHex(into: Uint8Array, start: number, text: string): void {
  for (let at = start, digit = 2; digit < text.length; at++, digit += 2) {
    const byte = (digitAt(text, digit) << 4) | digitAt(text, digit + 1);
    if (byte < 0) throw notHex(text);
    into[at] = byte;
  }
}

function digitAt(text: string, at: number): number {
  return DIGITS[text.charCodeAt(at)] ?? -1;
}

function notHex(text: string): DecodeError {
  return new DecodeError('decode/hex', `Expected 0x and an even number of hex digits, got ${quote(text)}.`);
}

export function hashOf(bytes: Uint8Array): Hash {
  if (bytes.length !== 32) throw new DecodeError('decode/hash', `Expected 32 bytes, got ${bytes.length}.`);
  return toHex(bytes) as Hash;
}

export function addressOf(bytes: Uint8Array): Address {
  if (bytes.length !== 20) throw new DecodeError('decode/address', `Expected 20 bytes, got ${bytes.length}.`);
  return toHex(bytes) as Address;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Comparing integers of one kind is several times as fast as comparing a bigint to a number. */
const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);
/** Any integer of so many bytes is a safe number. */
const MAX_SAFE_BYTES = 6;

/** Big-endian without leading zeros; zero is the empty string (RLP's integer form). */
export function bigToBytes(value: bigint): Uint8Array {
  if (value < 0n) throw new DecodeError('decode/integer', `Expected an integer of zero or more, got ${value}.`);
  if (value === 0n) return EMPTY;
  if (value <= MAX_SAFE) return numberToBytes(Number(value));
  const digits = value.toString(16);
  return fromHex(digits.length % 2 === 0 ? `0x${digits}` : `0x0${digits}`);
}

/** The same for a safe integer above zero: most integers of a header are. */
function numberToBytes(value: number): Uint8Array {
  let length = 1;
  for (let left = value; left >= 0x100; left /= 0x100) length++;
  const bytes = new Uint8Array(length);
  for (let at = length - 1, left = value; at >= 0; at--, left = Math.floor(left / 0x100)) bytes[at] = left % 0x100;
  return bytes;
}

export function bytesToBig(bytes: Uint8Array): bigint {
  const { length } = bytes;
  if (length > MAX_SAFE_BYTES) return BigInt(toHex(bytes));
  let value = 0;
  for (let i = 0; i < length; i++) value = 0x100 * value + (bytes[i] as number);
  return BigInt(value);
}

/** Big-endian, padded on the left to exactly `length` bytes. */
export function bigToFixed(value: bigint, length: number): Uint8Array {
  const short = bigToBytes(value);
  if (short.length > length) throw new DecodeError('decode/integer', `${value} does not fit ${length} bytes.`);
  const out = new Uint8Array(length);
  out.set(short, length - short.length);
  return out;
}

export function toQuantity(value: bigint | number): Hex {
  return `0x${value.toString(16)}`;
}
