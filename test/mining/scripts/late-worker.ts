/** A mining thread that answers a second job with results of the first one, before it answers as it should. */
import { parentPort } from 'node:worker_threads';
import type { Assignment, WorkerMessage } from '../../../src/mining/messages.ts';

const say = (message: WorkerMessage) => parentPort?.postMessage(message);
const answer = ({ generation, job }: Assignment): WorkerMessage => ({
  type: 'sealed',
  generation,
  result: { id: job.id, nonce: 1, extraNonce: new Uint8Array(32), hash: new Uint8Array(32) },
});

let first: Assignment | undefined;
parentPort?.on('message', (assignment: Assignment) => {
  if (first === undefined) {
    first = assignment;
    return;
  }
  say(answer(first));
  say(answer(assignment));
  say(answer(assignment));
});
say({ type: 'ready', kernel: 'js', rejected: [] });
