/**
 * One run from seed to result: the same each time, and whatever an engine does wrong is named, located and reported with
 * the seed; never does it end or stop the simulator.
 */
import { describe, expect, it } from 'vitest';
import { RuleError } from '../../src/base/errors.ts';
import { Lsn } from '../../src/base/types.ts';
import type { AnyEngine, Context, Effect, EngineFactory, Event } from '../../src/consensus/engine.ts';
import type { CheckerFactory } from '../../src/simulator/checkers/checker.ts';
import type { Fault } from '../../src/simulator/faults.ts';
import { carryOut, planRun, type Result, run } from '../../src/simulator/run.ts';
import type { Subject } from '../../src/simulator/subject.ts';
import { subjectOf } from '../../src/simulator/subjects/custom.ts';
import { powSubject } from '../../src/simulator/subjects/pow.ts';
import type { TraceEntry } from '../../src/simulator/trace.ts';
import { addressOfAccount } from '../../src/simulator/transfers.ts';
import { type Bugs, sequencer, sequencerModule } from './engines/sequencer.ts';

const OPTIONS = { nodes: 3, faultsMs: 20_000, transfersPerMinute: 30 };
const SEED = '7';
const HANG_LIMIT_MS = 500;

/** Runs an engine on a network without faults. */
function runSubject(subject: Subject, input: { readonly sliceLimitMs?: number; readonly maxEvents?: number } = {}): Result {
  return run({ subject, seed: SEED, options: OPTIONS, schedule: [], ...input });
}

const runBugs = (bugs: Bugs, input = {}) => runSubject(subjectOf(sequencerModule(bugs), 'sequencer.ts'), input);

/** The sequencer with some of its functions replaced. */
function changed(change: (engine: AnyEngine) => Partial<AnyEngine>): Subject {
  const createEngine: EngineFactory = (...values) => {
    const engine = sequencer()(...values);
    return { ...engine, ...change(engine) };
  };
  return subjectOf({ ...sequencerModule(), createEngine }, 'changed.ts');
}

/** In the tenth step of a node, answers with these effects besides its own. */
function alsoAnswers(make: (event: Event<unknown>, context: Context) => unknown): Subject {
  return changed((engine) => {
    let steps = 0;
    return {
      step: (state, event, context) => {
        const effects = engine.step(state, event, context);
        return ++steps === 10 ? ([...effects, make(event, context)] as Effect<never>[]) : effects;
      },
    };
  });
}

function expectFailure(result: Result, message: RegExp): void {
  expect(result.ok).toBe(false);
  const [violation] = result.violations;
  expect(violation?.message).toMatch(message);
  expect(violation).toMatchObject({ checker: 'Engine', expected: false });
  expect(violation?.node).toBeGreaterThanOrEqual(0);
  expect(result.plan.seed).toBe(SEED);
}

describe('a run', () => {
  it('ends well with an engine that is right', () => {
    const result = runBugs({});
    expect(result.violations).toEqual([]);
    expect(result.ok).toBe(true);
    expect(result.stats.virtualMs).toBeGreaterThan(OPTIONS.faultsMs);
  });

  it.each(['1', '2'])('is the same for the same seed (%s), event by event', (seed) => {
    const traces = [0, 1].map(() => {
      const entries: TraceEntry[] = [];
      const result = run({ subject: powSubject, seed, options: { nodes: 4, faultsMs: 120_000 }, sink: (entry) => entries.push(entry) });
      return { hash: result.traceHash, marks: result.marks, stats: result.stats, entries };
    });
    expect(traces[0]?.entries.length).toBeGreaterThan(200);
    expect(traces[1]).toEqual(traces[0]);
  });

  it('is another for another seed, and the same with and without a reader', () => {
    const options = { nodes: 3, faultsMs: 60_000 };
    const hashes = ['1', '2'].map((seed) => run({ subject: powSubject, seed, options }).traceHash);
    expect(hashes[0]).not.toBe(hashes[1]);
    const sink = Object.assign(() => undefined, { wantsStates: true });
    expect(run({ subject: powSubject, seed: '1', options, sink }).traceHash).toBe(hashes[0]);
  });

  it('follows its plan, from which it can be carried out again', () => {
    const plan = planRun({ subject: powSubject, seed: '3', options: { nodes: 3, faultsMs: 60_000 } });
    expect(carryOut(plan).traceHash).toBe(run({ subject: powSubject, seed: '3', options: { nodes: 3, faultsMs: 60_000 } }).traceHash);
    expect(carryOut({ ...plan, schedule: [] }).traceHash).not.toBe(carryOut(plan).traceHash);
  });

  it('is reported when it does not end', () => {
    const result = runSubject(powSubject, { maxEvents: 50 });
    expect(result.violations).toMatchObject([{ checker: 'Engine', message: expect.stringContaining('50 events') }]);
    expect(result.ok).toBe(false);
  });

  it('tears writes in crashes: of those under way all are there, some, or none', () => {
    const found = new Set<string>();
    const watch: CheckerFactory = () => ({
      name: 'Tears',
      observe(observation) {
        if (observation.type !== 'stopped' || observation.torn === undefined) return;
        const { kept, lost, isTorn } = observation.torn;
        found.add(isTorn ? 'some' : kept > 0 ? 'all' : lost > 0 ? 'none' : 'nothing under way');
      },
    });
    const crashes = Array.from({ length: 100 }, (_, i): Fault => ({ fault: 'crash', node: i % 3, atMs: 700 * (i + 1), forMs: 400 }));
    const options = { nodes: 3, faultsMs: 70_000, diskWriteMs: 300, latencyMs: 5, jitterMs: 1, executionMs: 1 };
    const subject = { ...powSubject, invariants: [...powSubject.invariants, watch] };
    const engine = { blockTimeSeconds: 1, pauseAfterSeconds: 0, minimumDifficulty: 50, blockRewardWei: 5 };
    const { violations } = run({ subject, seed: SEED, options: { ...options, engine }, schedule: crashes });
    expect(violations.filter(({ expected }) => !expected)).toEqual([]);
    expect([...found].sort()).toEqual(['all', 'none', 'nothing under way', 'some']);
  });

  it('finds out when a node makes another block of a height that it has announced, after a crash', () => {
    // A tenth of a second after a block that was made ten seconds after the last start; cut off from those who could tell it.
    const schedule = Array.from({ length: 5 }, (_, i) => 10_600 * (i + 1)).flatMap((atMs): Fault[] => [
      { fault: 'crash', node: 0, atMs, forMs: 500 },
      { fault: 'partition', side: [0], direction: 'both', atMs, forMs: 4_000 },
    ]);
    const options = { nodes: 3, faultsMs: 60_000, diskWriteMs: 300, latencyMs: 5, jitterMs: 1, executionMs: 1 };
    const outcome = (bugs: Bugs) => run({ subject: subjectOf(sequencerModule(bugs), 'x.ts'), seed: SEED, options, schedule }).violations;
    expect(outcome({})).toEqual([]);
    expect(outcome({ forgets: true }).map(({ checker }) => checker)).toContain('Agreement');
  });
});

describe('an engine that goes wrong', () => {
  it.each([
    ['throw', /the engine has lost its head.*sequencer\.ts:\d+/],
    ['nonsense', /answered with "\\"no list\\"" instead of a list of effects/],
    ['noEffect', /answered with .*explode.*, which is no effect/],
    ['clock', /^Date\.now was called at .*sequencer\.ts:\d+/],
    ['random', /^Math\.random was called at .*sequencer\.ts:\d+/],
    ['hiddenClock', /^performance\.now was called at .*sequencer\.ts:\d+/],
    ['spin', /time does not move on/],
  ] as const)('is named: %s', (how, message) => {
    expectFailure(runBugs({ throws: { atStep: 20, how } }), message);
  });

  it('is stopped when it loops for ever, and named with node and event', () => {
    const result = runBugs({ throws: { atStep: 20, how: 'hang' } }, { sliceLimitMs: HANG_LIMIT_MS });
    expectFailure(result, /^On event '\w+': A step was not done after 0\.5 s of real time/);
  });

  it('leaves the world as it was', () => {
    runBugs({ throws: { atStep: 20, how: 'clock' } });
    runBugs({ throws: { atStep: 20, how: 'throw' } });
    for (const read of [Date.now, Math.random, () => performance.now(), () => new Date().getMonth()]) expect(read()).toBeTypeOf('number');
  });

  const bad = new TypeError('not today');
  const fail = () => {
    throw bad;
  };
  it.each([
    ['init', { init: fail }],
    ['verifyHeader', { verifyHeader: fail }],
    ['rewards', { rewards: fail }],
  ])('is named when its %s throws', (_name, change) => {
    expectFailure(runSubject(changed(() => change)), /not today.*run\.test\.ts/);
  });

  it('is named when its verifyHeader loops for ever', () => {
    const loop = () => {
      for (;;);
    };
    expectFailure(
      runSubject(
        changed(() => ({ verifyHeader: loop })),
        { sliceLimitMs: HANG_LIMIT_MS },
      ),
      /^In 'verifyHeader': .*loop/,
    );
  });

  it('is named with the right node, though others may have been at work last', () => {
    const createEngine: EngineFactory = (params, node, signatures) => {
      const engine = sequencer()(params, node, signatures);
      // The ledger asks for rewards when it executes, which is not in a step.
      return node.beneficiary === addressOfAccount(4 + 1) ? { ...engine, rewards: fail } : engine;
    };
    const subject = subjectOf({ ...sequencerModule(), createEngine }, 'x.ts');
    const result = run({ subject, seed: SEED, options: { ...OPTIONS, accounts: 4 }, schedule: [] });
    expectFailure(result, /^In 'rewards': not today/);
    expect(result.violations[0]?.node).toBe(1);
  });

  it('is another run when it says something else, though nobody acts on it', () => {
    const saying = (word: number) =>
      changed((engine) => ({
        encode: (message) => (message === 'word' ? Uint8Array.of(255, word) : engine.encode(message)),
        decode: (bytes) => (bytes[0] === 255 ? 'word' : engine.decode(bytes)),
        step: (state, event, context) => {
          const isWord = event.type === 'message' && event.message === 'word';
          const effects = isWord ? [] : engine.step(state, event, context);
          return event.type === 'start' ? [...effects, { type: 'send', to: '*', message: 'word' }] : effects;
        },
      }));
    const options = { ...OPTIONS, nodes: 1, survivors: [0], hashRates: [1] };
    const [one, same, other] = [1, 1, 2].map((word) => run({ subject: saying(word), seed: SEED, options, schedule: [] }));
    expect(one?.violations).toEqual([]);
    expect(same?.traceHash).toBe(one?.traceHash);
    expect(other?.traceHash).not.toBe(one?.traceHash);
  });

  it('is another run when it writes something else, though nobody ever reads it', () => {
    const writing = (byte: number) =>
      changed((engine) => ({
        step: (state, event, context) => {
          const effects = engine.step(state, event, context);
          return event.type === 'start' && event.lsn === 0
            ? [...effects, { type: 'persist', lsn: Lsn(++state.lsn), records: [Uint8Array.of(byte)], truncateBelow: Lsn(2) }]
            : effects;
        },
      }));
    const [one, same, other] = [1, 1, 2].map((byte) => runSubject(writing(byte)));
    expect(one?.violations).toEqual([]);
    expect(same?.traceHash).toBe(one?.traceHash);
    expect(other?.traceHash).not.toBe(one?.traceHash);
  });

  it('is not excused by a disk that fails at the time', () => {
    const result = run({
      subject: subjectOf(sequencerModule({ throws: { atStep: 60, how: 'throw' } }), 'x.ts'),
      seed: SEED,
      options: { ...OPTIONS, diskWriteMs: 100_000 },
      schedule: [0, 1, 2].map((node) => ({ fault: 'diskError', node, atMs: 0, forMs: 20_000 })),
    });
    expectFailure(result, /the engine has lost its head/);
  });

  it('does not spoil what is on its disk by changing what it was given', () => {
    const records: string[] = [];
    const subject = changed((engine) => ({
      step: (state, event, context) => {
        if (event.type === 'start') {
          records.push(...event.records.map((record) => record.join()));
          const effects = engine.step(state, event, context);
          for (const record of event.records) record.fill(0);
          return effects;
        }
        return engine.step(state, event, context);
      },
    }));
    const schedule = [5_000, 8_000].map((atMs) => ({ fault: 'crash' as const, node: 0, atMs, forMs: 1_000 }));
    run({ subject, seed: SEED, options: OPTIONS, schedule });
    expect(records.length).toBeGreaterThan(2);
    for (const record of records) expect(record).toMatch(/[1-9]/);
  });
});

describe('an effect that is malformed', () => {
  const HASH = `0x${'00'.repeat(32)}`;
  it.each<[string, unknown, RegExp]>([
    ['null', null, /"null", which is no effect/],
    ['without a type', {}, /which is no effect/],
    ['of an inherited name', { type: 'toString' }, /which is no effect/],
    ['a timer of no time', { type: 'setTimer', id: 'x', delayMs: Number.NaN }, /'setTimer' whose delayMs is .*expected a number from 0/],
    ['a timer in the past', { type: 'setTimer', id: 'x', delayMs: -1 }, /'setTimer' whose delayMs is "-1"/],
    ['a timer without a name', { type: 'setTimer', delayMs: 1 }, /'setTimer' whose id is "undefined"; expected a text/],
    ['a head that is no hash', { type: 'setHead', hash: 'the best' }, /'setHead' whose hash is .*expected a hash/],
    ['a check of a number', { type: 'check', hash: 7 }, /'check' whose hash is "7"/],
    ['a message to nobody', { type: 'send', message: 1 }, /'send' whose to is/],
    [
      'a block without a header',
      { type: 'announce', block: { transactions: [] } },
      /'announce' whose block is .*expected a block \(header is/,
    ],
    ['records that are texts', { type: 'persist', lsn: 1, records: ['vote'] }, /'persist' whose records is/],
    ['a trace that is no JSON', { type: 'trace', name: 'x', data: { big: 1n } }, /'trace' whose data is .*expected an object of JSON/],
    ['a reply that is no JSON', { type: 'reply', request: 1, result: () => 1 }, /'reply' whose result is .*expected JSON, or a SynodError/],
    ['a vague position', { type: 'setHead', hash: HASH, after: 0.5 }, /'setHead' whose after is "0.5"/],
    [
      'an offence without a reason',
      { type: 'offence', from: 'node-0', error: new Error('so') },
      /'offence' whose error is .*expected a RuleError/,
    ],
    [
      'a build of numbers for bigints',
      { type: 'build', request: 1, parent: HASH, fields: { timestamp: 1, difficulty: 1 } },
      /'build' whose fields is/,
    ],
  ])('is named: %s', (_name, effect, message) => {
    expectFailure(runSubject(alsoAnswers(() => effect)), message);
  });

  it.each<[string, unknown, RegExp]>([
    ['a head that is unknown', { type: 'setHead', hash: `0x${'11'.repeat(32)}` }, /On event '\w+': Block 0x1111/],
    ['an effect after a record that was never appended', { type: 'send', to: '*', message: 1, after: 99 }, /'send' waits for record 99/],
    ['a position that leaves a gap', { type: 'persist', lsn: 99, records: [new Uint8Array(1)] }, /up to 99; expected/],
  ])('or breaks a promise is located: %s', (_name, effect, message) => {
    const { ok, violations } = runSubject(alsoAnswers(() => effect));
    expect(ok).toBe(false);
    expect(violations[0]?.message).toMatch(message);
    expect(violations[0]?.node).toBeGreaterThanOrEqual(0);
  });

  it('is taken when it is well-formed', () => {
    const effects: readonly unknown[] = [
      { type: 'trace', name: 'hello', data: { count: 1 } },
      { type: 'ignore' },
      { type: 'cancelTimer', id: 'unknown' },
      { type: 'unseal', request: 3 },
      { type: 'reply', request: 9, result: null },
      { type: 'fetch', hash: HASH, from: null },
      { type: 'offence', from: 'node-9', error: new RuleError('test/offence', 'Nobody is to blame.') },
    ];
    for (const effect of effects) expect(runSubject(alsoAnswers(() => effect)).violations).toEqual([]);
  });
});

describe('an engine that cannot be made', () => {
  /** Well at first, when the module is loaded; then wrong. */
  const failing = (work: () => void): Subject => {
    let made = 0;
    const createEngine: EngineFactory = (...values) => {
      if (made++ > 0) work();
      return sequencer()(...values);
    };
    return subjectOf({ ...sequencerModule(), createEngine }, 'failing.ts');
  };
  const setUp = (message: RegExp) =>
    expect.objectContaining({ code: 'simulator/set-up', fields: { seed: SEED }, message: expect.stringMatching(message) });

  it('is named with the seed, whether it throws, reads the clock or loops', () => {
    const throws = () => {
      throw new TypeError('no such thing');
    };
    const reads = () => void Date.now();
    const hides = () => {
      try {
        reads();
      } catch {
        // Hoping that nobody saw it.
      }
    };
    const loops = () => {
      for (;;);
    };
    expect(() => runSubject(failing(hides))).toThrowError(setUp(/Date\.now was called/));
    expect(() => runSubject(failing(throws))).toThrowError(setUp(/failing\.ts.*no such thing/));
    expect(() => runSubject(failing(reads))).toThrowError(setUp(/Date\.now was called/));
    expect(() => runSubject(failing(loops), { sliceLimitMs: HANG_LIMIT_MS })).toThrowError(setUp(/loop without end/));
  });

  it("is the user's mistake where a scenario asks for a behaviour that nobody knows", () => {
    const schedule = [{ fault: 'byzantine' as const, node: 0, behaviour: 'dreaming', atMs: 0, forMs: 1 }];
    expect(() => run({ subject: powSubject, seed: SEED, options: OPTIONS, schedule })).toThrowError(
      expect.objectContaining({ name: 'UsageError', code: 'scenario/behaviour' }),
    );
  });
});
