/** A thread that runs one seed after another (`threads.ts`). What it throws ends it, and the pool tells. */
import { type MessagePort, parentPort } from 'node:worker_threads';
import { present } from '../../base/assert.ts';
import { carryOut, type SeedTask } from './task.ts';

function main(port: MessagePort): void {
  port.on('message', (task: SeedTask | null) => {
    // There is no more to do, whatever timers an engine has left.
    if (task === null) process.exit();
    carryOut(task).then(
      (report) => port.postMessage(report),
      (error: unknown) => setImmediate(() => rethrow(error)),
    );
  });
}

/** Outside of the promise, so that the thread ends with this error. */
function rethrow(error: unknown): never {
  throw error;
}

main(present(parentPort, 'the port to the pool'));
