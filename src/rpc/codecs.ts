/**
 * How JSON parameters become typed values. Each codec says in words what it expects, for errors and documentation.
 * Forms follow the Ethereum JSON-RPC specification: quantities without leading zeros, data of whole bytes.
 */
import { fromHex } from '../base/bytes.ts';
import { Address, Hash, type Hex, type Json, quote } from '../base/types.ts';
import { invalidParams, type RpcError } from './errors.ts';

/** Where a value stands, for error messages: `argument` counts from 0, `path` is such as `transaction.to`. */
export interface Place {
  readonly argument: number;
  readonly path: string;
}

/** JSON Schema (draft 7), as OpenRPC wants it. */
export type JsonSchema = { readonly [key: string]: Json };

export interface Codec<T> {
  readonly expected: string;
  /** The same for machines, where it can be said. */
  readonly schema?: JsonSchema;
  /** Throws RpcError -32602 that names the place and what was expected. */
  decode(value: Json, place: Place): T;
}

/** One that says it. */
export interface DescribedCodec<T> extends Codec<T> {
  readonly schema: JsonSchema;
}

/** The -32602 of a value that is not what its codec expects. */
export function mismatch(place: Place, expected: string, value: Json | undefined): RpcError {
  const got = value === undefined ? 'nothing' : quote(typeof value === 'string' ? value : JSON.stringify(value), 80);
  return invalidParams(`invalid argument ${place.argument}: ${place.path}: expected ${expected}, got ${got}`);
}

function textCodec<T>(expected: string, pattern: RegExp, convert: (text: string) => T): Codec<T> {
  return {
    expected,
    schema: { type: 'string', pattern: pattern.source },
    decode(value, place) {
      if (typeof value === 'string' && pattern.test(value)) return convert(value);
      if (typeof value === 'string' && /^(?!0[xX])[0-9a-fA-F]+$/.test(value)) {
        throw invalidParams(`invalid argument ${place.argument}: ${place.path}: hex string without 0x prefix; expected ${expected}`);
      }
      throw mismatch(place, expected, value);
    },
  };
}

export const address = textCodec('an address (0x and 40 hex digits)', /^0x[0-9a-fA-F]{40}$/, Address);
export const hash = textCodec('a hash (0x and 64 hex digits)', /^0x[0-9a-fA-F]{64}$/, Hash);
export const data = textCodec('bytes (0x and an even number of hex digits)', /^0x(?:[0-9a-fA-F]{2})*$/, fromHex);
export const text = textCodec('a string', /^/, (value) => value);

const QUANTITY = /^0x(?:0|[1-9a-fA-F][0-9a-fA-F]*)$/;

/** An unsigned integer of at most so many bits. */
export function quantity(bits: number): Codec<bigint> {
  const expected = `an integer of at most ${bits} bits (0x and hex digits without leading zeros)`;
  const pattern = /^0x[0-9a-fA-F]*$/;
  return {
    expected,
    schema: { type: 'string', pattern: QUANTITY.source },
    decode(value, place) {
      if (typeof value !== 'string' || !pattern.test(value)) return textCodec(expected, QUANTITY, BigInt).decode(value, place);
      if (!QUANTITY.test(value) || value.length > 2 + bits / 4) throw mismatch(place, expected, value);
      return BigInt(value);
    },
  };
}

export const uint256 = quantity(256);
export const uint64 = quantity(64);

/** As uint64, but also a JSON number or a decimal string; geth takes all three for counts. */
export const count: Codec<bigint> = {
  expected: 'a count (a number, or 0x and hex digits)',
  schema: { type: ['integer', 'string'] },
  decode(value, place) {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
    if (typeof value === 'string' && /^\d{1,19}$/.test(value)) return BigInt(value);
    return uint64.decode(value, place);
  },
};

export const boolean: Codec<boolean> = {
  expected: 'true or false',
  schema: { type: 'boolean' },
  decode(value, place) {
    if (typeof value !== 'boolean') throw mismatch(place, boolean.expected, value);
    return value;
  },
};

export const number: Codec<number> = {
  expected: 'a number',
  schema: { type: 'number' },
  decode(value, place) {
    if (typeof value !== 'number' || !Number.isFinite(value)) throw mismatch(place, number.expected, value);
    return value;
  },
};

/** The key of a storage slot: up to 32 bytes of hex, odd or even, as geth takes it. `echo` is how geth repeats it. */
export const storageKey: Codec<{ readonly slot: Hash; readonly echo: Hex }> = {
  expected: 'a storage key (0x and at most 64 hex digits)',
  schema: { type: 'string', pattern: '^0x[0-9a-fA-F]{0,64}$' },
  decode(value, place) {
    if (typeof value !== 'string') throw mismatch(place, storageKey.expected, value);
    const digits = value.replace(/^0[xX]/, '');
    if (!/^[0-9a-fA-F]*$/.test(digits)) throw invalidParams(`invalid hex in storage key: ${quote(value)}`);
    if (digits.length > 64) throw invalidParams(`storage key too long (want at most 32 bytes): ${quote(value)}`);
    const slot = Hash(`0x${digits.padStart(64, '0')}`);
    return { slot, echo: digits.length === 64 ? slot : `0x${BigInt(slot).toString(16)}` };
  },
};

export function list<T>(item: Codec<T>, maxItems: number): Codec<readonly T[]> {
  const expected = `a list of at most ${maxItems} items, each ${item.expected}`;
  return {
    expected,
    schema: { type: 'array', maxItems, items: item.schema ?? {} },
    decode(value, place) {
      if (!Array.isArray(value) || value.length > maxItems) throw mismatch(place, expected, value);
      return value.map((entry: Json, index) => item.decode(entry, { ...place, path: `${place.path}[${index}]` }));
    },
  };
}

/** One item, or a list of them. */
export function oneOrList<T>(item: Codec<T>, maxItems: number): Codec<readonly T[]> {
  const many = list(item, maxItems);
  return {
    expected: `${item.expected}, or a list of at most ${maxItems} of them`,
    schema: { oneOf: [item.schema ?? {}, many.schema ?? {}] },
    decode: (value, place) => (Array.isArray(value) ? many.decode(value, place) : [item.decode(value, place)]),
  };
}

/** Null stays null. */
export function nullable<T>(codec: Codec<T>): Codec<T | null> {
  return {
    expected: `${codec.expected}, or null`,
    schema: { oneOf: [codec.schema ?? {}, { type: 'null' }] },
    decode: (value, place) => (value === null ? null : codec.decode(value, place)),
  };
}

/** Every own entry of an object, its key and its value decoded. */
export function record<K extends string, V>(key: Codec<K>, value: Codec<V>, maxEntries: number): Codec<ReadonlyMap<K, V>> {
  const expected = `an object of at most ${maxEntries} entries, from ${key.expected} to ${value.expected}`;
  return {
    expected,
    schema: { type: 'object', maxProperties: maxEntries, additionalProperties: value.schema ?? {} },
    decode(input, place) {
      const entries = Object.entries(asObject(input, place, expected));
      if (entries.length > maxEntries) throw mismatch(place, expected, `${entries.length} entries`);
      return new Map(
        entries.map(([name, entry]) => {
          const inside = { ...place, path: `${place.path}.${name.slice(0, 80)}` };
          return [key.decode(name, inside), value.decode(entry, inside)] as const;
        }),
      );
    },
  };
}

type Shape = { readonly [key: string]: Codec<unknown> };
export type Decoded<S extends Shape> = { readonly [K in keyof S]?: S[K] extends Codec<infer T> ? T : never };

/** Named fields, all of them optional; null counts as absent, and names that are not in the shape are ignored. */
export function object<S extends Shape>(what: string, shape: S): DescribedCodec<Decoded<S>> {
  const expected = `${what} (an object with ${Object.keys(shape).join(', ')})`;
  const properties = Object.fromEntries(Object.entries(shape).map(([name, codec]) => [name, codec.schema ?? {}]));
  return {
    expected,
    schema: { type: 'object', properties },
    decode(value, place) {
      const input = asObject(value, place, what);
      const fields = Object.entries(shape).flatMap(([name, codec]) => {
        const field = Object.hasOwn(input, name) ? input[name] : undefined;
        if (field === undefined || field === null) return [];
        return [[name, codec.decode(field, { ...place, path: `${place.path}.${name}` })] as const];
      });
      return Object.fromEntries(fields) as Decoded<S>;
    },
  };
}

export function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function asObject(value: Json, place: Place, expected: string): { readonly [key: string]: Json } {
  if (!isObject(value)) throw mismatch(place, expected, value);
  return value;
}
