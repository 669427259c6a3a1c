/** Proofs that cannot be forged, and mining by luck and hash rate alone. */
import { beforeEach, describe, expect, it } from 'vitest';
import { Random } from '../../src/base/random.ts';
import type { Hash } from '../../src/base/types.ts';
import { type Header, hashHeader } from '../../src/chain/header.ts';
import { mutateHeader } from '../../src/simulator/behaviours/mutation.ts';
import { ProofOracle, VirtualMiner } from '../../src/simulator/sealer.ts';
import { World } from '../../src/simulator/world.ts';
import { childOf, GENESIS } from './support.ts';

const HEADER = childOf(GENESIS.block).header;
const US_PER_SECOND = 1_000_000;
const FOR_EVER_US = 1e15;
const targetOf = (difficulty: bigint) => 2n ** 256n / difficulty - 1n;
const noProof = expect.objectContaining({ name: 'RuleError', code: 'header/proof' });

describe('ProofOracle', () => {
  it('knows the headers that it sealed, and that it changed nothing but the proof', () => {
    const oracle = new ProofOracle();
    const sealed = oracle.seal(HEADER);
    expect(() => oracle.check(sealed)).not.toThrow();
    expect({ ...sealed, mixHash: HEADER.mixHash, nonce: HEADER.nonce }).toEqual(HEADER);
  });

  it('gives another proof each time, and all of them hold', () => {
    const oracle = new ProofOracle();
    const sealed = Array.from({ length: 10 }, () => oracle.seal(HEADER));
    expect(new Set(sealed.map(hashHeader)).size).toBe(10);
    for (const header of sealed) expect(() => oracle.check(header)).not.toThrow();
  });

  it('knows no header that nobody sealed, and none with the proof of another', () => {
    const oracle = new ProofOracle();
    const sealed = oracle.seal(HEADER);
    const other = childOf(GENESIS.block, 1).header;
    for (const forged of [HEADER, other, { ...other, mixHash: sealed.mixHash, nonce: sealed.nonce }]) {
      expect(() => oracle.check(forged)).toThrowError(noProof);
    }
    expect(() => new ProofOracle().check(sealed)).toThrowError(noProof);
  });

  it('loses a proof with any change of the header', () => {
    const oracle = new ProofOracle();
    const sealed = oracle.seal(HEADER);
    const changes: readonly Partial<Header>[] = [
      { difficulty: 1n },
      { nonce: '0x0000000000000001' },
      { mixHash: `0x${'11'.repeat(32)}` as Hash },
      { beneficiary: `0x${'22'.repeat(20)}` as Header['beneficiary'] },
      { extraData: '0x01' },
    ];
    for (const change of changes) expect(() => oracle.check({ ...sealed, ...change })).toThrowError(noProof);
    const random = new Random('mutations');
    for (let i = 0; i < 100; i++) expect(() => oracle.check(mutateHeader(sealed, random))).toThrowError(noProof);
  });
});

describe('VirtualMiner', () => {
  const RATE = 100;
  let world: World;
  let oracle: ProofOracle;
  let miner: VirtualMiner;
  let found: { readonly request: number; readonly header: Header; readonly atUs: number }[];

  beforeEach(() => {
    world = new World(1);
    oracle = new ProofOracle();
    miner = new VirtualMiner(world, world.stream('miner'), oracle, RATE);
    found = [];
  });

  const seal = (request: number, difficulty = 1_000n) =>
    miner.seal(request, HEADER, targetOf(difficulty), (header) => found.push({ request, header, atUs: world.nowUs }));
  const run = (forUs = FOR_EVER_US) => {
    const untilUs = world.nowUs + forUs;
    while (world.step(untilUs));
  };

  it('finds one proof for a request, and it holds', () => {
    seal(1);
    run();
    expect(found.map(({ request }) => request)).toEqual([1]);
    for (const { header } of found) expect(() => oracle.check(header)).not.toThrow();
  });

  it('takes as long as difficulty and rate have it, on average', () => {
    let usedUs = 0;
    for (let i = 0; i < 400; i++) {
      const beforeUs = world.nowUs;
      seal(i);
      while (found.length <= i) world.step(FOR_EVER_US);
      usedUs += world.nowUs - beforeUs;
    }
    // 1,000 hashes at 100 a second.
    expect(usedUs / 400 / US_PER_SECOND).toBeCloseTo(10, -1);
    expect(new Set(found.map(({ atUs }) => atUs)).size).toBe(400);
  });

  it('gives up the old request for a new one', () => {
    seal(1);
    seal(2);
    run();
    expect(found.map(({ request }) => request)).toEqual([2]);
  });

  it('ends a request that is withdrawn, and no other', () => {
    seal(1);
    miner.unseal(2);
    miner.unseal(1);
    run();
    expect(found).toEqual([]);
    seal(3);
    miner.unseal(1);
    run();
    expect(found.map(({ request }) => request)).toEqual([3]);
  });

  it('ends with its node', () => {
    seal(1);
    miner.stop();
    run();
    expect(found).toEqual([]);
  });

  it('rests without hash power and goes on with it', () => {
    seal(1);
    miner.setRate(0);
    run();
    expect(found).toEqual([]);
    miner.setRate(RATE);
    run();
    expect(found.map(({ request }) => request)).toEqual([1]);
    miner.setRate(2 * RATE);
    run();
    expect(found).toHaveLength(1);
  });

  it('mines faster at a higher rate', () => {
    seal(1, 10n ** 9n);
    miner.setRate(10 ** 9);
    run(60 * US_PER_SECOND);
    expect(found).toHaveLength(1);
  });
});
