/** A mining thread for which no kernel works. */
import { parentPort } from 'node:worker_threads';
import type { WorkerMessage } from '../../../src/mining/messages.ts';

const unable: WorkerMessage = { type: 'unable', code: 'mining/no-kernel', message: 'none works' };
parentPort?.on('message', () => {});
parentPort?.postMessage(unable);
