import { RLP } from '@ethereumjs/rlp';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../src/base/errors.ts';
import { decodeBlock, decodeSealedHeader } from '../../src/chain/block.ts';
import { decodeEthereumBlock, listLength } from '../../src/chain/ethereum-block.ts';
import { decodeHeader } from '../../src/chain/header.ts';
import { decodeRlp, encodeRlp, integer, type RlpValue, safeNumber } from '../../src/chain/rlp.ts';

function codeOf(work: () => unknown): string {
  try {
    work();
    return 'nothing';
  } catch (error) {
    if (error instanceof DecodeError) return error.code;
    throw error;
  }
}

/** Lists inside lists, each with a length of two bytes. */
function nested(bytes: number): Uint8Array {
  const out = new Uint8Array(bytes);
  for (let at = 0; at + 3 < bytes; at += 3) out.set([0xf9, (bytes - at - 3) >> 8, (bytes - at - 3) & 255], at);
  return out;
}

describe('chain/rlp', () => {
  it('refuses nesting before it decodes, whatever is being decoded', () => {
    const bytes = nested(60_000);
    for (const decode of [decodeBlock, decodeSealedHeader, decodeHeader, decodeEthereumBlock]) {
      expect(codeOf(() => decode(bytes))).toBe('decode/too-deep');
    }
  });

  it('encodes and decodes as the library does, at every length at which the form changes', () => {
    const lengths = [0, 1, 2, 47, 48, 54, 55, 56, 57, 255, 256, 257, 65_535, 65_536];
    const strings = [
      ...lengths.map((length) => new Uint8Array(length).fill(7)),
      Uint8Array.of(0x7f),
      Uint8Array.of(0x80),
      Uint8Array.of(0),
    ];
    for (const string of strings) {
      for (const value of [string, [string], [string, Uint8Array.of(1), string], [[string], []]]) {
        const encoded = encodeRlp(value);
        expect(encoded).toEqual(RLP.encode(value));
        expect(decodeRlp(encoded, 'value')).toEqual(value);
      }
    }
    expect(encodeRlp(strings)).toEqual(RLP.encode(strings));
  });

  it('encodes whole numbers as the library does, and no others', () => {
    const numbers = [0, 1, 127, 128, 255, 256, 2 ** 24, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER];
    for (const number of numbers) {
      expect(encodeRlp([number])).toEqual(RLP.encode([number]));
      expect(encodeRlp(BigInt(number))).toEqual(RLP.encode(BigInt(number)));
    }
    for (const large of [2n ** 53n, 2n ** 256n - 1n, 2n ** 500n]) expect(encodeRlp([large])).toEqual(RLP.encode([large]));
    for (const wrong of [-1, 0.5, Number.NaN, 2 ** 53]) {
      expect(() => encodeRlp([wrong])).toThrow(expect.objectContaining({ code: 'internal/assertion' }));
    }
  });

  it('goes both ways for whatever is nested, down to the depth that is allowed', () => {
    const { tree } = fc.letrec<{ tree: RlpValue }>((tie) => ({
      tree: fc.oneof({ maxDepth: 3 }, fc.uint8Array({ maxLength: 70 }), fc.array(tie('tree'), { maxLength: 5 })),
    }));
    const depth = (value: unknown): number => (Array.isArray(value) ? 1 + Math.max(0, ...value.map(depth)) : 0);
    fc.assert(
      fc.property(tree, (value) => {
        const bytes = encodeRlp(value);
        expect(bytes).toEqual(RLP.encode(value as Uint8Array));
        expect(decodeRlp(bytes, 'value', depth(value))).toEqual(value);
        if (depth(value) > 0) expect(codeOf(() => decodeRlp(bytes, 'value', depth(value) - 1))).toBe('decode/too-deep');
      }),
    );
  });

  it('takes of arbitrary bytes what encodes to the same bytes, and refuses the rest', () => {
    const few = fc.uint8Array({ minLength: 1, maxLength: 12 });
    const likely = fc.constantFrom(0x00, 0x7f, 0x80, 0x81, 0x82, 0xb7, 0xb8, 0xb9, 0xbf, 0xc0, 0xc1, 0xc3, 0xf7, 0xf8, 0xf9, 0xff);
    const prefixes = fc.array(likely, { minLength: 1, maxLength: 6 }).map((bytes) => Uint8Array.from(bytes));
    fc.assert(
      fc.property(fc.oneof(few, prefixes), (bytes) => {
        let value: unknown;
        if (codeOf(() => (value = decodeRlp(bytes, 'value', 12))) === 'nothing') expect(encodeRlp(value as RlpValue)).toEqual(bytes);
        else expect(codeOf(() => decodeRlp(bytes, 'value', 12))).toBe('decode/rlp');
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['nothing', []],
    ['bytes that come after it', [0xc0, 0xc0]],
    ['a byte that needs no prefix', [0x81, 0x7f]],
    ['a string that ends too late', [0x83, 1, 2]],
    ['an item that ends after its list', [0xc2, 0x82, 1, 2]],
    ['a long form for what is short', [0xb8, 2, 0x81, 0x82]],
    ['a length with a leading zero', [0xb9, 0, 56, ...Array(56).fill(1)]],
    ['a length that is cut off', [0xf9, 1]],
    ['a length beyond all memory', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
  ])('refuses %s', (_case, bytes) => {
    expect(codeOf(() => decodeRlp(Uint8Array.from(bytes), 'value'))).toBe('decode/rlp');
  });

  it('takes only canonical integers within their size', () => {
    expect(integer(Uint8Array.of(1, 0), 2, 'x')).toBe(256n);
    expect(codeOf(() => integer(Uint8Array.of(0, 1), 2, 'x'))).toBe('decode/integer');
    expect(codeOf(() => integer(Uint8Array.of(1, 2, 3), 2, 'x'))).toBe('decode/integer');
    expect(codeOf(() => safeNumber(new Uint8Array(7).fill(0xff), 'x'))).toBe('decode/integer');
  });

  it('says how long a list is from its first bytes', () => {
    expect(listLength(Uint8Array.of(0xc2, 1, 2), 100)).toBe(3);
    expect(listLength(Uint8Array.of(0xf9, 1), 1_000)).toBeNull();
    expect(listLength(Uint8Array.of(0xf9, 1, 0), 1_000)).toBe(259);
    expect(codeOf(() => listLength(Uint8Array.of(0xf9, 0xff, 0xff), 1_000))).toBe('decode/block-size');
    expect(codeOf(() => listLength(Uint8Array.of(0x82, 1, 2), 100))).toBe('decode/rlp');
  });
});
