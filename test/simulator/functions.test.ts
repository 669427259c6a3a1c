/** In any run, each function of the contract is asked: one that fails, lies, never ends or reads the clock is named. */
import { expect, it } from 'vitest';
import { RuleError } from '../../src/base/errors.ts';
import type { AnyEngine, EngineFactory } from '../../src/consensus/engine.ts';
import { describe as inWords } from '../../src/simulator/describe.ts';
import { type Result, run } from '../../src/simulator/run.ts';
import { subjectOf } from '../../src/simulator/subjects/custom.ts';
import { posSubject } from '../../src/simulator/subjects/pos.ts';
import { powSubject } from '../../src/simulator/subjects/pow.ts';
import { sequencer, sequencerModule } from './engines/sequencer.ts';

const HANG_LIMIT_MS = 300;
const OPTIONS = { nodes: 2, faultsMs: 5_000 };

/** The sequencer with something else in place of some functions. */
function runChanged(change: (engine: AnyEngine) => Partial<AnyEngine>, limits: { readonly sliceLimitMs?: number } = {}): Result {
  const createEngine: EngineFactory = (...values) => {
    const engine = sequencer()(...values);
    return { ...engine, ...change(engine) };
  };
  const subject = subjectOf({ ...sequencerModule(), createEngine }, 'changed.ts');
  return run({ subject, seed: '7', options: OPTIONS, schedule: [], ...limits });
}

const FUNCTIONS = [
  'inspect',
  'safe',
  'randomness',
  'verifySeal',
  'verifyCertificate',
  'rewards',
  'verifyHeader',
  'genesisFacts',
  'init',
] as const;
/** Makes a run's first genesis, long before anybody is at work. */
const LATE = { genesisFacts: 1 } as { readonly [name: string]: number };

/** Does `work` instead, except for what comes before the run proper. */
const replaced = (name: (typeof FUNCTIONS)[number], work: () => unknown, limits = {}) => {
  let before = LATE[name] ?? 0;
  return runChanged(
    (engine) => ({
      [name]: (...values: readonly unknown[]) =>
        before-- > 0 ? (engine[name] as (...values: readonly unknown[]) => unknown)?.(...values) : work(),
    }),
    limits,
  );
};

function expectNamed({ ok, violations }: Result, message: RegExp): void {
  expect(violations.find(({ checker }) => ['Engine', 'Functions', 'Certificates'].includes(checker))?.message).toMatch(message);
  expect(ok).toBe(false);
}

it.each(FUNCTIONS)('%s is named when it throws', (name) => {
  const fail = () => {
    throw new TypeError('not today');
  };
  expectNamed(replaced(name, fail), new RegExp(`^In '${name}': .*not today .*functions\\.test\\.ts`));
});

it.each(FUNCTIONS)('%s is named when it reads the clock', (name) => {
  expectNamed(
    replaced(name, () => Date.now()),
    /^Date\.now was called at .*functions\.test\.ts/,
  );
});

it.each(['inspect', 'randomness', 'verifySeal'] as const)('%s is named when it loops for ever', (name) => {
  const loop = () => {
    for (;;);
  };
  expectNamed(replaced(name, loop, { sliceLimitMs: HANG_LIMIT_MS }), new RegExp(`^In '${name}': .*a loop without end`));
});

it.each<[(typeof FUNCTIONS)[number], unknown, RegExp]>([
  ['inspect', undefined, /In 'inspect': The engine answered with "undefined"; expected JSON/],
  ['inspect', { head: 1n }, /In 'inspect': .*expected JSON \(.*BigInt/],
  ['inspect', 'x'.repeat(2_000_000), /In 'inspect': .*expected JSON of at most 1048576 characters/],
  ['safe', 'the last one', /In 'safe': .*expected a hash/],
  ['safe', `0x${'12'.repeat(32)}`, /In 'safe': it does not have block 0x1212/],
  ['randomness', 7, /In 'randomness': .*"7"; expected a hash/],
  ['verifySeal', Promise.resolve(), /In 'verifySeal': .*\[object Promise\].*expected an answer at once, and no promise/],
  ['verifyCertificate', Promise.resolve(), /In 'verifyCertificate': .*no promise/],
  ['verifyCertificate', undefined, /a certificate that was changed .* is accepted/],
  ['rewards', null, /In 'rewards': .*expected a list of rewards/],
  ['rewards', [{ to: 'me', amount: 1n }], /In 'rewards': .*expected a list of rewards \(to is "\\"me\\""; expected an address/],
  ['verifyHeader', true, /In 'verifyHeader': .*"true"; expected facts/],
  ['verifyHeader', { weight: 1, carried: 0n }, /In 'verifyHeader': .*expected facts \(weight is "1"/],
  ['genesisFacts', { weight: 5n, carried: 0n }, /In 'genesisFacts': weight 5 and carried 0; at the start 0 and 0/],
  ['init', Promise.resolve({}), /In 'init': .*no promise/],
])('%s is named when it answers %o', (name, answer, message) => {
  expectNamed(
    replaced(name, () => answer),
    message,
  );
});

it('verifyCertificate is named where nothing is ever final', () => {
  const { violations } = runChanged((engine) => ({
    verifyCertificate: () => undefined,
    step: (...values) => engine.step(...values).filter(({ type }) => type !== 'finalize'),
  }));
  expect(violations.map(({ message }) => message)).toContainEqual(
    expect.stringMatching(/^In 'verifyCertificate': four bytes that mean nothing/),
  );
});

it('decode and encode are named when they answer what is none', () => {
  const word = (engine: AnyEngine, change: Partial<AnyEngine>): Partial<AnyEngine> => ({
    encode: () => Uint8Array.of(1),
    decode: () => 'word',
    step: (state, event, context) => {
      const effects = event.type === 'message' ? [] : engine.step(state, event, context);
      return event.type === 'timer' ? [...effects, { type: 'send', to: '*', message: 'word' }] : effects;
    },
    ...change,
  });
  expectNamed(
    runChanged((engine) => word(engine, { encode: () => 'word' as never })),
    /'encode'.*expected a Uint8Array|answered with.*expected a Uint8Array/,
  );
  expectNamed(
    runChanged((engine) => word(engine, { decode: async () => 'word' })),
    /In 'decode': .*no promise/,
  );
  const refuse = () => {
    throw new RuleError('test/message', 'Not this one.');
  };
  expectNamed(
    runChanged((engine) => ({ ...engine, decode: refuse })),
    /In 'decode': something else than a DecodeError was thrown: Not this one/,
  );
});

it('a seal that is refused and a chance that changes are named', () => {
  let calls = 0;
  const chance = () => `0x${String(calls++).padStart(64, '0')}` as const;
  expectNamed(replaced('randomness', chance), /In 'randomness': of block 1 .* it is 0x0+, and then 0x0+1/);
  const refuse = () => {
    throw new RuleError('test/seal', 'Not this one.');
  };
  expectNamed(replaced('verifySeal', refuse), /In 'verifySeal': block 1 .* is its head, and refused: Not this one/);
});

it.each([powSubject, posSubject])('an engine that is right has nothing to fear ($name)', (subject) => {
  const { violations } = run({ subject, seed: '3', options: { nodes: 4, faultsMs: 100_000 } });
  expect(violations.filter(({ expected }) => !expected)).toEqual([]);
});

it('whatever is thrown is described', () => {
  const own = new Error('its own cause');
  own.cause = own;
  const stubborn = Object.defineProperty(new Error('x'), 'message', {
    get: () => {
      throw new Error('nobody looks at me');
    },
  });
  expect(inWords(own)).toMatch(/^its own cause \(at .*functions\.test\.ts/);
  for (const thrown of [Object.create(null), stubborn]) expect(inWords(thrown)).toBe('something was thrown that cannot be described');
  for (const thrown of [Symbol('odd'), null, undefined, 7n]) expect(inWords(thrown)).toBe(String(thrown));
  expect(inWords(Object.assign(new Error('no stack'), { stack: 7 }))).toBe('no stack');
  expect(inWords('y'.repeat(1e6)).length).toBeLessThan(2_100);
});
