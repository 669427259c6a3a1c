import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCompact, encodeCompact, MAX_UINT256 } from '../../../src/consensus/pow/compact.ts';

const bad = expect.objectContaining({ code: 'pow/bits' });

describe('consensus/pow compact', () => {
  it.each([
    [0x1d00ffff, 0xffffn << 208n],
    [0x1b0404cb, 0x0404cbn << 192n],
    [0x01010000, 1n],
    [0x02123456, 0x1234n],
    [0x03123456, 0x123456n],
    [0x04123456, 0x12345600n],
    [0x05009234, 0x92340000n],
    [0x20123456, 0x123456n << 232n],
    [0x2100ffff, 0xffffn << 240n],
    [0x220000ff, 0xffn << 248n],
  ])('decodes %i', (bits, target) => {
    expect(decodeCompact(bits)).toBe(target);
  });

  it.each([
    ['zero', 0x00000000],
    ['zero after its mantissa is shifted out', 0x00123456],
    ['zero after its mantissa is shifted out', 0x01003456],
    ['zero with a size', 0x04000000],
    ['negative', 0x04923456],
    ['negative', 0x01fedcba],
    ['negative zero', 0x01800000],
    ['too large', 0xff123456],
    ['too large', 0x23000001],
    ['too large', 0x22000100],
    ['too large', 0x21010000],
    ['more than 32 bits', 2 ** 32],
    ['not an integer', 1.5],
    ['below zero', -1],
  ])('refuses what is %s', (_, bits) => {
    expect(() => decodeCompact(bits)).toThrow(bad);
  });

  it.each([
    [1n, 0x01010000],
    [0x7fn, 0x017f0000],
    [0x80n, 0x02008000],
    [0x12345600n, 0x04123456],
    [0x800000n, 0x04008000],
    [MAX_UINT256, 0x2100ffff],
  ])('encodes %i', (target, bits) => {
    expect(encodeCompact(target)).toBe(bits);
  });

  it('refuses to encode what is no target', () => {
    for (const target of [0n, -1n, MAX_UINT256 + 1n]) {
      expect(() => encodeCompact(target)).toThrow(expect.objectContaining({ code: 'pow/target' }));
    }
  });

  it('rounds down by less than 2^-15, and what it encodes it decodes unchanged', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: MAX_UINT256 }), fc.integer({ min: 0, max: 255 }), (wide, shift) => {
        const target = wide >> BigInt(shift) || 1n;
        const rounded = decodeCompact(encodeCompact(target));
        expect(rounded <= target && (target - rounded) << 15n <= target).toBe(true);
        expect(decodeCompact(encodeCompact(rounded))).toBe(rounded);
      }),
    );
  });
});
