/**
 * Catches an engine that reads a clock or draws randomness of its own: while virtual time runs, the ways to do so throw.
 * The same seed could not give the same course otherwise. What an engine catches itself is remembered all the same.
 */
import { InternalError } from '../base/errors.ts';

/** The host's monotonic clock, for who stands outside of virtual time: taken before any guard stands in its way. */
export const realMs = performance.now.bind(performance);

type Restore = () => void;

/** The first forbidden call since the guard began, with the place it came from. */
export interface Impurity {
  readonly what: string;
  readonly where: string;
}

/** Clocks, what differs from run to run as a clock does, and what would end the simulator without a word. */
const CLOSED_OF_PROCESS = ['hrtime', 'uptime', 'cpuUsage', 'memoryUsage', 'resourceUsage', 'exit', 'abort', 'kill'] as const;

type Owner = { [name: string]: unknown };
/** Ways to what a pure function has no business with: the object that has it, its name there, and how it is called. */
export type Way = readonly [owner: object, name: string, what: string];

export const named = (owner: object, prefix: string, names: readonly string[]): Way[] => names.map((name) => [owner, name, prefix + name]);
const WAYS: readonly Way[] = [
  ...named(Date, 'Date.', ['now']),
  ...named(performance, 'performance.', ['now', 'mark', 'measure']),
  ...named(Math, 'Math.', ['random']),
  ...named(globalThis.crypto, 'crypto.', ['getRandomValues', 'randomUUID']),
  ...named(process, 'process.', CLOSED_OF_PROCESS),
  ...named(globalThis, '', ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'fetch']),
];

/** The guard whose work goes on. */
let active: PurityGuard | null = null;

/**
 * Puts a watchman at every way for as long as the process lives. Without it an engine gets past a guard with a function that
 * it took at its import (`const { now } = Date`). To be called before such a module is loaded, in a process of its own. `others`
 * are ways besides the ones that guards close.
 */
export function watchForGood(others: readonly Way[]): void {
  for (const [owner, name, what] of [...WAYS, ...others]) {
    const real = (owner as Owner)[name];
    if (typeof real !== 'function') continue;
    const watched = Object.assign(watchedFunction(real, what), ofSecondWays(real, what, watchedFunction));
    Object.defineProperty(owner, name, { configurable: true, writable: true, value: watched });
  }
  globalThis.Date = watchedDate(globalThis.Date, (what) => active?.forbid(what));
}

/** Functions that are fields of a function: process.hrtime has `bigint`, process.memoryUsage has `rss`. */
function ofSecondWays(real: unknown, what: string, instead: (real: object, what: string) => unknown): Owner {
  const ways = Object.entries(real ?? {}).filter(([, value]) => typeof value === 'function');
  return Object.fromEntries(ways.map(([name, value]) => [name, instead(value, `${what}.${name}`)]));
}

function watchedFunction(real: object, what: string) {
  return function (this: unknown, ...values: unknown[]): unknown {
    active?.forbid(what);
    return Reflect.apply(real as () => unknown, this, values);
  };
}

/** `new Date()` reads the clock; `new Date(0)` does not. */
function watchedDate(real: DateConstructor, watch: (what: string) => void): DateConstructor {
  return new Proxy(real, {
    construct(target, values, newTarget) {
      if (values.length === 0) watch('new Date()');
      return Reflect.construct(target, values, newTarget);
    },
    apply(target, self, values) {
      watch('Date()');
      return Reflect.apply(target, self, values);
    },
  });
}

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
    const before = active;
    const { Date: real } = globalThis;
    const restores = WAYS.map((way) => this.#close(way));
    globalThis.Date = watchedDate(real, (what) => this.forbid(what));
    active = this;
    try {
      return work();
    } finally {
      active = before;
      globalThis.Date = real;
      for (const restore of restores.reverse()) restore();
    }
  }

  #close([owner, name, what]: Way): Restore {
    const own = Object.getOwnPropertyDescriptor(owner, name);
    const closed = (called: string) => () => this.forbid(called);
    const forbidden = Object.assign(
      closed(what),
      ofSecondWays((owner as Owner)[name], what, (_real, called) => closed(called)),
    );
    Object.defineProperty(owner, name, { configurable: true, writable: true, value: forbidden });
    return () => {
      if (own === undefined) delete (owner as Owner)[name];
      else Object.defineProperty(owner, name, own);
    };
  }

  /** To be called by a way that was gone: remembers the first, and throws. */
  forbid(what: string): never {
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
