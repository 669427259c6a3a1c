/**
 * What engines need of cryptography, as a port: BLS12-381 signatures in the "minimal public key" form with proofs of
 * possession (draft-irtf-cfrg-bls-signature, ciphersuite of the consensus specs) in a node, unforgeable tags in the
 * simulator. Everything here is synchronous and never throws for what a stranger sent: malformed keys and signatures are
 * simply not valid.
 */
import type { Hex } from './types.ts';

/** 48 bytes, compressed, in lower case. */
export type PublicKey = Hex;

/** 96 bytes, compressed. */
export type Signature = Uint8Array;

export const PUBLIC_KEY_BYTES = 48;
export const SIGNATURE_BYTES = 96;

/** One statement to be checked: all these keys signed this message, and this is the sum of their signatures. */
export interface SignedBy {
  readonly publicKeys: readonly PublicKey[];
  /** 32 bytes: a hash over a domain and what is signed (never a bare object). */
  readonly message: Uint8Array;
  readonly signature: Signature;
}

export interface Signatures {
  /** Whether it is a point of the group, and not the neutral one. */
  isPublicKey(publicKey: PublicKey): boolean;
  /**
   * No keys is never valid. Adding keys up is safe only for keys whose owners have proven that they possess them:
   * check that where a key enters (a deposit, the genesis file).
   */
  verify(signed: SignedBy): boolean;
  /** Whether every one of them is valid; many at once cost half of one by one. True for none. */
  verifyAll(signed: readonly SignedBy[]): boolean;
  /** The sum of valid signatures, at least one. Throws InternalError for malformed ones: verify first. */
  aggregate(signatures: readonly Signature[]): Signature;
}

/** A key that this node signs with. The engine decides what may be signed; see "persist before send". */
export interface Signer {
  readonly publicKey: PublicKey;
  sign(message: Uint8Array): Signature;
}
