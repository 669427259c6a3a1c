/** The end of a node: what has to be taken apart, and what ends it. */
import { explain, InternalError } from '../base/errors.ts';
import type { Logger } from './logger.ts';

/** Taking a node apart waits for writes under way; longer than this means that something hangs. */
const STOP_TIMEOUT_MS = 8_000;

/** What has to be taken apart, in the opposite order of making it. */
export class Closers {
  readonly #logger: Logger;
  readonly #list: { readonly name: string; readonly close: () => void | Promise<void> }[] = [];
  #isRunning = false;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Once `run` has begun, what is added is closed at once. */
  add(name: string, close: () => void | Promise<void>): void {
    this.#list.push({ name, close });
    if (this.#isRunning) void this.run();
  }

  /** Goes on when one of them fails: the others must still be closed. True when all went well. */
  async run(): Promise<boolean> {
    this.#isRunning = true;
    let clean = true;
    for (let next = this.#list.pop(); next !== undefined; next = this.#list.pop()) {
      try {
        await next.close();
      } catch (error) {
        clean = false;
        this.#logger.error({ part: next.name, reason: explain(error) }, 'Could not be closed');
      }
    }
    return clean;
  }
}

/** From start to stop: the first failure or the first wish to stop ends the node, once. */
export class Life {
  readonly stopped: Promise<0 | 1>;
  readonly #logger: Logger;
  readonly #closers: Closers;
  #resolve: (code: 0 | 1) => void = () => undefined;
  #ending = false;

  constructor(logger: Logger, closers: Closers) {
    this.#logger = logger;
    this.#closers = closers;
    this.stopped = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  stop(reason: string): void {
    if (this.#ending) return;
    this.#logger.info({ reason }, 'Stopping');
    this.#end(0);
  }

  fail(error: unknown): void {
    this.#logger.error({ reason: explain(error) }, 'Fatal: the node stops');
    if (error instanceof InternalError) this.#logger.debug({ stack: String(error.stack) }, 'Where it happened');
    if (!this.#ending) this.#end(1);
  }

  #end(code: 0 | 1): void {
    this.#ending = true;
    const timer = setTimeout(() => {
      this.#logger.error({ afterMs: STOP_TIMEOUT_MS }, 'Stopping takes too long; ending the process');
      process.exit(1);
    }, STOP_TIMEOUT_MS);
    this.#closers.run().then((clean) => {
      clearTimeout(timer);
      this.#logger.info('Stopped');
      this.#resolve(clean ? code : 1);
    });
  }
}
