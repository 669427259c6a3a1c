import { RLP } from '@ethereumjs/rlp';
import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../src/base/errors.ts';
import { decodeBlock, decodeSealedHeader } from '../../src/chain/block.ts';
import { decodeEthereumBlock, listLength } from '../../src/chain/ethereum-block.ts';
import { decodeHeader } from '../../src/chain/header.ts';
import { encodeStrings, integer, safeNumber } from '../../src/chain/rlp.ts';

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

  it('encodes lists of strings as the library does, at every length at which the form changes', () => {
    const lengths = [0, 1, 2, 54, 55, 56, 57, 255, 256, 257, 65_535, 65_536];
    const strings = [
      ...lengths.map((length) => new Uint8Array(length).fill(7)),
      Uint8Array.of(0x7f),
      Uint8Array.of(0x80),
      Uint8Array.of(0),
    ];
    for (const string of strings) {
      expect(encodeStrings([string])).toEqual(RLP.encode([string]));
      expect(encodeStrings([string, Uint8Array.of(1), string])).toEqual(RLP.encode([string, Uint8Array.of(1), string]));
    }
    expect(encodeStrings([])).toEqual(RLP.encode([]));
    expect(encodeStrings(strings)).toEqual(RLP.encode(strings));
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
