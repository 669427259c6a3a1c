/**
 * From a password to the 32 bytes that encrypt a key: scrypt (RFC 7914) and PBKDF2 (RFC 8018), with the bounds that
 * make it safe to open a key file of unknown origin. A file chooses the cost of its own password check, so a hostile
 * one could ask for terabytes or for years.
 */
import { pbkdf2, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { scryptAsync as portableScrypt } from '@noble/hashes/scrypt.js';
import { UsageError } from '../base/errors.ts';

export interface ScryptCost {
  readonly n: number;
  readonly r: number;
  readonly p: number;
}

export type KeyDerivation =
  | ({ readonly name: 'scrypt'; readonly dklen: number; readonly salt: Uint8Array } & ScryptCost)
  | { readonly name: 'pbkdf2'; readonly dklen: number; readonly salt: Uint8Array; readonly c: number };

/** geth's default: 256 MiB and about a second for each guess. */
export const STANDARD_COST: ScryptCost = { n: 2 ** 18, r: 8, p: 1 };
/** geth's --lightkdf: 4 MiB. For test networks, where the key protects nothing. */
export const LIGHT_COST: ScryptCost = { n: 2 ** 12, r: 8, p: 6 };

/** Twice the memory of the standard cost. */
export const MAX_SCRYPT_BYTES = 512 * 1024 * 1024;
/** n * r * p: eight times the work of the standard cost. */
export const MAX_SCRYPT_WORK = 2 ** 24;
/** Ten times the 1,000,000 that the most careful wallets write. */
export const MAX_PBKDF2_ROUNDS = 10_000_000;
const MIN_DERIVED_BYTES = 32;
const MAX_DERIVED_BYTES = 64;

/** `dklen` bytes. Throws `wallet/kdf-refused` before any work is done. */
export async function deriveFromPassword(password: string, kdf: KeyDerivation): Promise<Uint8Array> {
  checkBounds(kdf);
  const secret = Buffer.from(password, 'utf8');
  if (kdf.name === 'pbkdf2') return promisify(pbkdf2)(secret, kdf.salt, kdf.c, kdf.dklen, 'sha256');
  const { n, r, p, dklen } = kdf;
  // OpenSSL insists on RFC 7914's n < 2^(128 * r / 8), which the published vector (n = 2^18, r = 1) breaks.
  if (n >= 2 ** (16 * r)) return portableScrypt(secret, kdf.salt, { N: n, r, p, dkLen: dklen, maxmem: MAX_SCRYPT_BYTES });
  return scryptOfOpenssl(secret, kdf.salt, dklen, { N: n, r, p, maxmem: scryptBytes(kdf) });
}

const scryptOfOpenssl = promisify<Uint8Array, Uint8Array, number, { N: number; r: number; p: number; maxmem: number }, Uint8Array>(scrypt);

/** The table of n blocks, the p blocks that are mixed, and the two that OpenSSL works in. */
function scryptBytes({ n, r, p }: ScryptCost): number {
  return 128 * r * (n + p + 2);
}

function checkBounds(kdf: KeyDerivation): void {
  if (!isWhole(kdf.dklen) || kdf.dklen < MIN_DERIVED_BYTES || kdf.dklen > MAX_DERIVED_BYTES)
    throw refused(`dklen is ${kdf.dklen}, expected ${MIN_DERIVED_BYTES} to ${MAX_DERIVED_BYTES}`);
  if (kdf.name === 'pbkdf2') {
    if (!isWhole(kdf.c) || kdf.c > MAX_PBKDF2_ROUNDS) throw refused(`c is ${kdf.c}, expected 1 to ${MAX_PBKDF2_ROUNDS}`);
    return;
  }
  const { n, r, p } = kdf;
  if (!isWhole(n) || n < 2 || !Number.isInteger(Math.log2(n))) throw refused(`n is ${n}, expected a power of two above 1`);
  if (!isWhole(r) || !isWhole(p)) throw refused(`r is ${r} and p is ${p}, expected whole numbers from 1`);
  if (scryptBytes(kdf) > MAX_SCRYPT_BYTES) throw refused(`it asks for ${scryptBytes(kdf)} bytes of memory, more than ${MAX_SCRYPT_BYTES}`);
  if (n * r * p > MAX_SCRYPT_WORK) throw refused(`n * r * p is ${n * r * p}, more than ${MAX_SCRYPT_WORK}`);
}

function isWhole(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1;
}

function refused(reason: string): UsageError {
  return new UsageError('wallet/kdf-refused', `The key file asks for a password check that synod refuses to run: ${reason}.`);
}
