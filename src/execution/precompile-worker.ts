/** The entry of the thread for heavy precompiles: runs the library's own, with the same libraries as everywhere else. */
import { parentPort } from 'node:worker_threads';
import { createEVM, type EVM } from '@ethereumjs/evm';
import { createAddressFromString } from '@ethereumjs/util';
import { present } from '../base/assert.ts';
import { BoundedMap } from '../base/bounded.ts';
import type { Fork } from '../chain/params.ts';
import { commonFor } from './common.ts';
import type { PrecompileDone, PrecompileJob } from './heavy-precompiles.ts';

/** Forks change once in a chain's life. */
const MAX_FORKS = 2;

const port = present(parentPort, 'the port to the node');
const evms = new BoundedMap<Fork, EVM>(MAX_FORKS);

async function run({ id, chainId, fork, address, data, gasLimit }: PrecompileJob): Promise<PrecompileDone> {
  const evm = evms.get(fork) ?? (await createEVM({ common: commonFor({ chainId }, fork) }));
  evms.set(fork, evm);
  const { execResult } = await evm.runCall({ to: createAddressFromString(`0x${address}`), data, gasLimit });
  return {
    id,
    gasUsed: execResult.executionGasUsed,
    returnData: execResult.returnValue,
    error: execResult.exceptionError?.error ?? null,
  };
}

port.on('message', async (job: PrecompileJob) => port.postMessage(await run(job)));
