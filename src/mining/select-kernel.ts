/**
 * Which kernel to mine with: the fastest, as measured here and now, of those that find known Bitcoin blocks.
 *
 * A kernel with a mistake in it would burn power for blocks that every peer refuses, so none is trusted untested.
 */

import { fromHex } from '../base/bytes.ts';
import { explain } from '../base/errors.ts';
import { MiningError } from './errors.ts';
import type { Kernel, KernelName } from './kernel.ts';
import { createJsKernel } from './kernel-js.ts';
import { createWasmKernel } from './kernel-wasm.ts';

export interface Candidate {
  readonly name: KernelName;
  /** May throw where the machine cannot run it. */
  create(): Kernel;
}

export interface RejectedKernel {
  readonly name: KernelName;
  readonly reason: string;
}

export interface Selection {
  readonly kernel: Kernel;
  readonly hashesPerSecond: number;
  readonly rejected: readonly RejectedKernel[];
}

export const CANDIDATES: readonly Candidate[] = [
  { name: 'wasm-simd', create: () => createWasmKernel('wasm-simd') },
  { name: 'wasm', create: () => createWasmKernel('wasm') },
  { name: 'js', create: createJsKernel },
];

/** Bitcoin's blocks 0 and 125552: the header, and the hash as it is displayed. */
const KNOWN_BLOCKS = [
  {
    header:
      '0x0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c',
    hash: 0x000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26fn,
  },
  {
    header:
      '0x0100000081cd02ab7e569e8bcd9317e2fe99f2de44d49ab2b8851ba4a308000000000000e320b6c2fffc8d750423db8b1eb942ae710e951ed797f7affc8892b0f1fc122bc7f5d74df2b9441a42a14695',
    hash: 0x00000000000000001e8d6829a8a21adc5d38d0a473b144b6765798e61f98bd1dn,
  },
];

/** The known nonce is looked for from so many starts, so that it falls into each lane of a vector. */
const TEST_STARTS = 8;
const TEST_NONCES = 64;
const SAMPLES = 4;
const SAMPLE_NONCES = 2_000;

/** @throws MiningError `mining/no-kernel` if none of the candidates works. */
export function selectKernel(candidates: readonly Candidate[], nowMs: () => number): Selection {
  const rejected: RejectedKernel[] = [];
  let best: { kernel: Kernel; hashesPerSecond: number } | undefined;
  for (const { name, create } of candidates) {
    try {
      const kernel = create();
      selfTest(kernel);
      const hashesPerSecond = measure(kernel, nowMs);
      if (best === undefined || hashesPerSecond > best.hashesPerSecond) best = { kernel, hashesPerSecond };
    } catch (error) {
      rejected.push({ name, reason: explain(error) });
    }
  }
  if (best === undefined) {
    const reasons = rejected.map(({ name, reason }) => `${name}: ${reason}`).join('; ');
    throw new MiningError('mining/no-kernel', `No hash kernel works on this machine (${reasons}). Choose another one, or do not mine.`);
  }
  return { ...best, rejected };
}

/** @throws MiningError `mining/self-test` */
function selfTest(kernel: Kernel): void {
  for (const known of KNOWN_BLOCKS) {
    const header = fromHex(known.header);
    const nonce = new DataView(header.buffer, header.byteOffset).getUint32(76, true);
    for (let before = 0; before < TEST_STARTS; before++) {
      const found = kernel.scan(header, known.hash, nonce - before, TEST_NONCES);
      if (found.nonce !== nonce || found.hashes !== before + 1) throw failed(kernel, `nonce ${found.nonce} instead of ${nonce}`);
    }
    const missed = kernel.scan(header, known.hash - 1n, nonce - TEST_STARTS, TEST_NONCES);
    if (missed.nonce !== null) throw failed(kernel, `nonce ${missed.nonce}, whose hash is above the target`);
  }
}

function failed(kernel: Kernel, found: string): MiningError {
  return new MiningError('mining/self-test', `The ${kernel.name} kernel failed its test on a known Bitcoin block: it found ${found}.`, {
    kernel: kernel.name,
  });
}

/** The best of a few short samples, since whatever disturbs a sample makes it slower. */
function measure(kernel: Kernel, nowMs: () => number): number {
  const header = fromHex(KNOWN_BLOCKS[0]?.header ?? '0x');
  let best = 0;
  for (let sample = 0; sample < SAMPLES; sample++) {
    const began = nowMs();
    kernel.scan(header, 0n, 0, SAMPLE_NONCES);
    best = Math.max(best, (SAMPLE_NONCES * 1000) / Math.max(nowMs() - began, 0.001));
  }
  return best;
}
