import { describe, expect, it } from 'vitest';
import type { Kernel, KernelName } from '../../src/mining/kernel.ts';
import { createJsKernel } from '../../src/mining/kernel-js.ts';
import { CANDIDATES, type Candidate, selectKernel } from '../../src/mining/select-kernel.ts';

/** A clock that only the kernels move on. */
class FakeClock {
  #ms = 0;
  readonly now = (): number => this.#ms;

  /** A kernel with the right answers that takes this long for each nonce. */
  kernel(name: KernelName, msPerNonce: number): Candidate {
    const real = createJsKernel();
    return {
      name,
      create: (): Kernel => ({
        name,
        scan: (header, target, start, count) => {
          this.#ms += msPerNonce * count;
          return real.scan(header, target, start, count);
        },
      }),
    };
  }
}

function broken(name: KernelName, scan: Kernel['scan']): Candidate {
  return { name, create: () => ({ name, scan }) };
}

describe('selectKernel', () => {
  it('takes the fastest kernel, wherever it stands', () => {
    const clock = new FakeClock();
    const { kernel, hashesPerSecond, rejected } = selectKernel(
      [clock.kernel('js', 4), clock.kernel('wasm-simd', 1), clock.kernel('wasm', 2)],
      clock.now,
    );
    expect(kernel.name).toBe('wasm-simd');
    expect(hashesPerSecond).toBeCloseTo(1000);
    expect(rejected).toEqual([]);
  });

  it('discards a kernel that misses a known block, finds a wrong nonce or ignores the target, and says why', () => {
    const clock = new FakeClock();
    const right = createJsKernel();
    const { kernel, rejected } = selectKernel(
      [
        broken('wasm-simd', (_header, _target, _start, count) => ({ nonce: null, hashes: count })),
        broken('wasm', (header, target, start, count) => right.scan(header, target + 1n, start, count)),
        clock.kernel('js', 1),
      ],
      clock.now,
    );
    expect(kernel.name).toBe('js');
    expect(rejected.map(({ name }) => name)).toEqual(['wasm-simd', 'wasm']);
    expect(rejected[0]?.reason).toMatch(/wasm-simd kernel failed its test on a known Bitcoin block: it found nonce null/);
    expect(rejected[1]?.reason).toMatch(/above the target/);
  });

  it('discards a kernel that miscounts', () => {
    const right = createJsKernel();
    const miscounting = broken('wasm', (...scan) => ({ ...right.scan(...scan), hashes: 1 }));
    expect(selectKernel([miscounting, { name: 'js', create: createJsKernel }], new FakeClock().now).kernel.name).toBe('js');
  });

  it('discards a kernel that the machine cannot run', () => {
    const missing: Candidate = {
      name: 'wasm-simd',
      create: () => {
        throw new Error('no such instruction');
      },
    };
    const { rejected } = selectKernel([missing, { name: 'js', create: createJsKernel }], new FakeClock().now);
    expect(rejected).toEqual([{ name: 'wasm-simd', reason: 'no such instruction' }]);
  });

  it('says of each kernel why it is unfit when none is left', () => {
    const select = () => selectKernel([broken('js', () => ({ nonce: 1, hashes: 1 }))], new FakeClock().now);
    expect(select).toThrow(expect.objectContaining({ code: 'mining/no-kernel' }));
    expect(select).toThrow(/js: .*found nonce 1/);
  });

  it('finds every real kernel fit', () => {
    expect(selectKernel(CANDIDATES, () => performance.now()).rejected).toEqual([]);
  });
});
