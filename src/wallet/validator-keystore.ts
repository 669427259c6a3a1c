/**
 * One validator's key under a password: EIP-2335 ("BLS12-381 Keystore", version 4), as every staking tool writes it.
 *
 * It differs from accounts' key files in the checksum (SHA-256), in the password, which is normalised first, and in
 * naming the public key. Error messages contain nothing of the file.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { concatBytes, toHex } from '../base/bytes.ts';
import { UsageError } from '../base/errors.ts';
import { PUBLIC_KEY_BYTES, type PublicKey } from '../base/signatures.ts';
import { deriveFromPassword, type KeyDerivation, type ScryptCost, STANDARD_COST } from './key-derivation.ts';
import { HexBytes, hexDigits, malformedKeyFile, parseKeyJson, readKdf, readKeyJson, unsupportedKeyFile } from './key-json.ts';
import { publicKeyOf } from './validator-keys.ts';

const KIND = "validator's key file (EIP-2335)";
const CIPHER = 'aes-128-ctr';
const CHECKSUM = 'sha256';
const MAX_PATH_CHARACTERS = 256;

/** A key file after parsing. */
export interface ValidatorKeystore {
  /** Absent in the files of tools that hide it. */
  readonly publicKey?: PublicKey;
  /** EIP-2334; empty where the key was not derived. */
  readonly path: string;
  readonly kdf: KeyDerivation;
  readonly iv: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly checksum: Uint8Array;
}

/** The JSON text of a new key file; `path` is where the key comes from (EIP-2334), if it was derived. */
export async function encryptValidatorKey(
  secret: Uint8Array,
  password: string,
  path = '',
  cost: ScryptCost = STANDARD_COST,
): Promise<string> {
  const publicKey = publicKeyOf(secret);
  const normalised = normalisePassword(password);
  if (normalised === '')
    throw new UsageError('wallet/empty-password', 'Nothing is left of the password without control characters. Choose another.');
  const kdf: KeyDerivation = { name: 'scrypt', dklen: 32, salt: randomBytes(32), ...cost };
  const derived = await deriveFromPassword(normalised, kdf);
  const iv = randomBytes(16);
  const cipher = createCipheriv(CIPHER, derived.subarray(0, 16), iv);
  const ciphertext = concatBytes(cipher.update(secret), cipher.final());
  const { dklen, n, r, p } = kdf;
  return JSON.stringify({
    crypto: {
      kdf: { function: 'scrypt', params: { dklen, n, r, p, salt: hexDigits(kdf.salt) }, message: '' },
      checksum: { function: CHECKSUM, params: {}, message: hexDigits(checksumOf(derived, ciphertext)) },
      cipher: { function: CIPHER, params: { iv: hexDigits(iv) }, message: hexDigits(ciphertext) },
    },
    description: '',
    pubkey: publicKey.slice(2),
    path,
    uuid: randomUUID(),
    version: 4,
  });
}

/** The 32 bytes of the key. Throws `wallet/wrong-password`, `wallet/kdf-refused`, `wallet/bad-key` and `wallet/keystore-malformed`. */
export async function decryptValidatorKey(keystore: ValidatorKeystore, password: string): Promise<Uint8Array> {
  const { kdf, iv, ciphertext, checksum, publicKey } = keystore;
  const derived = await deriveFromPassword(normalisePassword(password), kdf);
  if (!timingSafeEqual(checksumOf(derived, ciphertext), checksum))
    throw new UsageError('wallet/wrong-password', 'The password does not open this key file (or the file was damaged).');
  const decipher = createDecipheriv(CIPHER, derived.subarray(0, 16), iv);
  const secret = concatBytes(decipher.update(ciphertext), decipher.final());
  const found = publicKeyOf(secret);
  if (publicKey !== undefined && publicKey !== found)
    throw malformedKeyFile(KIND, 'pubkey', 'the public key of the key inside; somebody changed it');
  return secret;
}

/** "Password requirements": compatible forms of a character become one, and control codes (C0, C1, Delete) fall out. */
export function normalisePassword(password: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this removes.
  return password.normalize('NFKD').replace(/[\u0000-\u001f\u007f-\u009f]/g, '');
}

function checksumOf(derived: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  return createHash(CHECKSUM).update(derived.subarray(16, 32)).update(ciphertext).digest();
}

/** Throws `wallet/keystore-malformed` and `wallet/keystore-unsupported`. */
export function parseValidatorKeystore(text: string): ValidatorKeystore {
  const { version, pubkey, path, crypto } = readKeyJson(KIND, Envelope, parseKeyJson(text, KIND), 'file');
  if (version !== 4) throw unsupportedKeyFile(`version ${version}`, 'version 4');
  const { kdf, checksum, cipher } = readKeyJson(KIND, Crypto, crypto, 'crypto');
  if (checksum.function !== CHECKSUM) throw unsupportedKeyFile('its checksum', CHECKSUM);
  if (cipher.function !== CIPHER) throw unsupportedKeyFile('its cipher', CIPHER);
  return {
    ...(pubkey === undefined ? {} : { publicKey: toHex(pubkey) }),
    path,
    kdf: readKdf(KIND, kdf.function, kdf.params, 'crypto.kdf.params'),
    iv: cipher.params.iv,
    ciphertext: cipher.message,
    checksum: checksum.message,
  };
}

const Envelope = z.object({
  version: z.number(),
  pubkey: HexBytes(PUBLIC_KEY_BYTES, PUBLIC_KEY_BYTES).optional(),
  path: z.string().max(MAX_PATH_CHARACTERS).default(''),
  crypto: z.unknown(),
});
const Crypto = z.object({
  kdf: z.object({ function: z.string(), params: z.unknown() }),
  checksum: z.object({ function: z.string(), message: HexBytes(32, 32) }),
  cipher: z.object({ function: z.string(), params: z.object({ iv: HexBytes(16, 16) }), message: HexBytes(32, 32) }),
});
