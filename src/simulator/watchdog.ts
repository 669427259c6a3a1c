/**
 * Ends work that never ends. A loop without end inside a step cannot be interrupted by the program it blocks, but V8 can:
 * a script that runs under a time limit is stopped wherever it is. Starting one costs some 0.3 ms (measured), so it is
 * done for slices of a run and not for steps. What is stopped so does not get to its `finally` blocks.
 */
import vm from 'node:vm';
import { InternalError } from '../base/errors.ts';

const SLOT = '__synodWatchedWork';
const script = new vm.Script(`globalThis.${SLOT}()`);
const globals = globalThis as typeof globalThis & { [SLOT]?: () => void };

/** Runs synchronous work. Throws `simulator/hangs` when it is not done after `limitMs` of real time. */
export function runLimited(limitMs: number, work: () => void): void {
  if (limitMs === Number.POSITIVE_INFINITY) return work();
  globals[SLOT] = work;
  try {
    // Else V8 puts the line of source before the stack of whatever is thrown.
    script.runInThisContext({ timeout: limitMs, displayErrors: false });
  } catch (error) {
    if (!isTimeout(error)) throw error;
    // Without its cause: V8 tells where the limit was set, and not where the loop is.
    throw new InternalError('simulator/hangs', `A step was not done after ${limitMs / 1_000} s of real time: a loop without end.`, {
      limitMs,
    });
  } finally {
    delete globals[SLOT];
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
}
