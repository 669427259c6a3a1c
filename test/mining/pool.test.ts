import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { hashValue, hashWithNonce, headerOf } from '../../src/mining/job.ts';
import { KERNEL_NAMES } from '../../src/mining/kernel.ts';
import { MAX_HASH_RATE_LIMIT, MAX_THREADS } from '../../src/mining/limits.ts';
import type { MinerPool } from '../../src/mining/pool.ts';
import { MAX_RESTARTS } from '../../src/mining/thread.ts';
import { EASY, IMPOSSIBLE, jobOf, script, testPool } from './support.ts';

/** Until the threads have made a hash: only then is a job really in work. */
async function hashing(pool: MinerPool, from = 0n): Promise<void> {
  while (pool.stats().hashes <= from) await new Promise((resolve) => setImmediate(resolve));
}

describe('MinerPool', () => {
  it.each(KERNEL_NAMES)('seals a job with the %s kernel, and the answer meets the target', async (kernel) => {
    await using test = testPool({ kernel });
    const job = jobOf(3, EASY);
    test.pool.mine(job);
    const { id, nonce, extraNonce, hash } = await test.sealed.next();
    expect(id).toBe(3);
    expect(hash).toEqual(hashWithNonce(headerOf(job, extraNonce), nonce));
    expect(hashValue(hash)).toBeLessThanOrEqual(EASY);
    expect(test.pool.stats()).toMatchObject({ running: false, threads: 1, kernel, jobs: 1, sealed: 1, abandoned: 0, hashRateLimit: 0 });
    expect(test.pool.stats().hashes).toBeGreaterThan(0n);
  });

  it('chooses a kernel by itself, and rejects none here', async () => {
    await using test = testPool();
    expect(test.pool.stats()).toMatchObject({ running: false, kernel: 'none', hashesPerSecond: 0, hashes: 0n });
    test.pool.mine(jobOf(1, IMPOSSIBLE));
    await hashing(test.pool);
    expect(KERNEL_NAMES).toContain(test.pool.stats().kernel);
    expect(test.pool.stats().running).toBe(true);
    expect(test.pool.stats().hashesPerSecond).toBeGreaterThan(0);
    expect(test.pool.rejectedKernels()).toEqual([]);
  });

  it('drops a job for a newer one, and counts it as abandoned', async () => {
    await using test = testPool({ threads: 2 });
    test.pool.mine(jobOf(1, IMPOSSIBLE));
    await hashing(test.pool);
    test.pool.mine(jobOf(2, EASY));
    expect((await test.sealed.next()).id).toBe(2);
    expect(test.pool.stats()).toMatchObject({ running: false, jobs: 2, sealed: 1, abandoned: 1 });
  });

  it('drops a cancelled job, and takes the next one', async () => {
    await using test = testPool();
    test.pool.mine(jobOf(1, IMPOSSIBLE));
    await hashing(test.pool);
    test.pool.cancel(99);
    expect(test.pool.stats()).toMatchObject({ running: true, abandoned: 0 });
    test.pool.cancel(1);
    test.pool.cancel(1);
    expect(test.pool.stats()).toMatchObject({ running: false, abandoned: 1 });
    test.pool.mine(jobOf(2, EASY));
    expect((await test.sealed.next()).id).toBe(2);
    expect(test.pool.stats()).toMatchObject({ jobs: 2, sealed: 1, abandoned: 1 });
  });

  it('drops results of earlier jobs and all but the first of a job', async () => {
    await using test = testPool({}, { script: script('late-worker') });
    test.pool.mine(jobOf(1, EASY));
    while (test.pool.stats().kernel === 'none') await new Promise((resolve) => setImmediate(resolve));
    test.pool.mine(jobOf(2, EASY));
    expect((await test.sealed.next()).id).toBe(2);
    test.pool.mine(jobOf(3, EASY));
    expect((await test.sealed.next()).id).toBe(3);
    expect(test.sealed.size).toBe(0);
    expect(test.pool.stats()).toMatchObject({ jobs: 3, sealed: 2, abandoned: 1 });
  });

  it('never tries the same header twice: not with another thread, nor with the next job', async () => {
    const salt = 0xfeedf00d;
    await using test = testPool({ threads: 2 }, { salt });
    const seen = new Set<string>();
    for (let id = 1; id <= 12; id++) {
      test.pool.mine({ ...jobOf(1, 2n ** 250n), id });
      const { extraNonce, nonce } = await test.sealed.next();
      const view = new DataView(extraNonce.buffer, extraNonce.byteOffset);
      expect(view.getUint32(0)).toBe(salt);
      expect(view.getUint32(4)).toBeLessThan(2);
      expect(extraNonce.subarray(16)).toEqual(new Uint8Array(16));
      seen.add(`${Buffer.from(extraNonce).toString('hex')} ${nonce}`);
    }
    expect(seen.size).toBe(12);
  });

  it('changes the number of threads while it mines', async () => {
    await using test = testPool();
    test.pool.mine(jobOf(1, IMPOSSIBLE));
    await hashing(test.pool);
    test.pool.setThreads(3);
    expect(test.pool.stats()).toMatchObject({ threads: 3, running: true, abandoned: 0 });
    test.pool.setThreads(1);
    const { hashes } = test.pool.stats();
    await hashing(test.pool, hashes);
    test.pool.setThreads(2);
    test.pool.mine(jobOf(2, EASY));
    expect((await test.sealed.next()).id).toBe(2);
    expect(test.errors.size).toBe(0);
  });

  it('wakes a resting thread for a raised limit', async () => {
    await using test = testPool({ hashRateLimit: 1 });
    test.pool.mine(jobOf(1, EASY));
    await hashing(test.pool);
    test.pool.setHashRateLimit(0);
    expect((await test.sealed.next()).id).toBe(1);
    expect(test.pool.stats().hashRateLimit).toBe(0);
  });

  it.each([0, -1, 1.5, MAX_THREADS + 1, Number.NaN])('refuses %s threads', async (threads) => {
    expect(() => testPool({ threads })).toThrow(expect.objectContaining({ code: 'mining/threads' }));
    await using test = testPool();
    expect(() => test.pool.setThreads(threads)).toThrow(expect.objectContaining({ code: 'mining/threads' }));
    expect(test.pool.stats().threads).toBe(1);
  });

  it.each([-1, 0.5, MAX_HASH_RATE_LIMIT + 1, Number.NaN])('refuses a limit of %s', async (hashRateLimit) => {
    expect(() => testPool({ hashRateLimit })).toThrow(expect.objectContaining({ code: 'mining/hash-rate-limit' }));
    await using test = testPool();
    expect(() => test.pool.setHashRateLimit(hashRateLimit)).toThrow(expect.objectContaining({ code: 'mining/hash-rate-limit' }));
  });

  it('refuses a malformed job and keeps the current one', async () => {
    await using test = testPool();
    test.pool.mine(jobOf(1, EASY));
    const malformed = { ...jobOf(2, EASY), sealHash: new Uint8Array(5) };
    expect(() => test.pool.mine(malformed)).toThrow(expect.objectContaining({ code: 'mining/job' }));
    expect((await test.sealed.next()).id).toBe(1);
  });

  it('takes no job once closed, and can be closed twice', async () => {
    const { pool, errors } = testPool({ threads: 2 });
    pool.mine(jobOf(1, IMPOSSIBLE));
    await pool.close();
    await pool.close();
    expect(pool.stats()).toMatchObject({ running: false, abandoned: 1 });
    expect(() => pool.mine(jobOf(2, EASY))).toThrow(expect.objectContaining({ code: 'mining/closed' }));
    expect(errors.size).toBe(0);
  });

  it('does not keep a process alive', async () => {
    const program = `
      import { MinerPool } from ${JSON.stringify(new URL('../../src/mining/pool.ts', import.meta.url).href)};
      const pool = new MinerPool({ threads: 1, onSealed() {}, onError() {} });
      const hash = new Uint8Array(32);
      pool.mine({ id: 1, version: 1, parentHash: hash, sealHash: hash, time: 1, bits: 1, target: 0n });
      console.log('mining');`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program]);
    expect(stdout).toBe('mining\n');
  });
});

describe('MinerPool, when threads crash', () => {
  it('restarts a thread, with its job and with extra nonces of its own', async () => {
    await using test = testPool({}, { script: script('crashing-worker'), salt: 1 });
    test.pool.mine(jobOf(1, EASY));
    const { id, extraNonce } = await test.sealed.next();
    expect(id).toBe(1);
    expect(extraNonce.subarray(0, 8)).toEqual(Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 2));
    expect(test.pool.rejectedKernels()).toEqual([{ name: 'wasm', reason: 'for a test' }]);
    expect(test.errors.size).toBe(0);
  });

  it('gives a thread up after a few restarts, and says so; setting the threads tries again', async () => {
    await using test = testPool({}, { script: script('broken-worker') });
    test.pool.mine(jobOf(1, EASY));
    expect(await test.errors.next()).toMatchObject({ code: 'mining/thread-lost', fields: { crashes: MAX_RESTARTS + 1 } });
    expect(test.pool.stats()).toMatchObject({ running: false, abandoned: 1 });
    test.pool.mine(jobOf(2, EASY));
    expect(await test.errors.next()).toMatchObject({ code: 'mining/no-threads' });
    expect(test.pool.stats()).toMatchObject({ running: false, jobs: 2, abandoned: 2 });
    test.pool.setThreads(1);
    test.pool.mine(jobOf(3, EASY));
    expect(await test.errors.next()).toMatchObject({ code: 'mining/thread-lost' });
  });

  it('says why when no kernel works, and does not try again by itself', async () => {
    await using test = testPool({ threads: 2 }, { script: script('unable-worker') });
    test.pool.mine(jobOf(1, EASY));
    for (let thread = 0; thread < 2; thread++) {
      expect(await test.errors.next()).toMatchObject({ code: 'mining/no-kernel', message: 'none works' });
    }
    expect(test.pool.stats()).toMatchObject({ running: false, kernel: 'none', abandoned: 1 });
  });
});
