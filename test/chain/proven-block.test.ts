/** A block on its way to a node that asked for it, with the proof that it is final. */
import { RLP } from '@ethereumjs/rlp';
import { describe, expect, it } from 'vitest';
import { decodeProvenBlock, encodeBlock, encodeProvenBlock, MAX_CERTIFICATE_BYTES } from '../../src/chain/block.ts';
import { GENESIS } from '../sync/fake-chain.ts';

const bytesOf = (certificate: Uint8Array | null) => encodeProvenBlock({ ...GENESIS, certificate });

describe('chain/block: a block with its certificate', () => {
  it.each([null, new Uint8Array(), Uint8Array.of(0x80, 7)])('comes back as it was, with certificate %o', (certificate) => {
    const decoded = decodeProvenBlock(bytesOf(certificate));
    expect(decoded.certificate).toEqual(certificate);
    expect(encodeBlock(decoded)).toEqual(encodeBlock(GENESIS));
  });

  it('may have a certificate of some size, and no larger one', () => {
    expect(decodeProvenBlock(bytesOf(new Uint8Array(MAX_CERTIFICATE_BYTES))).certificate?.length).toBe(MAX_CERTIFICATE_BYTES);
    const larger = bytesOf(new Uint8Array(MAX_CERTIFICATE_BYTES + 1));
    expect(() => decodeProvenBlock(larger)).toThrow(expect.objectContaining({ code: 'decode/length' }));
  });

  it.each([
    ['nothing', []],
    ['a list where bytes belong', [[encodeBlock(GENESIS)]]],
    ['three parts', [encodeBlock(GENESIS), '0x', '0x']],
  ])('is not %s', (_, parts) => {
    expect(() => decodeProvenBlock(RLP.encode(parts))).toThrow(expect.objectContaining({ name: 'DecodeError' }));
  });
});
