/** Builds the hash kernels: `node native/build.ts` writes native/build/*.wasm, which are kept in the repository. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { buildKernel } from './kernel.ts';
import { FOUR_LANES, ONE_LANE } from './writer.ts';

export const BUILD_DIRECTORY = new URL('build/', import.meta.url);

/** The content of every file in native/build, by name. The same bytes on every machine. */
export function buildAll(): ReadonlyMap<string, Uint8Array> {
  return new Map([
    ['sha256d-simd.wasm', buildKernel(FOUR_LANES)],
    ['sha256d-scalar.wasm', buildKernel(ONE_LANE)],
  ]);
}

if (import.meta.main) {
  mkdirSync(BUILD_DIRECTORY, { recursive: true });
  for (const [name, bytes] of buildAll()) {
    writeFileSync(new URL(name, BUILD_DIRECTORY), bytes);
    console.log(`${name}: ${bytes.length} bytes`);
  }
}
