/**
 * Keys and signatures in the form that the precompiles of EIP-2537 take, and so the staking contract: both coordinates,
 * each element of the field in 64 bytes. The usual encoding (ZCash's, of draft-irtf-pairing-friendly-curves, appendix C)
 * has 48 for each, and in G2 the imaginary part first.
 */
import blst from '@chainsafe/blst';
import { concatBytes, fromHex } from '../base/bytes.ts';
import type { PublicKey, Signature } from '../base/signatures.ts';

const ELEMENT_BYTES = 48;
const PADDING = new Uint8Array(16);

/** 128 bytes: x, y. The key is one that was made here or checked. */
export function uncompressedPublicKey(publicKey: PublicKey): Uint8Array {
  const [x, y] = elements(blst.PublicKey.fromBytes(fromHex(publicKey)).toBytes(false));
  return padded([x, y]);
}

/** 256 bytes: x.c0, x.c1, y.c0, y.c1. The signature is one that was made here or checked. */
export function uncompressedSignature(signature: Signature): Uint8Array {
  const [xImaginary, xReal, yImaginary, yReal] = elements(blst.Signature.fromBytes(signature).toBytes(false));
  return padded([xReal, xImaginary, yReal, yImaginary]);
}

function elements(bytes: Uint8Array): Uint8Array[] {
  return Array.from({ length: bytes.length / ELEMENT_BYTES }, (_, i) => bytes.subarray(i * ELEMENT_BYTES, (i + 1) * ELEMENT_BYTES));
}

function padded(parts: readonly (Uint8Array | undefined)[]): Uint8Array {
  return concatBytes(...parts.flatMap((part) => (part === undefined ? [] : [PADDING, part])));
}
