/**
 * One private key under a password: Web3 Secret Storage, version 3, as geth, Besu and the libraries write it
 * (ethereum.org, "Web3 secret storage definition").
 *
 * Key = first half of the derived bytes, for AES-128-CTR; MAC = keccak256(second half || ciphertext), by which a
 * wrong password is recognised. Error messages contain nothing of the file.
 */
import { createCipheriv, createDecipheriv, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { z } from 'zod';
import { concatBytes } from '../base/bytes.ts';
import { UsageError } from '../base/errors.ts';
import { Address } from '../base/types.ts';
import { deriveFromPassword, type KeyDerivation, type ScryptCost, STANDARD_COST } from './key-derivation.ts';
import { HexBytes, hexDigits, malformedKeyFile, parseKeyJson, readKdf, readKeyJson, unsupportedKeyFile } from './key-json.ts';
import { addressOfKey, checkPrivateKey } from './private-key.ts';

const KIND = 'version 3 key file';
const CIPHER = 'aes-128-ctr';

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
      ciphertext: hexDigits(ciphertext),
      cipherparams: { iv: hexDigits(iv) },
      kdf: 'scrypt',
      kdfparams: { dklen, n, p, r, salt: hexDigits(kdf.salt) },
      mac: hexDigits(macOf(derived, ciphertext)),
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
    throw malformedKeyFile(KIND, 'address', 'the address of the key inside; somebody changed it');
  return privateKey;
}

function macOf(derived: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  return keccak_256(concatBytes(derived.subarray(16, 32), ciphertext));
}

/** Accepts `crypto` and, as older geth wrote it, `Crypto`. Throws `wallet/keystore-malformed` and `wallet/keystore-unsupported`. */
export function parseKeystore(text: string): Keystore {
  const outer = readKeyJson(KIND, Envelope, parseKeyJson(text, KIND), 'file');
  if (outer.version !== 3) throw unsupportedKeyFile(`version ${outer.version}`, 'version 3');
  const crypto = readKeyJson(KIND, Crypto, outer.crypto ?? outer.Crypto, 'crypto');
  if (crypto.cipher !== CIPHER) throw unsupportedKeyFile('its cipher', CIPHER);
  return {
    ...(outer.address === undefined ? {} : { address: Address(`0x${outer.address}`) }),
    kdf: readKdf(KIND, crypto.kdf, crypto.kdfparams, 'crypto.kdfparams'),
    iv: crypto.cipherparams.iv,
    ciphertext: crypto.ciphertext,
    mac: crypto.mac,
  };
}

const Envelope = z.object({
  version: z.number(),
  address: HexBytes(20, 20)
    .transform((bytes) => hexDigits(bytes))
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
