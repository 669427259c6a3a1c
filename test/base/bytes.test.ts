import { describe, expect, it } from 'vitest';
import { addressOf, bigToBytes, bigToFixed, bytesToBig, equalBytes, fromHex, hashOf, toHex, toQuantity } from '../../src/base/bytes.ts';
import { Address, Hash, NodeId, quote } from '../../src/base/types.ts';

const code = (expected: string) => expect.objectContaining({ code: expected });

describe('base/bytes', () => {
  it('reads back the hex it wrote', () => {
    const bytes = Uint8Array.of(0, 1, 0xab, 0xff);
    expect(toHex(bytes)).toBe('0x0001abff');
    expect(fromHex('0x0001ABff')).toEqual(bytes);
    expect(fromHex('0x')).toEqual(new Uint8Array(0));
  });

  it('writes hex of any length', () => {
    for (const length of [0, 1, 20, 32, 48, 255, 256, 257, 100_000]) {
      const bytes = Uint8Array.from({ length }, (_, i) => i * 7);
      expect(toHex(bytes)).toBe(`0x${Buffer.from(bytes).toString('hex')}`);
    }
  });

  it.each(['', '00', '0x0', '0xzz', '0x00 ', ' 0x00', '0x00\n', '0X00', '0x0g', '0xé0', '0x0\u{1f600}'])('refuses %j as hex', (text) => {
    expect(() => fromHex(text)).toThrow(code('decode/hex'));
  });

  it('writes integers without leading zeros, and zero as nothing', () => {
    expect(bigToBytes(0n)).toEqual(new Uint8Array(0));
    expect(bigToBytes(0x100n)).toEqual(Uint8Array.of(1, 0));
    expect(bytesToBig(bigToBytes(2n ** 255n))).toBe(2n ** 255n);
    for (const value of [1n, 255n, 256n, 65_535n, 65_536n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 64n - 1n]) {
      const digits = value.toString(16);
      expect(toHex(bigToBytes(value))).toBe(`0x${digits.length % 2 === 0 ? '' : '0'}${digits}`);
    }
    expect(bytesToBig(new Uint8Array(0))).toBe(0n);
    expect(() => bigToBytes(-1n)).toThrow(code('decode/integer'));
  });

  it('pads to a fixed length and refuses what does not fit', () => {
    expect(bigToFixed(0x0102n, 4)).toEqual(Uint8Array.of(0, 0, 1, 2));
    expect(() => bigToFixed(0x010203n, 2)).toThrow(code('decode/integer'));
    expect(toQuantity(255)).toBe('0xff');
    expect(toQuantity(0n)).toBe('0x0');
  });

  it('checks the length of hashes and addresses', () => {
    expect(hashOf(new Uint8Array(32))).toBe(`0x${'00'.repeat(32)}`);
    expect(() => hashOf(new Uint8Array(31))).toThrow(code('decode/hash'));
    expect(() => addressOf(new Uint8Array(32))).toThrow(code('decode/address'));
    expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true);
    expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBe(false);
    expect(equalBytes(Uint8Array.of(1), Uint8Array.of(1, 2))).toBe(false);
  });
});

describe('base/types', () => {
  it('brings hashes and addresses to lower case and refuses other text', () => {
    expect(Hash(`0x${'AB'.repeat(32)}`)).toBe(`0x${'ab'.repeat(32)}`);
    expect(Address(`0x${'AB'.repeat(20)}`)).toBe(`0x${'ab'.repeat(20)}`);
    expect(() => Hash(`0x${'ab'.repeat(31)}`)).toThrow(code('decode/hash'));
    expect(() => Address('0x')).toThrow(code('decode/address'));
    expect(() => NodeId('')).toThrow(code('decode/node-id'));
    expect(() => NodeId('x'.repeat(129))).toThrow(code('decode/node-id'));
  });

  it('makes a hostile string short and printable', () => {
    expect(quote('a\n"b"')).toBe('"a\\n\\"b\\""');
    expect(quote('x'.repeat(5_000)).length).toBeLessThan(130);
  });
});
