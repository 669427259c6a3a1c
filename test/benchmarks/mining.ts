/** Hash kernels side by side, and what a second thread adds. Alone: `node test/benchmarks/mining.ts`. */
import { hash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { KernelName } from '../../src/mining/kernel.ts';
import { createJsKernel } from '../../src/mining/kernel-js.ts';
import { createWasmKernel } from '../../src/mining/kernel-wasm.ts';
import { MinerPool } from '../../src/mining/pool.ts';
import { type BenchRow, interleave, median, perSecond, printRows, ratioOf } from './row.ts';

const ROUNDS = 7;
const HEADER = new Uint8Array(80).fill(0x5a);
const NO_HASH = 0n;
/** So many hashes that each side takes about as long. */
const HASHES = { crypto: 40_000, js: 50_000, wasm: 250_000, 'wasm-simd': 600_000 } as const;
const WARM_UP_MS = 200;
const MEASURE_MS = 400;
const MILLION = 1e6;

export async function benchMining(): Promise<BenchRow[]> {
  return [...(await benchKernels()), ...(await benchThreads())];
}

async function benchKernels(): Promise<BenchRow[]> {
  const kernels = { js: createJsKernel(), wasm: createWasmKernel('wasm'), 'wasm-simd': createWasmKernel('wasm-simd') };
  const side = (name: KernelName) => () => perSecond(HASHES[name], () => kernels[name].scan(HEADER, NO_HASH, 0, HASHES[name]));
  const rates = await interleave({ crypto: benchCrypto, js: side('js'), wasm: side('wasm'), 'wasm-simd': side('wasm-simd') }, ROUNDS);
  const row = (name: string, rate: number, note: string): BenchRow => ({
    name,
    value: rate / MILLION,
    unit: 'MH/s',
    ratio: ratioOf(rate, rates.wasm, 'wasm scalar'),
    note,
  });
  return [
    row('node:crypto', rates.crypto, 'reference: two whole hashes'),
    row('js', rates.js, '@noble/hashes with midstate'),
    row('wasm scalar', rates.wasm, 'native/, one nonce at a time'),
    row('wasm simd', rates['wasm-simd'], 'native/, four nonces at a time; wanted: 2.5 x wasm scalar'),
  ];
}

function benchCrypto(): number {
  const header = HEADER.slice();
  const view = new DataView(header.buffer);
  return perSecond(HASHES.crypto, () => {
    for (let nonce = 0; nonce < HASHES.crypto; nonce++) {
      view.setUint32(76, nonce, true);
      hash('sha256', hash('sha256', header, 'buffer'), 'buffer');
    }
  });
}

/** Names the cores that each side really got: on a busy machine the second thread has none to itself. */
async function benchThreads(): Promise<BenchRow[]> {
  const pools = { one: newPool(1), two: newPool(2) };
  const cores: Record<keyof typeof pools, number[]> = { one: [], two: [] };
  const side = (name: keyof typeof pools) => async () => {
    const sample = await samplePool(pools[name]);
    cores[name].push(sample.cores);
    return sample.rate;
  };
  const row = (name: string, rate: number, used: readonly number[]) => ({
    name,
    value: rate / MILLION,
    unit: 'MH/s',
    note: `on ${median(used).toFixed(2)} cores`,
  });
  try {
    const rates = await interleave({ one: side('one'), two: side('two') }, ROUNDS);
    return [
      row('one thread', rates.one, cores.one),
      { ...row('two threads', rates.two, cores.two), ratio: ratioOf(rates.two, rates.one, 'one thread') },
    ];
  } finally {
    await Promise.all([pools.one.close(), pools.two.close()]);
  }
}

function newPool(threads: number): MinerPool {
  return new MinerPool({
    threads,
    onSealed: () => {},
    onError: (error) => {
      throw error;
    },
  });
}

/** Hashes per second once every thread is at work, and how many cores the process used for it. */
async function samplePool(pool: MinerPool): Promise<{ rate: number; cores: number }> {
  const zeros = new Uint8Array(32);
  pool.mine({ id: 1, version: 1, parentHash: zeros, sealHash: zeros, time: 1, bits: 1, target: NO_HASH });
  await setTimeout(WARM_UP_MS);
  const [before, began, cpu] = [pool.stats().hashes, performance.now(), process.cpuUsage()];
  await setTimeout(MEASURE_MS);
  const { user, system } = process.cpuUsage(cpu);
  const elapsedMs = performance.now() - began;
  const rate = (Number(pool.stats().hashes - before) * 1000) / elapsedMs;
  pool.cancel(1);
  return { rate, cores: (user + system) / 1000 / elapsedMs };
}

if (import.meta.main) printRows('Mining: SHA-256d of an 80-byte header', await benchMining());
