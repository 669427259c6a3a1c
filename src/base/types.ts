/**
 * Branded types: a block hash cannot be passed where an address is wanted.
 *
 * Hashes and addresses are lower-case 0x-prefixed hex strings, because they are map keys and JSON values far more
 * often than they are hashed again. The checked constructors have the name of their type.
 */
import { DecodeError } from './errors.ts';

declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

export type Hex = `0x${string}`;
/** 32 bytes: of a block, a transaction, a state node. */
export type Hash = Brand<Hex, 'Hash'>;
/** 20 bytes. */
export type Address = Brand<Hex, 'Address'>;
/** The libp2p peer id in its text form, or any name the simulator gives a node. */
export type NodeId = Brand<string, 'NodeId'>;
/** Position in a node's consensus log; 0 is "nothing written yet". */
export type Lsn = Brand<number, 'Lsn'>;

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

const HASH = /^0x[0-9a-f]{64}$/;
const ADDRESS = /^0x[0-9a-f]{40}$/;

export function Hash(text: string): Hash {
  const lower = text.toLowerCase();
  if (!HASH.test(lower)) throw new DecodeError('decode/hash', `Expected 0x and 64 hex digits, got ${quote(text)}.`);
  return lower as Hash;
}

export function Address(text: string): Address {
  const lower = text.toLowerCase();
  if (!ADDRESS.test(lower)) throw new DecodeError('decode/address', `Expected 0x and 40 hex digits, got ${quote(text)}.`);
  return lower as Address;
}

export function NodeId(text: string): NodeId {
  if (text.length === 0 || text.length > 128) throw new DecodeError('decode/node-id', `Expected 1 to 128 characters, got ${text.length}.`);
  return text as NodeId;
}

export function Lsn(value: number): Lsn {
  return value as Lsn;
}

export const ZERO_HASH = `0x${'00'.repeat(32)}` as Hash;
export const ZERO_ADDRESS = `0x${'00'.repeat(20)}` as Address;

/** A hostile string, short and safe enough for an error message. */
export function quote(text: string, limit = 80): string {
  return JSON.stringify(shortened(text, limit));
}

/** The same for any value from outside: texts in quotes, all else as JSON, what is missing as "nothing". */
export function quoteJson(value: Json | undefined, limit = 80): string {
  if (typeof value === 'string') return quote(value, limit);
  return value === undefined ? 'nothing' : shortened(JSON.stringify(value), limit);
}

function shortened(text: string, limit: number): string {
  return text.length > limit ? `${text.slice(0, limit)}... (${text.length} characters)` : text;
}
