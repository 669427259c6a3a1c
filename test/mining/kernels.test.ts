import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NONCES_PER_HEADER } from '../../src/mining/job.ts';
import { MAX_SCAN_NONCES, type ScanResult } from '../../src/mining/kernel.ts';
import { CANDIDATES } from '../../src/mining/select-kernel.ts';
import { BITCOIN_BLOCKS } from './support.ts';

const KERNELS = CANDIDATES.map(({ create }) => create());
const TARGET_MAX = 2n ** 256n - 1n;

/** Straight from the definition, with another implementation of SHA-256. */
function referenceValue(header: Uint8Array, nonce: number): bigint {
  const filled = Buffer.from(header);
  filled.writeUInt32LE(nonce, 76);
  const once = createHash('sha256').update(filled).digest();
  return BigInt(`0x${createHash('sha256').update(once).digest().reverse().toString('hex')}`);
}

function referenceScan(header: Uint8Array, target: bigint, start: number, count: number): ScanResult {
  for (let tried = 1; tried <= count; tried++) {
    if (referenceValue(header, start + tried - 1) <= target) return { nonce: start + tried - 1, hashes: tried };
  }
  return { nonce: null, hashes: count };
}

describe.each(KERNELS)('the $name kernel', (kernel) => {
  it.each(BITCOIN_BLOCKS)("finds the nonce of Bitcoin's block $height, at exactly its hash", ({ header, nonce, hash }) => {
    const start = Math.max(0, nonce - 101);
    expect(kernel.scan(header, hash, start, 200)).toEqual({ nonce, hashes: nonce - start + 1 });
    expect(kernel.scan(header, hash - 1n, start, 200)).toEqual({ nonce: null, hashes: 200 });
  });

  it('finds what the definition says, for any header, target, start and count', () => {
    const bits = fc.integer({ min: 245, max: 256 });
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 80, maxLength: 80 }),
        fc.tuple(bits, fc.bigInt(0n, TARGET_MAX)).map(([width, value]) => value & (2n ** BigInt(width) - 1n)),
        fc.integer({ min: 1, max: 70 }),
        fc.integer({ min: 0, max: NONCES_PER_HEADER - 70 }),
        (header, target, count, start) => {
          expect(kernel.scan(header, target, start, count)).toEqual(referenceScan(header, target, start, count));
        },
      ),
      { numRuns: 150 },
    );
  });

  it('compares all 256 bits: the exact hash of any nonce is a target it meets, one less is not', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 80, maxLength: 80 }), fc.integer({ min: 0, max: NONCES_PER_HEADER - 1 }), (header, nonce) => {
        const value = referenceValue(header, nonce);
        expect(kernel.scan(header, value, nonce, 1)).toEqual({ nonce, hashes: 1 });
        expect(kernel.scan(header, value - 1n, nonce, 1)).toEqual({ nonce: null, hashes: 1 });
      }),
      { numRuns: 50 },
    );
  });

  it('goes on behind a nonce that meets the top of the target but not the rest', () => {
    const header = new Uint8Array(80).fill(5);
    const values = Array.from({ length: 64 }, (_, nonce) => referenceValue(header, nonce));
    const smallest = values.toSorted((a, b) => (a < b ? -1 : 1))[0] ?? 0n;
    expect(kernel.scan(header, smallest, 0, 64)).toEqual(referenceScan(header, smallest, 0, 64));
    const sameTop = ((smallest >> 224n) << 224n) - 1n;
    expect(kernel.scan(header, sameTop, 0, 64)).toEqual({ nonce: null, hashes: 64 });
  });

  it('reaches the last nonce and stops there', () => {
    const header = new Uint8Array(80).fill(1);
    const last = NONCES_PER_HEADER - 1;
    const value = referenceValue(header, last);
    expect(kernel.scan(header, value, last - 2, 3)).toEqual(referenceScan(header, value, last - 2, 3));
    expect(kernel.scan(header, 0n, last - 4, 5)).toEqual({ nonce: null, hashes: 5 });
  });

  it('leaves the header alone, ignores its nonce field and takes it from anywhere in a buffer', () => {
    const [block] = BITCOIN_BLOCKS;
    if (block === undefined) throw new Error('no block');
    const shifted = new Uint8Array(83);
    shifted.set(block.header, 3);
    shifted.fill(0xff, 79);
    const before = shifted.slice();
    expect(kernel.scan(shifted.subarray(3), block.hash, block.nonce - 1, 2).nonce).toBe(block.nonce);
    expect(shifted).toEqual(before);
  });

  it.each([
    ['a short header', 79, 0, 1],
    ['no nonces', 80, 0, 0],
    ['too many nonces', 80, 0, MAX_SCAN_NONCES + 1],
    ['nonces beyond the last', 80, NONCES_PER_HEADER - 1, 2],
    ['a negative nonce', 80, -1, 1],
  ])('refuses %s', (_, bytes, start, count) => {
    expect(() => kernel.scan(new Uint8Array(bytes), 0n, start, count)).toThrow(expect.objectContaining({ code: 'internal/assertion' }));
  });
});
