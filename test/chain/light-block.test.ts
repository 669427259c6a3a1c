/** Blocks without their transactions: one encoding, bounded, and nothing else is taken. */
import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../src/base/errors.ts';
import { decodeLightBlock, encodeLightBlock, type LightBlock, MAX_LIGHT_BLOCK_BYTES } from '../../src/chain/light-block.ts';
import { buildGenesis } from '../support/chain.ts';

const BLOCK: LightBlock = { header: buildGenesis().block.header, seal: new Uint8Array([1, 2]), payload: new Uint8Array(100).fill(3) };

function refusal(bytes: Uint8Array): string {
  try {
    decodeLightBlock(bytes);
    return 'none';
  } catch (error) {
    expect(error).toBeInstanceOf(DecodeError);
    return (error as DecodeError).code;
  }
}

describe('chain: a block without its transactions', () => {
  it('comes back as it was', () => {
    expect(decodeLightBlock(encodeLightBlock(BLOCK))).toEqual(BLOCK);
  });

  it('is refused when it is too large, before it is looked at', () => {
    expect(refusal(new Uint8Array(MAX_LIGHT_BLOCK_BYTES + 1))).toBe('decode/block-size');
  });

  it('is refused with parts missing, too large, or of another kind', () => {
    expect(refusal(new Uint8Array([0xc2, 0x80, 0x80]))).toBe('decode/block');
    expect(refusal(encodeLightBlock({ ...BLOCK, seal: new Uint8Array(2_000) }))).toBe('decode/length');
    expect(refusal(encodeLightBlock(BLOCK).subarray(1))).toBe('decode/rlp');
    expect(refusal(new Uint8Array([0xc3, 0xc0, 0x80, 0x80]))).toBe('decode/header');
    expect(refusal(new Uint8Array(0))).toMatch(/^decode\//);
  });
});
