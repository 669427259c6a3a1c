/** The guards of a run: ways to a clock or to chance are closed while it lasts and open after it, and endless work is ended. */
import { afterEach, describe, expect, it } from 'vitest';
import { type Impurity, PurityGuard } from '../../src/simulator/purity.ts';
import { runLimited } from '../../src/simulator/watchdog.ts';

const impure = expect.objectContaining({ code: 'simulator/impure' });
const FORBIDDEN: readonly (readonly [string, () => unknown])[] = [
  ['Date.now', () => Date.now()],
  ['new Date()', () => new Date()],
  ['Date()', () => Date()],
  ['performance.now', () => performance.now()],
  ['performance.mark', () => performance.mark('now')],
  ['Math.random', () => Math.random()],
  ['crypto.getRandomValues', () => crypto.getRandomValues(new Uint8Array(1))],
  ['crypto.randomUUID', () => crypto.randomUUID()],
  ['process.hrtime', () => process.hrtime()],
  ['process.hrtime.bigint', () => process.hrtime.bigint()],
  ['process.uptime', () => process.uptime()],
  ['process.cpuUsage', () => process.cpuUsage()],
  ['process.memoryUsage', () => process.memoryUsage()],
  ['process.memoryUsage.rss', () => process.memoryUsage.rss()],
  ['process.exit', () => process.exit(0)],
  ['process.abort', () => process.abort()],
  ['process.kill', () => process.kill(process.pid)],
  ['setTimeout', () => setTimeout(() => undefined, 0)],
  ['setInterval', () => setInterval(() => undefined, 1_000)],
  ['setImmediate', () => setImmediate(() => undefined)],
  ['queueMicrotask', () => queueMicrotask(() => undefined)],
  ['fetch', () => fetch('http://127.0.0.1:1')],
];

/** What the guard replaces, as it is defined; undefined for what is inherited. */
function globals(): readonly unknown[] {
  const timers = ['Date', 'setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'fetch'];
  const places: readonly (readonly [object, readonly string[]])[] = [
    [globalThis, timers],
    [Date, ['now']],
    [performance, ['now', 'mark', 'measure']],
    [Math, ['random']],
    [crypto, ['getRandomValues', 'randomUUID']],
    [process, ['hrtime', 'uptime', 'cpuUsage', 'memoryUsage', 'exit', 'abort', 'kill']],
  ];
  return places.flatMap(([owner, names]) => names.map((name) => Object.getOwnPropertyDescriptor(owner, name)));
}

describe('PurityGuard', () => {
  it.each(FORBIDDEN)('forbids %s, and says where it was called', (what, call) => {
    const found: Impurity[] = [];
    const guard = new PurityGuard((impurity) => found.push(impurity));
    expect(() => guard.run(call)).toThrowError(impure);
    expect(guard.found).toMatchObject({ what, where: expect.stringMatching(/purity\.test\.ts:\d+/) });
    expect(found).toEqual([guard.found]);
  });

  it('remembers what was caught, and only the first', () => {
    const guard = new PurityGuard();
    guard.run(() => {
      for (const call of [Math.random, Date.now]) {
        try {
          call();
        } catch {
          // As an engine might.
        }
      }
    });
    expect(guard.found?.what).toBe('Math.random');
  });

  it('leaves what is pure', () => {
    const guard = new PurityGuard();
    const values = guard.run(() => [
      new Date(5).getTime(),
      new Date(2_020, 1).getMonth(),
      Date.UTC(2_020, 1),
      Date.parse('1970-01-01'),
      Math.max(1, 2),
    ]);
    expect(values).toEqual([5, 1, 1_580_515_200_000, 0, 2]);
    expect(guard.run(() => new Date(0) instanceof Date)).toBe(true);
    expect(guard.found).toBeNull();
  });

  it('gives back what its work answers, and puts everything back as it was', () => {
    const before = globals();
    expect(new PurityGuard().run(() => 7)).toBe(7);
    expect(globals()).toEqual(before);
  });

  it('puts everything back when its work throws, forbidden or not, and when guards are nested', () => {
    const before = globals();
    expect(() =>
      new PurityGuard().run(() => {
        throw new RangeError('of its own');
      }),
    ).toThrowError(RangeError);
    expect(() => new PurityGuard().run(() => new PurityGuard().run(() => Math.random()))).toThrowError(impure);
    expect(globals()).toEqual(before);
    for (const [, call] of FORBIDDEN.slice(0, 10)) expect(call).not.toThrow();
  });
});

describe('runLimited', () => {
  const LIMIT_MS = 200;
  const loop = () => {
    for (;;);
  };
  const hangs = expect.objectContaining({ code: 'simulator/hangs', fields: { limitMs: LIMIT_MS } });

  afterEach(() => expect(Object.keys(globalThis).filter((name) => name.startsWith('__synod'))).toEqual([]));

  it('ends what never ends', () => expect(() => runLimited(LIMIT_MS, loop)).toThrowError(hangs));

  it('ends it even where it catches everything', () => {
    const stubborn = () => {
      for (;;) {
        try {
          loop();
        } catch {
          // Again.
        }
      }
    };
    expect(() => runLimited(LIMIT_MS, stubborn)).toThrowError(hangs);
  });

  it('ends it inside of a guard, which then puts everything back', () => {
    const before = globals();
    expect(() => new PurityGuard().run(() => runLimited(LIMIT_MS, loop))).toThrowError(hangs);
    expect(globals()).toEqual(before);
  });

  it('does its work once, and passes on what it throws', () => {
    let runs = 0;
    runLimited(LIMIT_MS, () => runs++);
    expect(runs).toBe(1);
    const error = new RangeError('of its own');
    expect(() =>
      runLimited(LIMIT_MS, () => {
        throw error;
      }),
    ).toThrowError(error);
    expect(error.stack).toMatch(/^RangeError: of its own\n\s+at /);
  });
});
