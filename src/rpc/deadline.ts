/** One time limit for everything that a request asks for. */
import { timedOut } from './errors.ts';

export class Deadline {
  readonly #timeoutMs: number;
  readonly #timer: NodeJS.Timeout;
  readonly #expired: Promise<never>;
  #isExpired = false;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    const { promise, reject } = Promise.withResolvers<never>();
    // It may expire while nothing waits for it.
    promise.catch(() => {});
    this.#expired = promise;
    this.#timer = setTimeout(() => {
      this.#isExpired = true;
      reject(timedOut(timeoutMs));
    }, timeoutMs);
    this.#timer.unref();
  }

  /**
   * The result of the work, or RpcError -32002 when the time is over: work that has begun is no longer waited for (the
   * EVM's has a limit of its own), and none is begun after it.
   */
  limit<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isExpired) return Promise.reject(timedOut(this.#timeoutMs));
    return Promise.race([work(), this.#expired]);
  }

  clear(): void {
    clearTimeout(this.#timer);
  }
}
