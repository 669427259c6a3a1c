/**
 * The proof check behind the point evaluation precompile (EIP-4844, polynomial commitments 'verify_kzg_proof'). Blobs
 * themselves are refused here, but contracts may call the precompile, and an EVM without it would stop on the call.
 * A check needs one point of the trusted setup, not the whole of it.
 */

import type { KZG } from '@ethereumjs/util';
import { bls12_381 } from '@noble/curves/bls12-381.js';
import { bytesToBig, fromHex } from '../base/bytes.ts';
import { DecodeError, InternalError } from '../base/errors.ts';

/** The secret tau times the generator of G2: the second monomial point of the 2023 ceremony's setup. */
const TAU_G2 =
  'b5bfd7dd8cdeb128843bc287230af38926187075cbfbefa81009a2ce615ac53d2914e5870cb452d2afaaab24f3499f72' +
  '185cbfee53492714734429b7b38608e23926c911cceceac9a36851477ba4c60b087041de621000edc98edada20c1def2';

/** BLS12-381 */
const G1 = bls12_381.G1.Point;
const G2 = bls12_381.G2.Point;
const Scalar = bls12_381.fields.Fr;

/** All arguments are 0x-hex: two 48-byte points of G1 and two 32-byte field elements. Throws DecodeError for others. */
function verifyProof(commitment: string, z: string, y: string, proof: string): boolean {
  const zValue = fieldElement(z);
  const commitmentMinusY = point(commitment).subtract(G1.BASE.multiplyUnsafe(fieldElement(y)));
  const tauMinusZ = G2.fromHex(TAU_G2).subtract(G2.BASE.multiplyUnsafe(zValue));
  const product = bls12_381.pairingBatch(
    [
      { g1: commitmentMinusY, g2: G2.BASE.negate() },
      { g1: point(proof), g2: tauMinusZ },
    ].filter(({ g1, g2 }) => !g1.is0() && !g2.is0()),
  );
  return bls12_381.fields.Fp12.eql(product, bls12_381.fields.Fp12.ONE);
}

function point(hex: string) {
  try {
    const decoded = G1.fromHex(hex.slice(2));
    if (decoded.is0() || decoded.isTorsionFree()) return decoded;
  } catch (cause) {
    throw new DecodeError('decode/kzg', 'A point of the proof is not on the curve.', {}, { cause });
  }
  throw new DecodeError('decode/kzg', 'A point of the proof is not in the group.');
}

function fieldElement(hex: string): bigint {
  const value = bytesToBig(fromHex(hex));
  if (value >= Scalar.ORDER) throw new DecodeError('decode/kzg', 'A field element of the proof is not below the modulus.');
  return value;
}

function noBlobs(): never {
  throw new InternalError('internal/blobs', 'Something asked for the making of blob proofs, which synod does not do.');
}

export const kzg: KZG = {
  verifyProof,
  blobToKzgCommitment: noBlobs,
  computeBlobProof: noBlobs,
  verifyBlobProofBatch: noBlobs,
  computeCells: noBlobs,
  computeCellsAndProofs: noBlobs,
  recoverCellsAndProofs: noBlobs,
  verifyCellKzgProofBatch: noBlobs,
};
