/** A mining thread that crashes on its first job, unless it was restarted often enough: then it seals. */
import { parentPort, workerData } from 'node:worker_threads';
import { extraNonceOf } from '../../../src/mining/job.ts';
import type { Assignment, WorkerMessage, WorkerSetup } from '../../../src/mining/messages.ts';

const CRASHES = 2;
const { salt, serial } = workerData as WorkerSetup;
const say = (message: WorkerMessage) => parentPort?.postMessage(message);

parentPort?.on('message', ({ generation, job }: Assignment) => {
  if (serial < CRASHES) throw new Error('crashed on purpose');
  const result = { id: job.id, nonce: 7, extraNonce: extraNonceOf(salt, serial, 0n), hash: new Uint8Array(32) };
  say({ type: 'sealed', generation, result });
});
say({ type: 'ready', kernel: 'js', rejected: [{ name: 'wasm', reason: 'for a test' }] });
