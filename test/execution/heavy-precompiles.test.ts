/** What runs in the thread for heavy precompiles must be what the library makes of it here. */
import { createEVM } from '@ethereumjs/evm';
import { createAddressFromString } from '@ethereumjs/util';
import { bn254 } from '@noble/curves/bn254.js';
import { describe, expect, it } from 'vitest';
import { bigToFixed, concatBytes } from '../../src/base/bytes.ts';
import { commonFor } from '../../src/execution/common.ts';
import { offloadHeavy } from '../../src/execution/heavy-precompiles.ts';

const PARAMS = { chainId: 1 };

function blake2(rounds: number, final = 1): Uint8Array {
  const data = new Uint8Array(213).fill(5);
  new DataView(data.buffer).setUint32(0, rounds);
  data[212] = final;
  return data;
}

/** e(P, Q) and e(-P, Q), twice: their product is one. */
function pairings(): Uint8Array {
  const q = bn254.G2.Point.BASE.toAffine();
  const points = [bn254.G1.Point.BASE, bn254.G1.Point.BASE.negate()].map((point) => point.toAffine());
  const pairs = [...points, ...points].map(({ x, y }) => [x, y, q.x.c1, q.x.c0, q.y.c1, q.y.c0].map((value) => bigToFixed(value, 32)));
  return concatBytes(...pairs.flat());
}

async function run(precompile: number, data: Uint8Array, gasLimit: bigint, elsewhere: boolean) {
  const common = commonFor(PARAMS, 'osaka');
  const evm = await createEVM({ common, customPrecompiles: elsewhere ? offloadHeavy(common, PARAMS.chainId, 'osaka') : [] });
  const to = createAddressFromString(`0x${precompile.toString(16).padStart(40, '0')}`);
  const { execResult } = await evm.runCall({ to, data, gasLimit });
  return { gas: execResult.executionGasUsed, output: execResult.returnValue, error: execResult.exceptionError?.error };
}

describe('a heavy precompile', () => {
  it.each<[string, number, Uint8Array, bigint]>([
    ['BLAKE2', 9, blake2(60_000), 1_000_000n],
    ['BLAKE2 without the gas for it', 9, blake2(60_000), 59_999n],
    ['BLAKE2 with a wrong flag', 9, blake2(60_000, 2), 1_000_000n],
    ['light BLAKE2', 9, blake2(12), 1_000_000n],
    ['BLAKE2 without input', 9, new Uint8Array(0), 1_000_000n],
    ['a product of pairings that is one', 8, pairings(), 1_000_000n],
    ['a product of pairings of an odd length', 8, pairings().subarray(1), 1_000_000n],
    ['a product of pairings of points off the curve', 8, new Uint8Array(192 * 4).fill(1), 1_000_000n],
    ['a multi-scalar product of nonsense', 0x0c, new Uint8Array(160 * 33).fill(1), 10_000_000n],
  ])('%s gives the same elsewhere', async (_, precompile, data, gasLimit) => {
    expect(await run(precompile, data, gasLimit, true)).toEqual(await run(precompile, data, gasLimit, false));
  });

  it('leaves this thread free', async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    try {
      await run(9, blake2(300_000), 1_000_000n, true);
    } finally {
      clearInterval(timer);
    }
    expect(turns).toBeGreaterThan(5);
  });

  it('is only replaced where the fork has it', () => {
    const addresses = offloadHeavy(commonFor(PARAMS, 'byzantium'), PARAMS.chainId, 'byzantium').map(({ address }) =>
      String(address).slice(-2),
    );
    expect(addresses).toEqual(['08']);
  });
});
