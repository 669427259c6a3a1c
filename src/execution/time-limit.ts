/**
 * Ends a job of a worker when its time is over, wherever the EVM would rest: at the next jump destination or message call. A
 * worker that is killed instead costs a second to replace, which whoever sends endless calls would make others wait for.
 */
import { RuleError } from '../base/errors.ts';
import { Pacer } from './pacer.ts';

export class TimeLimit extends Pacer {
  #timeoutMs = 0;
  #endMs = Number.POSITIVE_INFINITY;

  /** A job begins now. */
  begin(timeoutMs: number): void {
    this.#timeoutMs = timeoutMs;
    this.#endMs = performance.now() + timeoutMs;
  }

  /** Before that it never is: nobody waits for the thread. */
  override get due(): boolean {
    return performance.now() >= this.#endMs;
  }

  /** Rejects with RuleError `evm/timeout`. */
  override async rest(): Promise<never> {
    throw timedOut(this.#timeoutMs);
  }
}

/** geth's sentence. */
export function timedOut(timeoutMs: number): RuleError {
  return new RuleError('evm/timeout', `execution aborted (timeout = ${timeoutMs / 1000}s)`, { timeoutMs });
}
