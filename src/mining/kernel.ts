/** A kernel searches the nonces of one header. Kernels differ in speed only: all of them find the same nonce. */
import { assert } from '../base/assert.ts';
import { HEADER_BYTES, NONCES_PER_HEADER } from './job.ts';

export const KERNEL_NAMES = ['wasm-simd', 'wasm', 'js'] as const;
export type KernelName = (typeof KERNEL_NAMES)[number];

/** So that a kernel may count in 32 bits with room to spare. */
export const MAX_SCAN_NONCES = 2 ** 31;

export interface ScanResult {
  /** The first nonce whose hash is at most the target, or null if there is none among those tried. */
  readonly nonce: number | null;
  /** Nonces tried, with the one that was found. */
  readonly hashes: number;
}

export interface Kernel {
  readonly name: KernelName;
  /** Tries `count` nonces from `start` on in an 80-byte header; what its nonce field holds does not matter. */
  scan(header: Uint8Array, target: bigint, start: number, count: number): ScanResult;
}

/** What every kernel may rely on. */
export function assertScan(header: Uint8Array, start: number, count: number): void {
  assert(header.length === HEADER_BYTES, 'a header has 80 bytes');
  assert(count > 0 && count <= MAX_SCAN_NONCES, 'a scan tries between 1 and 2^31 nonces');
  assert(start >= 0 && start + count <= NONCES_PER_HEADER, 'a scan stays within the 2^32 nonces of a header');
}
