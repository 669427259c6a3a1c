import { describe, expect, it } from 'vitest';
import { Control } from '../../src/mining/control.ts';
import { hashWithNonce, headerOf, NONCES_PER_HEADER } from '../../src/mining/job.ts';
import type { Kernel } from '../../src/mining/kernel.ts';
import { Search } from '../../src/mining/search.ts';
import { jobOf } from './support.ts';

interface Scan {
  readonly merkleRoot: string;
  readonly start: number;
  readonly count: number;
}

/** A search whose kernel takes no time; `answer` may find a nonce, or do anything else in the middle of a scan. */
function fakeSearch(answer: (scan: Scan, index: number) => number | null) {
  const control = Control.create(4);
  const scans: Scan[] = [];
  const kernel: Kernel = {
    name: 'js',
    scan: (header, _target, start, count) => {
      const scan = { merkleRoot: Buffer.from(header.subarray(36, 68)).toString('hex'), start, count };
      const nonce = answer(scan, scans.push(scan) - 1);
      return { nonce, hashes: nonce === null ? count : nonce - start + 1 };
    },
  };
  const search = new Search({ kernel, control, counter: 2, salt: 5, serial: 6, now: () => 0 });
  return { search, control, scans };
}

describe('Search', () => {
  it('tries every nonce of a header once, and goes on with the next extra nonce', () => {
    const { search, control, scans } = fakeSearch(({ start, count }) => {
      const headers = new Set(scans.map(({ merkleRoot }) => merkleRoot)).size;
      return headers === 3 && start + count === NONCES_PER_HEADER ? NONCES_PER_HEADER - 1 : null;
    });
    const job = jobOf(1, 1n);
    const result = search.run({ generation: control.generation, job });
    const extraNonce = Uint8Array.of(0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 2, ...new Uint8Array(16));
    const nonce = NONCES_PER_HEADER - 1;
    expect(result).toEqual({ id: 1, nonce, extraNonce, hash: hashWithNonce(headerOf(job, extraNonce), nonce) });

    const roots = [...new Set(scans.map(({ merkleRoot }) => merkleRoot))];
    expect(roots).toHaveLength(3);
    for (const root of roots) {
      let next = 0;
      for (const { start, count } of scans.filter(({ merkleRoot }) => merkleRoot === root)) {
        expect(start).toBe(next);
        next = start + count;
      }
      expect(next).toBe(NONCES_PER_HEADER);
    }
    expect(control.hashes).toBe(3n * BigInt(NONCES_PER_HEADER));
  });

  it('never repeats a header, also when it is given the same job again', () => {
    const { search, control, scans } = fakeSearch(() => 0);
    for (let times = 0; times < 3; times++) search.run({ generation: control.generation, job: jobOf(1, 1n) });
    expect(new Set(scans.map(({ merkleRoot }) => merkleRoot)).size).toBe(3);
  });

  it('drops a job within a batch of its being replaced', () => {
    const { search, control, scans } = fakeSearch((_, index) => {
      if (index === 4) control.advance();
      return null;
    });
    expect(search.run({ generation: control.generation, job: jobOf(1, 1n) })).toBeNull();
    expect(scans).toHaveLength(5);
  });

  it('does not begin a job that was replaced before', () => {
    const { search, control, scans } = fakeSearch(() => 0);
    const { generation } = control;
    control.advance();
    expect(search.run({ generation, job: jobOf(1, 1n) })).toBeNull();
    expect(scans).toEqual([]);
  });

  it('tries small batches under a limit, its share of the whole', () => {
    const { search, control, scans } = fakeSearch(({ start }) => start);
    control.limit = 8_000;
    control.threads = 4;
    search.run({ generation: control.generation, job: jobOf(1, 1n) });
    expect(scans[0]?.count).toBe(50);
    expect(control.hashes).toBe(1n);
  });
});
