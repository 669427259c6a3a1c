/** The kernels of native/: WebAssembly, with four nonces at a time (SIMD) or one. native/kernel.ts says how to call them. */
import { readFileSync } from 'node:fs';
import { hashValue, hashWithNonce, topOfTarget } from './job.ts';
import { assertScan, type Kernel, type ScanResult } from './kernel.ts';

const FILES = { 'wasm-simd': 'sha256d-simd.wasm', wasm: 'sha256d-scalar.wasm' } as const;
const HEADER_WORDS = 20;

interface KernelExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  prepare(): void;
  scan(nonce: number, count: number, limit: number): number;
}

/** As much as is used here of what Node provides: its types come with those of browsers only. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

/** Reads and compiles a kernel. @throws what Node throws where the file is missing or the machine lacks the instructions */
export function createWasmKernel(name: keyof typeof FILES): Kernel {
  const bytes = readFileSync(new URL(`../../native/build/${FILES[name]}`, import.meta.url));
  const exports = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as KernelExports;
  return {
    name,
    scan: (header, target, start, count) => {
      assertScan(header, start, count);
      loadHeader(exports, header);
      return search(exports, header, target, start, count);
    },
  };
}

function loadHeader({ memory, prepare }: KernelExports, header: Uint8Array): void {
  const from = new DataView(header.buffer, header.byteOffset);
  const to = new DataView(memory.buffer);
  for (let word = 0; word < HEADER_WORDS; word++) to.setUint32(4 * word, from.getUint32(4 * word), true);
  prepare();
}

/** The kernel compares the top 32 bits only; the rest is compared here, and seldom. */
function search({ scan }: KernelExports, header: Uint8Array, target: bigint, start: number, count: number): ScanResult {
  const limit = topOfTarget(target);
  let tried = 0;
  while (tried < count) {
    const offset = scan(start + tried, count - tried, limit) >>> 0;
    if (offset >= count - tried) break;
    tried += offset + 1;
    const nonce = start + tried - 1;
    if (hashValue(hashWithNonce(header, nonce)) <= target) return { nonce, hashes: tried };
  }
  return { nonce: null, hashes: count };
}
