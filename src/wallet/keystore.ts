/**
 * One private key under a password: Web3 Secret Storage, version 3, as geth, Besu and the libraries write it
 * (ethereum.org, "Web3 secret storage definition").
 *
 * Key = first half of the derived bytes, for AES-128-CTR; MAC = keccak256(second half || ciphertext), by which a
 * wrong password is recognised. Error messages contain nothing of the file, which may be anything, even a bare key.
 */
import { createCipheriv, createDecipheriv, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { z } from 'zod';
import { concatBytes, fromHex, toHex } from '../base/bytes.ts';
import { DecodeError, UsageError } from '../base/errors.ts';
import { Address } from '../base/types.ts';
import { deriveFromPassword, type KeyDerivation, type ScryptCost, STANDARD_COST } from './key-derivation.ts';
import { addressOfKey, checkPrivateKey } from './private-key.ts';

/** A key file has about 500 bytes. */
export const MAX_KEYSTORE_BYTES = 64 * 1024;
const CIPHER = 'aes-128-ctr';
const MAX_SALT_BYTES = 256;

/** A key file after parsing. */
export interface Keystore {
  /** Absent in the files of tools that hide it. */
  readonly address?: Address;
  readonly kdf: KeyDerivation;
  readonly iv: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly mac: Uint8Array;
}

/** The JSON text of a new key file. */
export async function encryptKey(privateKey: Uint8Array, password: string, cost: ScryptCost = STANDARD_COST): Promise<string> {
  const address = addressOfKey(privateKey);
  const kdf: KeyDerivation = { name: 'scrypt', dklen: 32, salt: randomBytes(32), ...cost };
  const derived = await deriveFromPassword(password, kdf);
  const iv = randomBytes(16);
  const cipher = createCipheriv(CIPHER, derived.subarray(0, 16), iv);
  const ciphertext = concatBytes(cipher.update(privateKey), cipher.final());
  const { dklen, n, r, p } = kdf;
  return JSON.stringify({
    address: address.slice(2),
    crypto: {
      cipher: CIPHER,
      ciphertext: digits(ciphertext),
      cipherparams: { iv: digits(iv) },
      kdf: 'scrypt',
      kdfparams: { dklen, n, p, r, salt: digits(kdf.salt) },
      mac: digits(macOf(derived, ciphertext)),
    },
    id: randomUUID(),
    version: 3,
  });
}

/** The private key. Throws `wallet/wrong-password`, `wallet/kdf-refused` and `wallet/keystore-malformed`. */
export async function decryptKey(keystore: Keystore, password: string): Promise<Uint8Array> {
  const { kdf, iv, ciphertext, mac, address } = keystore;
  const derived = await deriveFromPassword(password, kdf);
  if (!timingSafeEqual(macOf(derived, ciphertext), mac))
    throw new UsageError('wallet/wrong-password', 'The password does not open this key file (or the file was damaged).');
  const decipher = createDecipheriv(CIPHER, derived.subarray(0, 16), iv);
  const privateKey = concatBytes(decipher.update(ciphertext), decipher.final());
  checkPrivateKey(privateKey);
  if (address !== undefined && address !== addressOfKey(privateKey))
    throw malformed('address', 'the address of the key inside; somebody changed it');
  return privateKey;
}

function macOf(derived: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  return keccak_256(concatBytes(derived.subarray(16, 32), ciphertext));
}

/** Accepts `crypto` and, as older geth wrote it, `Crypto`. Throws `wallet/keystore-malformed` and `wallet/keystore-unsupported`. */
export function parseKeystore(text: string): Keystore {
  if (text.length > MAX_KEYSTORE_BYTES) throw malformed('size', `at most ${MAX_KEYSTORE_BYTES} bytes`);
  const outer = read(Envelope, parseJson(text), 'file');
  if (outer.version !== 3) throw unsupported(`version ${outer.version}`, 'version 3');
  const crypto = read(Crypto, outer.crypto ?? outer.Crypto, 'crypto');
  if (crypto.cipher !== CIPHER) throw unsupported('its cipher', CIPHER);
  return {
    ...(outer.address === undefined ? {} : { address: Address(`0x${outer.address}`) }),
    kdf: parseKdf(crypto.kdf, crypto.kdfparams),
    iv: crypto.cipherparams.iv,
    ciphertext: crypto.ciphertext,
    mac: crypto.mac,
  };
}

function parseKdf(name: string, parameters: unknown): KeyDerivation {
  if (name === 'scrypt') return { name, ...read(Scrypt, parameters, 'crypto.kdfparams') };
  if (name !== 'pbkdf2') throw unsupported('its kdf', 'scrypt and pbkdf2');
  const { prf, ...rest } = read(Pbkdf2, parameters, 'crypto.kdfparams');
  if (prf !== 'hmac-sha256') throw unsupported('its prf', 'hmac-sha256');
  return { name, ...rest };
}

// The JSON itself. Hex is written without 0x by geth and with it by some others.
const HexBytes = (minBytes: number, maxBytes: number) =>
  z
    .string()
    .regex(new RegExp(`^(?:0x)?(?:[0-9a-fA-F]{2}){${minBytes},${maxBytes}}$`), `expected ${minBytes} to ${maxBytes} bytes in hex`)
    .transform((text) => fromHex(text.startsWith('0x') ? text : `0x${text}`));
const Envelope = z.object({
  version: z.number(),
  address: HexBytes(20, 20)
    .transform((bytes) => digits(bytes))
    .optional(),
  crypto: z.unknown().optional(),
  Crypto: z.unknown().optional(),
});
const Crypto = z.object({
  cipher: z.string(),
  cipherparams: z.object({ iv: HexBytes(16, 16) }),
  ciphertext: HexBytes(32, 32),
  kdf: z.string(),
  kdfparams: z.unknown(),
  mac: HexBytes(32, 32),
});
const Salt = HexBytes(0, MAX_SALT_BYTES);
const Scrypt = z.object({ dklen: z.number(), n: z.number(), r: z.number(), p: z.number(), salt: Salt });
const Pbkdf2 = z.object({ dklen: z.number(), c: z.number(), prf: z.string(), salt: Salt });

function read<T>(schema: z.ZodType<T>, value: unknown, path: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw malformed([path, ...(issue?.path ?? [])].join('.'), issue?.message ?? 'another form');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, which may be a bare private key.
    throw malformed('text', 'JSON; it may be truncated');
  }
}

function malformed(field: string, expected: string): DecodeError {
  return new DecodeError('wallet/keystore-malformed', `Not a version 3 key file: ${field}: ${expected}.`);
}

function unsupported(what: string, supported: string): UsageError {
  return new UsageError('wallet/keystore-unsupported', `Cannot open this key file: ${what} is not supported, only ${supported}.`);
}

function digits(bytes: Uint8Array): string {
  return toHex(bytes).slice(2);
}
