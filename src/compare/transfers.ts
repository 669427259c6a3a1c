/** Transfers for the clients of a comparison on real processes: signed by the native library where it loads, since it is ten times faster. */
import { createRequire } from 'node:module';
import { RLP } from '@ethereumjs/rlp';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import type * as Native from 'secp256k1';
import { bigToBytes, concatBytes, fromHex, hashOf, toHex } from '../base/bytes.ts';
import type { Address, Hash, Hex } from '../base/types.ts';
import { keccak256 } from '../execution/keccak.ts';

export interface SignedTransfer {
  readonly raw: Hex;
  readonly hash: Hash;
}

type Sign = (message: Uint8Array, secret: Uint8Array) => { readonly rs: Uint8Array; readonly parity: number };

const DYNAMIC_FEE = 2;
const TRANSFER_GAS = 21_000n;
const TIP_PER_GAS = 10n ** 9n;
/** More than the base fee of a comparison ever gets to. */
const MAX_FEE_PER_GAS = 100n * 10n ** 9n;
const SIGNATURE_BYTES = 64;

/** One wei, as a transaction of type 2 (EIP-1559). The same arguments give the same bytes. */
export function signTransfer(chainId: number, secret: Uint8Array, nonce: number, to: Address): SignedTransfer {
  const integers = [BigInt(chainId), BigInt(nonce), TIP_PER_GAS, MAX_FEE_PER_GAS, TRANSFER_GAS].map(bigToBytes);
  const fields = [...integers, fromHex(to), bigToBytes(1n), new Uint8Array(0), []];
  const type = Uint8Array.of(DYNAMIC_FEE);
  const { rs, parity } = sign(keccak256(concatBytes(type, RLP.encode(fields))), secret);
  const proof = [BigInt(parity), integerOf(rs.subarray(0, 32)), integerOf(rs.subarray(32))].map(bigToBytes);
  const raw = concatBytes(type, RLP.encode([...fields, ...proof]));
  return { raw: toHex(raw), hash: hashOf(keccak256(raw)) };
}

function integerOf(bytes: Uint8Array): bigint {
  return BigInt(toHex(bytes));
}

function nativeSign(): Sign | null {
  try {
    const native = createRequire(import.meta.url)('secp256k1/bindings.js') as typeof Native;
    return (message, secret) => {
      const { signature, recid } = native.ecdsaSign(message, secret);
      return { rs: signature, parity: recid };
    };
  } catch {
    return null; // No binary for this platform.
  }
}

const portableSign: Sign = (message, secret) => {
  const bytes = secp256k1.sign(message, secret, { prehash: false, format: 'recovered' });
  return { rs: bytes.subarray(bytes.length - SIGNATURE_BYTES), parity: bytes[0] ?? 0 };
};

const sign = nativeSign() ?? portableSign;
