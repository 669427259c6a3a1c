/** A mining thread: chooses its kernel, then searches one job after another until it is told to drop them. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { present } from '../base/assert.ts';
import { explain, SynodError } from '../base/errors.ts';
import { Control } from './control.ts';
import { extraNonceOf, hashWithNonce, headerOf, NONCES_PER_HEADER } from './job.ts';
import type { Kernel } from './kernel.ts';
import type { Assignment, WorkerMessage, WorkerSetup } from './messages.ts';
import { Pace } from './pace.ts';
import { CANDIDATES, selectKernel } from './select-kernel.ts';

/** A rest is cut into pieces, so that a raised limit is noticed. */
const MAX_REST_MS = 100;

const now = (): number => performance.now();

class Search {
  readonly #setup: WorkerSetup;
  readonly #kernel: Kernel;
  readonly #control: Control;
  readonly #pace = new Pace();
  /** Goes on from job to job, so that mining the same block again does not repeat the work. */
  #counter = 0n;

  constructor(setup: WorkerSetup, kernel: Kernel) {
    this.#setup = setup;
    this.#kernel = kernel;
    this.#control = new Control(setup.memory);
  }

  /** Searches until a nonce is found, or until the job is no longer the current one: then the answer is null. */
  run({ generation, job }: Assignment): WorkerMessage | null {
    for (;;) {
      const extraNonce = extraNonceOf(this.#setup.salt, this.#setup.serial, this.#counter++);
      const header = headerOf(job, extraNonce);
      for (let nonce = 0; nonce < NONCES_PER_HEADER; ) {
        this.#rest(generation);
        if (this.#control.generation !== generation) return null;
        const { nonce: found, hashes } = this.#scan(header, job.target, nonce);
        if (found !== null) {
          return { type: 'sealed', generation, result: { id: job.id, nonce: found, extraNonce, hash: hashWithNonce(header, found) } };
        }
        nonce += hashes;
      }
    }
  }

  #scan(header: Uint8Array, target: bigint, start: number) {
    const limit = this.#control.limitPerWorker;
    const count = Math.min(this.#pace.batch(limit), NONCES_PER_HEADER - start);
    const began = now();
    const result = this.#kernel.scan(header, target, start, count);
    this.#pace.did(result.hashes, began, now(), limit);
    this.#control.addHashes(this.#setup.counter, result.hashes);
    return result;
  }

  #rest(generation: number): void {
    while (this.#control.generation === generation) {
      const restMs = this.#pace.restMs(now(), this.#control.limitPerWorker);
      if (restMs <= 0) return;
      this.#control.rest(generation, Math.min(restMs, MAX_REST_MS));
    }
  }
}

function main(port: MessagePort, setup: WorkerSetup): void {
  const say = (message: WorkerMessage) => port.postMessage(message);
  const wanted = CANDIDATES.filter(({ name }) => setup.kernel === 'auto' || setup.kernel === name);
  try {
    const { kernel, rejected } = selectKernel(wanted, now);
    const search = new Search(setup, kernel);
    port.on('message', (assignment: Assignment) => {
      const sealed = search.run(assignment);
      if (sealed !== null) say(sealed);
    });
    say({ type: 'ready', kernel: kernel.name, rejected });
  } catch (error) {
    say({ type: 'unable', code: error instanceof SynodError ? error.code : 'mining/no-kernel', message: explain(error) });
  }
}

main(present(parentPort, 'the port to the pool'), workerData as WorkerSetup);
