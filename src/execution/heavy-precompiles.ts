/**
 * Precompiles whose one call can take seconds in JavaScript: they run in a thread of their own while the node goes on.
 * Measured with all the gas that one transaction may have: BLAKE2 rounds 6.7 s, BN254 pairings 2.7 s, BLS12-381 pairings
 * 2.8 s. Calls that are small stay where they are, since a message to the thread costs more than they do.
 */
import { Worker } from 'node:worker_threads';
import type { Common } from '@ethereumjs/common';
import { type CustomPrecompile, EVMError, type ExecResult, getActivePrecompiles, type PrecompileFunc } from '@ethereumjs/evm';
import type { Fork } from '../chain/params.ts';

export interface PrecompileJob {
  readonly id: number;
  readonly chainId: number;
  readonly fork: Fork;
  /** 40 hex digits. */
  readonly address: string;
  readonly data: Uint8Array;
  readonly gasLimit: bigint;
}

export interface PrecompileDone {
  readonly id: number;
  readonly gasUsed: bigint;
  readonly returnData: Uint8Array;
  /** The EVM's word for what went wrong, or null. */
  readonly error: EVMError['error'] | null;
}

const IDLE_MS = 60_000;

/** From which input on a call is heavy: about 20 ms of work. */
const HEAVY: ReadonlyMap<string, (data: Uint8Array) => boolean> = new Map([
  ['08', (data) => data.length > 3 * 192],
  ['09', (data) => rounds(data) > 50_000],
  ['0c', (data) => data.length > 32 * 160],
  ['0e', (data) => data.length > 8 * 288],
  ['0f', (data) => data.length > 3 * 384],
]);

/** For the `customPrecompiles` of an EVM: the same precompiles, elsewhere when they are heavy. */
export function offloadHeavy(common: Common, chainId: number, fork: Fork): CustomPrecompile[] {
  const active = getActivePrecompiles(common);
  return [...HEAVY].flatMap(([suffix, isHeavy]) => {
    const address = suffix.padStart(40, '0');
    const here = active.get(address);
    if (here === undefined) return [];
    const run: PrecompileFunc = (input) =>
      isHeavy(input.data)
        ? thread.run({ chainId, fork, address, data: input.data, gasLimit: input.gasLimit }, () => here(input))
        : here(input);
    return [{ address: `0x${address}`, function: run }];
  });
}

/** One thread for the process, started when it is first needed and given up when it is not. */
class PrecompileThread {
  #worker: Worker | null = null;
  #idle: NodeJS.Timeout | undefined;
  #lastId = 0;
  readonly #waiting = new Map<number, (done: PrecompileDone | null) => void>();

  /** `here` runs it in this thread: slower for everybody else, but right, should the worker fail. */
  async run(job: Omit<PrecompileJob, 'id'>, here: () => ExecResult | Promise<ExecResult>): Promise<ExecResult> {
    const id = ++this.#lastId;
    const { promise, resolve } = Promise.withResolvers<PrecompileDone | null>();
    this.#waiting.set(id, resolve);
    const worker = this.#open();
    worker.ref();
    worker.postMessage({ ...job, id, data: new Uint8Array(job.data) } satisfies PrecompileJob);
    const done = await promise;
    if (done === null) return here();
    const { gasUsed, returnData, error } = done;
    return { executionGasUsed: gasUsed, returnValue: returnData, ...(error !== null && { exceptionError: new EVMError(error) }) };
  }

  #open(): Worker {
    clearTimeout(this.#idle);
    if (this.#worker !== null) return this.#worker;
    const worker = new Worker(new URL('./precompile-worker.ts', import.meta.url));
    worker.on('message', (done: PrecompileDone) => this.#settle(done));
    worker.on('error', () => this.#lose(worker));
    worker.on('exit', () => this.#lose(worker));
    this.#worker = worker;
    return worker;
  }

  #settle(done: PrecompileDone): void {
    this.#waiting.get(done.id)?.(done);
    this.#waiting.delete(done.id);
    if (this.#waiting.size > 0) return;
    this.#worker?.unref();
    this.#idle = setTimeout(() => void this.#worker?.terminate(), IDLE_MS);
    this.#idle.unref();
  }

  #lose(worker: Worker): void {
    if (this.#worker !== worker) return;
    this.#worker = null;
    for (const resolve of this.#waiting.values()) resolve(null);
    this.#waiting.clear();
  }
}

const thread = new PrecompileThread();

/** EIP-152: the first four bytes. */
function rounds(data: Uint8Array): number {
  return data.length < 4 ? 0 : new DataView(data.buffer, data.byteOffset).getUint32(0);
}
