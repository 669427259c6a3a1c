/**
 * The genuine 80-byte Bitcoin header inside a synod header, so that existing SHA-256d miners can mine it.
 * Source: Bitcoin Core, CBlockHeader; version rolling after BIP320.
 *
 *   bytes   field         from the synod header
 *   0-3     version       nonce, first 4 bytes (big-endian there, little-endian here)
 *   4-35    parent hash   parentHash, its bytes as they are
 *   36-67   merkle root   SHA-256d(sealHash || extraNonce), where extraNonce is mixHash
 *   68-71   time          timestamp
 *   72-75   bits          the compact target of difficulty
 *   76-79   nonce         nonce, last 4 bytes (big-endian there, little-endian here)
 *
 * sealHash is the keccak of the RLP of every header field but mixHash and nonce, so the merkle root commits to the whole
 * block. To a Stratum miner sealHash || extraNonce is a coinbase transaction with an empty merkle branch.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToBig, concatBytes, fromHex, hashOf, toHex } from '../../base/bytes.ts';
import type { Hash } from '../../base/types.ts';
import { encodeUnprovenHeader, type Header } from '../../chain/header.ts';
import { bitsOf, targetOf } from './work.ts';

export const HEADER80_BYTES = 80;
/** Bitcoin's version bits with none set (BIP9); miners may roll the bits that BIP320 leaves to them. */
export const DEFAULT_VERSION = 0x2000_0000;
/** The header's time is 32 bits wide: until the year 2106. */
export const MAX_TIME_SECONDS = 0xffff_ffff;

export interface Header80 {
  readonly version: number;
  /** 32 bytes each, in the order in which they are hashed. */
  readonly parentHash: Uint8Array;
  readonly merkleRoot: Uint8Array;
  readonly time: number;
  readonly bits: number;
  readonly nonce: number;
}

/** What a miner needs to look for a proof. It answers with a version, a nonce (32 bits each) and an extra nonce. */
export interface SealJob {
  readonly version: number;
  readonly parentHash: Hash;
  readonly sealHash: Hash;
  readonly time: number;
  readonly bits: number;
  readonly target: bigint;
}

export interface Proof {
  readonly version: number;
  readonly nonce: number;
  /** 32 bytes. */
  readonly extraNonce: Hash;
}

export function encodeHeader80(header: Header80): Uint8Array {
  const bytes = new Uint8Array(HEADER80_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, header.version, true);
  bytes.set(header.parentHash, 4);
  bytes.set(header.merkleRoot, 36);
  view.setUint32(68, header.time, true);
  view.setUint32(72, header.bits, true);
  view.setUint32(76, header.nonce, true);
  return bytes;
}

export function sha256d(bytes: Uint8Array): Uint8Array {
  return sha256(sha256(bytes));
}

/** What the proof commits to: everything in the header but the proof. */
export function sealHash(header: Header): Hash {
  return hashOf(keccak_256(encodeUnprovenHeader(header)));
}

export function merkleRoot(seal: Hash, extraNonce: Hash): Uint8Array {
  return sha256d(concatBytes(fromHex(seal), fromHex(extraNonce)));
}

/** The job of finding a proof for this header; what mixHash and nonce hold so far does not matter. */
export function sealJobOf(header: Header): SealJob {
  return {
    version: DEFAULT_VERSION,
    parentHash: header.parentHash,
    sealHash: sealHash(header),
    time: header.timestamp,
    bits: bitsOf(header.difficulty),
    target: targetOf(header.difficulty),
  };
}

/** The header with a miner's answer in it. Whether the answer is right is for `proofHash` to say. */
export function withProof(header: Header, version: number, nonce: number, extraNonce: Hash): Header {
  const packed = new Uint8Array(8);
  const view = new DataView(packed.buffer);
  view.setUint32(0, version);
  view.setUint32(4, nonce);
  return { ...header, mixHash: extraNonce, nonce: toHex(packed) };
}

export function proofOf(header: Header): Proof {
  const packed = fromHex(header.nonce);
  const view = new DataView(packed.buffer, packed.byteOffset);
  return { version: view.getUint32(0), nonce: view.getUint32(4), extraNonce: header.mixHash };
}

/** The 80 bytes that a miner hashed for this header. */
export function header80Of(header: Header): Uint8Array {
  const { version, nonce, extraNonce } = proofOf(header);
  return encodeHeader80({
    version,
    parentHash: fromHex(header.parentHash),
    merkleRoot: merkleRoot(sealHash(header), extraNonce),
    time: header.timestamp,
    bits: bitsOf(header.difficulty),
    nonce,
  });
}

/** SHA-256d of the 80 bytes as Bitcoin reads it, a little-endian integer: the proof is valid if it is at most the target. */
export function proofHash(header80: Uint8Array): bigint {
  return bytesToBig(sha256d(header80).reverse());
}
