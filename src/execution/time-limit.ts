/**
 * Ends a job of a worker when its time is over or its thread is wanted for others, wherever the EVM would rest: at the next jump
 * destination or message call. A worker that is killed instead costs a second to replace, which whoever sends endless calls
 * would make others wait for.
 */
import { RuleError } from '../base/errors.ts';
import { Pacer } from './pacer.ts';

/**
 * No job gives way before it has had so much of a processor: where processors are short, a small call would otherwise be taken for
 * a long one because it was not run.
 */
const LEAST_TURN_US = 15_000;

export class TimeLimit extends Pacer {
  readonly #isWanted: () => boolean;
  #timeoutMs = 0;
  #endMs = Number.POSITIVE_INFINITY;
  #beganUs = 0;
  #wasInterrupted = false;

  /** `isWanted`: whether the thread is wanted for other jobs now. Asked often. */
  constructor(isWanted: () => boolean = () => false) {
    super();
    this.#isWanted = isWanted;
  }

  /** A job begins now. */
  begin(timeoutMs: number): void {
    this.#timeoutMs = timeoutMs;
    this.#endMs = performance.now() + timeoutMs;
    this.#beganUs = processorUs();
    this.#wasInterrupted = false;
  }

  /** Whether it gave way to others: then whatever came of it counts for nothing. */
  get wasInterrupted(): boolean {
    return this.#wasInterrupted;
  }

  /** Before that it never is: nobody waits for the thread. */
  override get due(): boolean {
    return performance.now() >= this.#endMs || (this.#isWanted() && processorUs() - this.#beganUs >= LEAST_TURN_US);
  }

  /** Rejects with RuleError `evm/timeout`, or `evm/interrupted`, which no caller sees. */
  override async rest(): Promise<never> {
    if (performance.now() >= this.#endMs) throw timedOut(this.#timeoutMs);
    this.#wasInterrupted = true;
    throw new RuleError('evm/interrupted', 'The call gave way to others.');
  }
}

/** What this thread has had. */
function processorUs(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

/** geth's sentence. */
export function timedOut(timeoutMs: number): RuleError {
  return new RuleError('evm/timeout', `execution aborted (timeout = ${timeoutMs / 1000}s)`, { timeoutMs });
}
