import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../../src/base/bytes.ts';
import type { Hash } from '../../../src/base/types.ts';
import { decodeCompact } from '../../../src/consensus/pow/compact.ts';
import {
  encodeHeader80,
  header80Of,
  merkleRoot,
  proofHash,
  proofOf,
  sealHash,
  sealJobOf,
  withProof,
} from '../../../src/consensus/pow/header80.ts';
import { draft, Headers, mine, testNet } from './support.ts';

/** Bitcoin's first block, as every Bitcoin node has it. */
const BITCOIN_GENESIS =
  '0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c';
const BITCOIN_GENESIS_HASH = 0x000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26fn;
const EXTRA = `0x${'5a'.repeat(32)}` as Hash;

describe('consensus/pow header80', () => {
  const net = testNet();
  const header = draft(net, net.genesis, new Headers(net.genesis));

  it("writes Bitcoin's own genesis header and finds its hash", () => {
    const bytes = encodeHeader80({
      version: 1,
      parentHash: new Uint8Array(32),
      merkleRoot: fromHex('0x3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a'),
      time: 1_231_006_505,
      bits: 0x1d00ffff,
      nonce: 2_083_236_893,
    });
    expect(toHex(bytes)).toBe(`0x${BITCOIN_GENESIS}`);
    expect(proofHash(bytes)).toBe(BITCOIN_GENESIS_HASH);
    expect(proofHash(bytes) <= decodeCompact(0x1d00ffff)).toBe(true);
  });

  it('puts every part of a synod header in its place', () => {
    const proved = withProof(header, 0x20000001, 0xfedcba98, EXTRA);
    const bytes = header80Of(proved);
    const view = new DataView(bytes.buffer);
    expect(bytes.length).toBe(80);
    expect(view.getUint32(0, true)).toBe(0x20000001);
    expect(toHex(bytes.slice(4, 36))).toBe(header.parentHash);
    expect(bytes.slice(36, 68)).toEqual(merkleRoot(sealHash(header), EXTRA));
    expect(view.getUint32(68, true)).toBe(header.timestamp);
    expect(decodeCompact(view.getUint32(72, true))).toBe(sealJobOf(header).target);
    expect(view.getUint32(76, true)).toBe(0xfedcba98);
  });

  it('gives back the version, nonce and extra nonce that were put in', () => {
    for (const [version, nonce] of [
      [0, 0],
      [0xffffffff, 0xffffffff],
      [0x20000000, 1],
    ] as const) {
      expect(proofOf(withProof(header, version, nonce, EXTRA))).toEqual({ version, nonce, extraNonce: EXTRA });
    }
  });

  it('commits to every field but the proof', () => {
    const seal = sealHash(header);
    expect(sealHash(withProof(header, 1, 2, EXTRA))).toBe(seal);
    const changed = [
      { stateRoot: EXTRA },
      { timestamp: header.timestamp + 1 },
      { gasUsed: 1n },
      { requestsHash: EXTRA },
      { difficulty: 9n },
    ];
    const seals = new Set(changed.map((change) => sealHash({ ...header, ...change })));
    expect(seals.size).toBe(changed.length);
    expect(seals.has(seal)).toBe(false);
  });

  it('gives a job whose answer is a valid proof', () => {
    const job = sealJobOf(header);
    const proved = mine(header);
    const { version, nonce, extraNonce } = proofOf(proved);
    const bytes = encodeHeader80({
      version,
      parentHash: fromHex(job.parentHash),
      merkleRoot: merkleRoot(job.sealHash, extraNonce),
      time: job.time,
      bits: job.bits,
      nonce,
    });
    expect(bytes).toEqual(header80Of(proved));
    expect(proofHash(bytes) <= job.target).toBe(true);
  });
});
