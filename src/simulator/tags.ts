/**
 * Signatures without cryptography. A tag is 128 bits over key and message that only the key's `Signer` and the checks of
 * this world can compute, so nothing in the simulator can forge one; tags add up as BLS signatures do.
 */
import { assert } from '../base/assert.ts';
import { fromHex, toHex } from '../base/bytes.ts';
import {
  PUBLIC_KEY_BYTES,
  type PublicKey,
  SIGNATURE_BYTES,
  type Signature,
  type Signatures,
  type SignedBy,
  type Signer,
} from '../base/signatures.ts';

const WORDS = 4;
const KEY_PREFIX = 0xa0;

/** Owner and number of a key can be read in it, as no secret depends on that here. */
function publicKeyOf(identity: number, index: number): PublicKey {
  const bytes = new Uint8Array(PUBLIC_KEY_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, KEY_PREFIX);
  view.setUint16(PUBLIC_KEY_BYTES - 4, identity);
  view.setUint16(PUBLIC_KEY_BYTES - 2, index);
  return toHex(bytes);
}

/** Where nodes of the simulator have their keys from: tags here, real keys in the slow tier. */
export interface Keys {
  readonly signatures: Signatures;
  signer(identity: number, index: number): Signer;
}

const TAGS: Signatures = {
  isPublicKey,
  verify,
  verifyAll: (signed) => signed.every(verify),
  aggregate: (signatures) => {
    assert(signatures.length > 0, 'an aggregate is of one signature at least');
    const sum = new DataView(new ArrayBuffer(SIGNATURE_BYTES));
    for (const signature of signatures) {
      assert(signature.length === SIGNATURE_BYTES, 'a signature that is aggregated is well-formed');
      add(sum, wordsOf(signature));
    }
    return new Uint8Array(sum.buffer);
  },
};

export const TAG_KEYS: Keys = {
  signatures: TAGS,
  signer: (identity, index) => {
    const publicKey = publicKeyOf(identity, index);
    return { publicKey, sign: (message) => tagOf([publicKey], message) };
  },
};

function isPublicKey(publicKey: PublicKey): boolean {
  return /^0xa0([0-9a-f]{2}){47}$/.test(publicKey);
}

function verify({ publicKeys, message, signature }: SignedBy): boolean {
  if (publicKeys.length === 0 || signature.length !== SIGNATURE_BYTES || !publicKeys.every(isPublicKey)) return false;
  const expected = tagOf(publicKeys, message);
  return expected.every((byte, i) => byte === signature[i]);
}

function tagOf(publicKeys: readonly PublicKey[], message: Uint8Array): Signature {
  const sum = new DataView(new ArrayBuffer(SIGNATURE_BYTES));
  for (const publicKey of publicKeys) add(sum, tag(publicKey, message));
  return new Uint8Array(sum.buffer);
}

function add(sum: DataView, words: readonly number[]): void {
  for (const [i, word] of words.entries()) sum.setUint32(4 * i, (sum.getUint32(4 * i) + word) >>> 0);
}

function wordsOf(signature: Signature): number[] {
  const view = new DataView(signature.buffer, signature.byteOffset, signature.length);
  return Array.from({ length: WORDS }, (_, i) => view.getUint32(4 * i));
}

function tag(publicKey: PublicKey, message: Uint8Array): number[] {
  const key = fromHex(publicKey);
  return Array.from({ length: WORDS }, (_, i) => mix(mix(0x9e37_79b9 + i, key), message));
}

function mix(seed: number, bytes: Uint8Array): number {
  let word = seed;
  for (const byte of bytes) {
    word = Math.imul(word ^ byte, 0x85eb_ca6b);
    word ^= word >>> 13;
  }
  return word >>> 0;
}
