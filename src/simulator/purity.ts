/**
 * Catches an engine that reads a clock or draws randomness of its own: while virtual time runs, the ways to do so throw.
 * The same seed could not give the same course otherwise. What an engine catches itself is remembered all the same.
 */
import { InternalError } from '../base/errors.ts';

type Restore = () => void;

/** The first forbidden call since the guard began, with the place it came from. */
export interface Impurity {
  readonly what: string;
  readonly where: string;
}

/** Clocks, what differs from run to run as a clock does, and what would end the simulator without a word. */
const CLOSED_OF_PROCESS = ['hrtime', 'uptime', 'cpuUsage', 'memoryUsage', 'resourceUsage', 'exit', 'abort', 'kill'] as const;

export class PurityGuard {
  readonly #onFound: (impurity: Impurity) => void;
  #found: Impurity | null = null;

  /** `onFound` is told of the first one, while it happens. */
  constructor(onFound: (impurity: Impurity) => void = () => undefined) {
    this.#onFound = onFound;
  }

  get found(): Impurity | null {
    return this.#found;
  }

  /** Runs `work` with the forbidden ways closed. Not for asynchronous work: others would meet the closed ways. */
  run<T>(work: () => T): T {
    const restores = [
      this.#close(globalThis.Date, 'now', 'Date.now'),
      this.#closeConstructor(),
      this.#close(globalThis.performance, 'now', 'performance.now'),
      this.#close(globalThis.performance, 'mark', 'performance.mark'),
      this.#close(globalThis.performance, 'measure', 'performance.measure'),
      this.#close(Math, 'random', 'Math.random'),
      this.#close(globalThis.crypto, 'getRandomValues', 'crypto.getRandomValues'),
      this.#close(globalThis.crypto, 'randomUUID', 'crypto.randomUUID'),
      ...CLOSED_OF_PROCESS.map((name) => this.#close(process, name, `process.${name}`)),
      ...(['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'fetch'] as const).map((name) =>
        this.#close(globalThis, name, name),
      ),
    ];
    try {
      return work();
    } finally {
      for (const restore of restores.reverse()) restore();
    }
  }

  #close<Name extends string>(owner: { [name in Name]: unknown }, name: Name, what: string): Restore {
    const own = Object.getOwnPropertyDescriptor(owner, name);
    const forbidden = () => this.#forbid(what);
    // process.hrtime has a second way in.
    if (name === 'hrtime') Object.assign(forbidden, { bigint: () => this.#forbid(`${what}.bigint`) });
    Object.defineProperty(owner, name, { configurable: true, writable: true, value: forbidden });
    return () => {
      if (own === undefined) delete (owner as { [name in Name]?: unknown })[name];
      else Object.defineProperty(owner, name, own);
    };
  }

  /** `new Date()` reads the clock; `new Date(0)` does not. */
  #closeConstructor(): Restore {
    const real = globalThis.Date;
    globalThis.Date = new Proxy(real, {
      construct: (target, values, newTarget) =>
        values.length === 0 ? this.#forbid('new Date()') : Reflect.construct(target, values, newTarget),
      apply: () => this.#forbid('Date()'),
    });
    return () => {
      globalThis.Date = real;
    };
  }

  #forbid(what: string): never {
    const error = new InternalError(
      'simulator/impure',
      `${what} was called while virtual time runs: an engine must be a pure function of its events.`,
    );
    if (this.#found === null) {
      this.#found = { what, where: callerOf(error) };
      this.#onFound(this.#found);
    }
    throw error;
  }
}

/** The first line of the stack outside of this file. */
function callerOf(error: Error): string {
  const lines = (error.stack ?? '').split('\n').slice(1);
  return (lines.find((line) => !line.includes('purity.ts')) ?? '').trim();
}
