/** The kernel that runs everywhere: @noble/hashes, with the state after the header's first 64 bytes kept. */
import { sha256 } from '@noble/hashes/sha2.js';
import { hashValue, topOfTarget } from './job.ts';
import { assertScan, type Kernel, type ScanResult } from './kernel.ts';

const FIRST_BLOCK_BYTES = 64;

export function createJsKernel(): Kernel {
  return { name: 'js', scan };
}

function scan(header: Uint8Array, target: bigint, start: number, count: number): ScanResult {
  assertScan(header, start, count);
  const midstate = sha256.create().update(header.subarray(0, FIRST_BLOCK_BYTES));
  const tail = header.slice(FIRST_BLOCK_BYTES);
  const tailView = new DataView(tail.buffer);
  const limit = topOfTarget(target);
  for (let tried = 0; tried < count; tried++) {
    tailView.setUint32(12, start + tried, true);
    const hash = sha256(midstate.clone().update(tail).digest());
    const top = new DataView(hash.buffer, hash.byteOffset).getUint32(28, true);
    if (top <= limit && hashValue(hash) <= target) return { nonce: start + tried, hashes: tried + 1 };
  }
  return { nonce: null, hashes: count };
}
