/** What one trace may cost: time, and bytes of its answer. Both end it with an error that says which option asks for less. */
import { RuleError } from '../../base/errors.ts';

/** The clock is read once in so many steps. */
const STEPS_BETWEEN_LOOKS = 1_024;

export class Allowance {
  readonly #deadlineMs: number;
  readonly #maxBytes: number;
  #bytes = 0;
  #steps = 0;

  constructor({ timeoutMs, maxBytes }: { readonly timeoutMs: number; readonly maxBytes: number }) {
    this.#deadlineMs = performance.now() + timeoutMs;
    this.#maxBytes = maxBytes;
  }

  /** Throws RuleError `trace/timeout`. */
  step(): void {
    if (++this.#steps % STEPS_BETWEEN_LOOKS === 0) this.checkTime();
  }

  checkTime(): void {
    if (performance.now() > this.#deadlineMs) throw new RuleError('trace/timeout', 'execution timeout');
  }

  /** Throws RuleError `trace/too-large`. */
  spend(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes <= this.#maxBytes) return;
    const advice = 'set limit, disableStack or disableStorage, leave enableMemory out, or use callTracer with onlyTopCall';
    throw new RuleError('trace/too-large', `trace too large: more than ${this.#maxBytes} bytes; ${advice}`, { maxBytes: this.#maxBytes });
  }
}
