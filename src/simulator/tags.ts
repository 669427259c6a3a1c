/**
 * Signatures without cryptography. A tag is 128 bits over key and message that only the key's `Signer` and the checks of
 * this world can compute, so nothing in the simulator can forge one; tags add up as BLS signatures do.
 */
import { assert, present } from '../base/assert.ts';
import { equalBytes, fromHex, toHex } from '../base/bytes.ts';
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
/** Keys of all nodes and accounts of a world, and more. */
const MAX_SEEDS = 4_096;

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
      const view = new DataView(signature.buffer, signature.byteOffset, signature.length);
      for (let i = 0; i < WORDS; i++) add(sum, i, view.getUint32(4 * i));
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
  return seedsOf(publicKey) !== null;
}

function verify({ publicKeys, message, signature }: SignedBy): boolean {
  if (publicKeys.length === 0 || signature.length !== SIGNATURE_BYTES || !publicKeys.every(isPublicKey)) return false;
  return equalBytes(tagOf(publicKeys, message), signature);
}

function tagOf(publicKeys: readonly PublicKey[], message: Uint8Array): Signature {
  const sum = new DataView(new ArrayBuffer(SIGNATURE_BYTES));
  for (const publicKey of publicKeys) {
    const seeds = present(seedsOf(publicKey), 'a public key of this world');
    for (let i = 0; i < WORDS; i++) add(sum, i, mix(seeds[i] as number, message));
  }
  return new Uint8Array(sum.buffer);
}

function add(sum: DataView, word: number, value: number): void {
  sum.setUint32(4 * word, (sum.getUint32(4 * word) + value) >>> 0);
}

/** What the tags of a key begin with. Worlds have few keys, and each is asked for at every signature and every check. */
const seeds = new Map<PublicKey, Uint32Array>();

/** Null for what is no key. */
function seedsOf(publicKey: PublicKey): Uint32Array | null {
  const known = seeds.get(publicKey);
  if (known !== undefined) return known;
  if (!/^0xa0([0-9a-f]{2}){47}$/.test(publicKey)) return null;
  const key = fromHex(publicKey);
  const made = Uint32Array.from({ length: WORDS }, (_, i) => mix(0x9e37_79b9 + i, key));
  if (seeds.size >= MAX_SEEDS) seeds.clear();
  seeds.set(publicKey, made);
  return made;
}

function mix(seed: number, bytes: Uint8Array): number {
  let word = seed;
  for (let i = 0; i < bytes.length; i++) {
    word = Math.imul(word ^ (bytes[i] as number), 0x85eb_ca6b);
    word ^= word >>> 13;
  }
  return word >>> 0;
}
