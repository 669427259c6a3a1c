/**
 * What a miner works on: a Bitcoin header whose merkle root commits to a block by its seal hash.
 *
 *   bytes  0-3 version | 4-35 parent hash | 36-67 merkle root | 68-71 time | 72-75 bits | 76-79 nonce
 *
 * Integers are little-endian; the merkle root is SHA-256d(seal hash || extra nonce). Source: Bitcoin Core,
 * CBlockHeader. There are only 2^32 nonces to a header, so each worker has extra nonces of its own to go on with.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { InternalError } from '../base/errors.ts';

export const HEADER_BYTES = 80;
export const NONCES_PER_HEADER = 2 ** 32;
const HASH_BYTES = 32;
const UINT32_MAX = 0xffff_ffff;
const TARGET_MAX = 2n ** 256n - 1n;

export interface SealJob {
  /** Chosen by the caller to tell jobs apart. */
  readonly id: number;
  readonly version: number;
  /** 32 bytes each, in the order in which they are hashed. */
  readonly parentHash: Uint8Array;
  readonly sealHash: Uint8Array;
  /** Seconds. */
  readonly time: number;
  /** The target in Bitcoin's compact form, as the header states it; what is compared is `target`. */
  readonly bits: number;
  /** The hash, as a little-endian integer, must be at most this. */
  readonly target: bigint;
}

export interface SealResult {
  readonly id: number;
  readonly nonce: number;
  /** 32 bytes. */
  readonly extraNonce: Uint8Array;
  /** SHA-256d of the 80 bytes, in the order in which it is computed (Bitcoin displays it reversed). */
  readonly hash: Uint8Array;
}

/** Refuses what no engine may ask for. @throws InternalError `mining/job` */
export function checkJob(job: SealJob): void {
  for (const name of ['version', 'time', 'bits'] as const) {
    const value = job[name];
    if (!Number.isInteger(value) || value < 0 || value > UINT32_MAX) throw badJob(name, 'an integer of 32 bits', String(value));
  }
  for (const name of ['parentHash', 'sealHash'] as const) {
    const { length } = job[name];
    if (length !== HASH_BYTES) throw badJob(name, `${HASH_BYTES} bytes`, `${length} bytes`);
  }
  if (job.target < 0n || job.target > TARGET_MAX) throw badJob('target', 'an integer of 256 bits', String(job.target));
}

function badJob(field: string, expected: string, got: string): InternalError {
  return new InternalError('mining/job', `A mining job's ${field} must be ${expected}, got ${got}. This is a bug in synod.`, { field });
}

/** The 80 bytes with a nonce of zero. */
export function headerOf(job: SealJob, extraNonce: Uint8Array): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  const view = new DataView(header.buffer);
  const committed = new Uint8Array(2 * HASH_BYTES);
  committed.set(job.sealHash);
  committed.set(extraNonce, HASH_BYTES);
  view.setUint32(0, job.version, true);
  header.set(job.parentHash, 4);
  header.set(sha256(sha256(committed)), 36);
  view.setUint32(68, job.time, true);
  view.setUint32(72, job.bits, true);
  return header;
}

/** SHA-256d of a header with this nonce. */
export function hashWithNonce(header: Uint8Array, nonce: number): Uint8Array {
  const filled = header.slice();
  new DataView(filled.buffer).setUint32(76, nonce, true);
  return sha256(sha256(filled));
}

/** A hash as Bitcoin compares it with a target: a little-endian integer. */
export function hashValue(hash: Uint8Array): bigint {
  const view = new DataView(hash.buffer, hash.byteOffset, HASH_BYTES);
  let value = 0n;
  for (let at = HASH_BYTES - 8; at >= 0; at -= 8) value = (value << 64n) | view.getBigUint64(at, true);
  return value;
}

/** The top 32 bits of a target: a hash whose own top 32 bits are greater cannot meet it. */
export function topOfTarget(target: bigint): number {
  return Number(target >> 224n);
}

/**
 * Extra nonces that no two workers share: salt of the pool | number of the worker | counter, and zeros.
 * Big-endian, 4, 4 and 8 bytes.
 */
export function extraNonceOf(salt: number, worker: number, counter: bigint): Uint8Array {
  const extraNonce = new Uint8Array(HASH_BYTES);
  const view = new DataView(extraNonce.buffer);
  view.setUint32(0, salt);
  view.setUint32(4, worker);
  view.setBigUint64(8, counter);
  return extraNonce;
}
