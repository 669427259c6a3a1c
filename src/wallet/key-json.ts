/**
 * The JSON of key files of both versions, read without trust: errors name the field and what was expected of it, and
 * contain nothing of the file, which may be anything, even a bare key.
 */
import { z } from 'zod';
import { fromHex, toHex } from '../base/bytes.ts';
import { DecodeError, UsageError } from '../base/errors.ts';
import type { KeyDerivation } from './key-derivation.ts';
import { MAX_KEY_FILE_BYTES } from './key-files.ts';

const MAX_SALT_BYTES = 256;

/** With or without 0x: geth writes none, some others do. */
export const HexBytes = (minBytes: number, maxBytes: number) =>
  z
    .string()
    .regex(new RegExp(`^(?:0x)?(?:[0-9a-fA-F]{2}){${minBytes},${maxBytes}}$`), `expected ${minBytes} to ${maxBytes} bytes in hex`)
    .transform((text) => fromHex(text.startsWith('0x') ? text : `0x${text}`));

export function hexDigits(bytes: Uint8Array): string {
  return toHex(bytes).slice(2);
}

/** Throws `wallet/keystore-malformed`. `kind` completes "Not a ...", such as "version 3 key file". */
export function parseKeyJson(text: string, kind: string): unknown {
  if (text.length > MAX_KEY_FILE_BYTES) throw malformedKeyFile(kind, 'size', `at most ${MAX_KEY_FILE_BYTES} bytes`);
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, which may be a bare private key.
    throw malformedKeyFile(kind, 'text', 'JSON; it may be truncated');
  }
}

/** Throws `wallet/keystore-malformed`. */
export function readKeyJson<T>(kind: string, schema: z.ZodType<T>, value: unknown, path: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw malformedKeyFile(kind, [path, ...(issue?.path ?? [])].join('.'), issue?.message ?? 'another form');
}

/** The parameters have the same names in both versions. Throws `wallet/keystore-malformed` and `wallet/keystore-unsupported`. */
export function readKdf(kind: string, name: string, parameters: unknown, path: string): KeyDerivation {
  if (name === 'scrypt') return { name, ...readKeyJson(kind, Scrypt, parameters, path) };
  if (name !== 'pbkdf2') throw unsupportedKeyFile('its kdf', 'scrypt and pbkdf2');
  const { prf, ...rest } = readKeyJson(kind, Pbkdf2, parameters, path);
  if (prf !== 'hmac-sha256') throw unsupportedKeyFile('its prf', 'hmac-sha256');
  return { name, ...rest };
}

const Salt = HexBytes(0, MAX_SALT_BYTES);
const Scrypt = z.object({ dklen: z.number(), n: z.number(), r: z.number(), p: z.number(), salt: Salt });
const Pbkdf2 = z.object({ dklen: z.number(), c: z.number(), prf: z.string(), salt: Salt });

export function malformedKeyFile(kind: string, field: string, expected: string): DecodeError {
  return new DecodeError('wallet/keystore-malformed', `Not a ${kind}: ${field}: ${expected}.`);
}

export function unsupportedKeyFile(what: string, supported: string): UsageError {
  return new UsageError('wallet/keystore-unsupported', `Cannot open this key file: ${what} is not supported, only ${supported}.`);
}
