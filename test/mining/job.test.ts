import { describe, expect, it } from 'vitest';
import { hashOf } from '../../src/base/bytes.ts';
import { encodeHeader80, merkleRoot, proofHash } from '../../src/consensus/pow/header80.ts';
import { checkJob, extraNonceOf, hashValue, hashWithNonce, headerOf } from '../../src/mining/job.ts';
import { BITCOIN_BLOCKS, jobOf } from './support.ts';

describe('a mining job', () => {
  it('becomes the very header that the consensus rules check', () => {
    const job = jobOf(9, 1n);
    const extraNonce = extraNonceOf(1, 2, 3n);
    const { version, parentHash, time, bits } = job;
    const expected = encodeHeader80({
      version,
      parentHash,
      merkleRoot: merkleRoot(hashOf(job.sealHash), hashOf(extraNonce)),
      time,
      bits,
      nonce: 0,
    });
    expect(headerOf(job, extraNonce)).toEqual(expected);
  });

  it.each(BITCOIN_BLOCKS)("hashes Bitcoin's block $height to what everybody knows", ({ header, nonce, hash }) => {
    const unsealed = header.slice();
    unsealed.fill(0, 76);
    expect(hashValue(hashWithNonce(unsealed, nonce))).toBe(hash);
    expect(proofHash(header)).toBe(hash);
  });

  it.each([
    ['a version of 33 bits', { version: 2 ** 32 }],
    ['a negative time', { time: -1 }],
    ['half a second', { time: 0.5 }],
    ['bits that are no number', { bits: Number.NaN }],
    ['a short parent hash', { parentHash: new Uint8Array(31) }],
    ['a long seal hash', { sealHash: new Uint8Array(33) }],
    ['a negative target', { target: -1n }],
    ['a target of 257 bits', { target: 2n ** 256n }],
  ])('is refused with %s', (_, wrong) => {
    expect(() => checkJob({ ...jobOf(1, 1n), ...wrong })).toThrow(expect.objectContaining({ code: 'mining/job' }));
  });

  it('keeps the extra nonces of workers and of counters apart', () => {
    const all = [0, 1, 255].flatMap((worker) => [0n, 1n, 2n ** 32n].map((counter) => hashOf(extraNonceOf(7, worker, counter))));
    expect(new Set(all).size).toBe(9);
    expect(extraNonceOf(0x01020304, 0x05060708, 9n).slice(0, 16)).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 9));
  });
});
