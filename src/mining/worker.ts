/** A mining thread: chooses its kernel, then searches one job after another. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { present } from '../base/assert.ts';
import { explain, SynodError } from '../base/errors.ts';
import { Control } from './control.ts';
import type { Assignment, WorkerMessage, WorkerSetup } from './messages.ts';
import { Search } from './search.ts';
import { CANDIDATES, selectKernel } from './select-kernel.ts';

function main(port: MessagePort, setup: WorkerSetup): void {
  const now = () => performance.now();
  const say = (message: WorkerMessage) => port.postMessage(message);
  const wanted = CANDIDATES.filter(({ name }) => setup.kernel === 'auto' || setup.kernel === name);
  try {
    const { kernel, rejected } = selectKernel(wanted, now);
    const search = new Search({ ...setup, kernel, control: new Control(setup.memory), now });
    port.on('message', (assignment: Assignment) => {
      const result = search.run(assignment);
      if (result !== null) say({ type: 'sealed', generation: assignment.generation, result });
    });
    say({ type: 'ready', kernel: kernel.name, rejected });
  } catch (error) {
    say({ type: 'unable', code: error instanceof SynodError ? error.code : 'mining/no-kernel', message: explain(error) });
  }
}

main(present(parentPort, 'the port to the pool'), workerData as WorkerSetup);
