/** Bytes, hex and integers. Big-endian is Ethereum's order; the little-endian forms serve Bitcoin's header. */
import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js';
import { DecodeError } from './errors.ts';
import { type Address, type Hash, type Hex, quote } from './types.ts';

export { concatBytes };
export const EMPTY = new Uint8Array(0);

export function toHex(bytes: Uint8Array): Hex {
  return `0x${bytesToHex(bytes)}`;
}

/** Whole bytes only: an odd number of digits is refused. */
export function fromHex(text: string): Uint8Array {
  if (!/^0x(?:[0-9a-fA-F]{2})*$/.test(text))
    throw new DecodeError('decode/hex', `Expected 0x and an even number of hex digits, got ${quote(text)}.`);
  return hexToBytes(text.slice(2));
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

/** Big-endian without leading zeros; zero is the empty string (RLP's integer form). */
export function bigToBytes(value: bigint): Uint8Array {
  if (value < 0n) throw new DecodeError('decode/integer', `Expected an integer of zero or more, got ${value}.`);
  if (value === 0n) return EMPTY;
  const digits = value.toString(16);
  return hexToBytes(digits.length % 2 === 0 ? digits : `0${digits}`);
}

export function bytesToBig(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(toHex(bytes));
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
