/** Scenario files: what is written can be read again, and whatever is wrong with one is named by its place. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/base/errors.ts';
import { readFault } from '../../src/simulator/fault-codec.ts';
import { FAULT_KINDS, type Fault } from '../../src/simulator/faults.ts';
import { checkersOf, planRun, type Result } from '../../src/simulator/run.ts';
import { checkExpect, formatScenario, parseScenario, SCENARIO_FORMAT, type Scenario, scenarioOf } from '../../src/simulator/scenario.ts';
import { powSubject } from '../../src/simulator/subjects/pow.ts';

const TIMES = { atMs: 1_000, forMs: 2_000 };
/** One of each kind. */
const FAULTS: readonly Fault[] = [
  { fault: 'crash', node: 0, ...TIMES },
  { fault: 'partition', side: [0, 2], direction: 'in', ...TIMES },
  { fault: 'cutLink', from: 2, to: 1, ...TIMES },
  { fault: 'clog', node: 1, ...TIMES },
  { fault: 'clogLink', from: 1, to: 0, ...TIMES },
  { fault: 'noise', loss: 0.5, duplicate: 0, reorder: 1, ...TIMES },
  { fault: 'clock', node: 2, offsetMs: -500, ...TIMES },
  { fault: 'drift', node: 2, factor: 1.01, ...TIMES },
  { fault: 'slowDisk', node: 0, factor: 20, ...TIMES },
  { fault: 'diskError', node: 0, ...TIMES },
  { fault: 'hashRate', node: 1, factor: 0.5, ...TIMES },
  { fault: 'byzantine', node: 2, behaviour: 'silent', ...TIMES },
];
const SCENARIO: Scenario = {
  format: SCENARIO_FORMAT,
  note: 'what it is about',
  engine: 'pow',
  tier: 'light',
  seed: '7',
  expect: 'pass',
  options: {
    nodes: 3,
    faultsMs: 60_000,
    survivors: [0, 2],
    latencyMs: 10,
    jitterMs: 0.5,
    diskWriteMs: 1,
    executionMs: 2,
    transfersPerMinute: 3,
    accounts: 4,
    hashRates: [100, 200, 300],
    engine: { blockTimeSeconds: 2, list: [1, { deep: true }] },
  },
  schedule: FAULTS,
};
/** As it comes from a file: nothing shared with the constant above. */
const document = (): unknown => JSON.parse(formatScenario(SCENARIO));

type Path = readonly (string | number)[];
type Container = { [key: string | number]: unknown };

/** Every place in a document, outside of the engine's own settings. */
function placesIn(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null || path.join('.') === 'options.engine') return [path];
  const inside = Object.entries(value).flatMap(([key, item]) => placesIn(item, [...path, Array.isArray(value) ? Number(key) : key]));
  return path.length === 0 ? inside : [path, ...inside];
}

function nameOf(path: Path): string {
  return path.map((part, i) => (typeof part === 'number' ? `[${part}]` : i === 0 ? part : `.${part}`)).join('');
}

function parentIn(root: unknown, path: Path): Container {
  return path.slice(0, -1).reduce<unknown>((value, part) => (value as Container)[part], root) as Container;
}

const at = (root: unknown, path: Path) => parentIn(root, path)[path.at(-1) ?? ''];

function problemOf(value: unknown): UsageError {
  try {
    parseScenario(value);
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
  throw new UsageError('test/accepted', 'The document was taken for a scenario.');
}

const JUNK: readonly unknown[] = ['', 'junk', -1e15, 1e15, 0.123, null, true, [], {}, [[]], { toString: 1 }];

/** Whether a place takes this value: by its sort and, for numbers, by what each range allows. */
function isFit(path: Path, value: unknown): boolean {
  const name = String(path.findLast((part) => typeof part === 'string'));
  if (name === 'note') return typeof value === 'string';
  if (['engine', 'seed', 'expect', 'behaviour'].includes(name) && path[0] !== 'options') return typeof value === 'string' && value !== '';
  if (path.join('.') === 'schedule') return Array.isArray(value) && value.length === 0;
  if (path.join('.') === 'options.engine') return typeof value === 'object' && value !== null && !Array.isArray(value);
  return value === 0.123 && !['nodes', 'accounts', 'node', 'from', 'to', 'side', 'direction', 'fault', 'format', 'schedule'].includes(name);
}

describe('a scenario', () => {
  it('has an example of every kind of fault in this test', () => {
    expect(new Set(FAULTS.map(({ fault }) => fault))).toEqual(new Set(FAULT_KINDS));
  });

  it('is the same after it was written and read', () => {
    expect(parseScenario(document())).toEqual(SCENARIO);
    const empty = { ...SCENARIO, schedule: [] };
    expect(parseScenario(JSON.parse(formatScenario(empty)))).toEqual(empty);
  });

  it('can hold whatever is drawn', () => {
    for (let seed = 0; seed < 40; seed++) {
      const { options, schedule } = planRun({ subject: powSubject, seed: String(seed) });
      const drawn = { ...SCENARIO, options, schedule };
      expect(parseScenario(JSON.parse(formatScenario(drawn)))).toEqual(drawn);
    }
  });

  it('is written with one fault a line', () => {
    const lines = formatScenario(SCENARIO).split('\n');
    for (const kind of FAULT_KINDS) expect(lines.filter((line) => line.includes(`"fault":"${kind}"`))).toHaveLength(1);
  });

  it('may do without a note', () => {
    const { note: _, ...rest } = SCENARIO;
    expect(parseScenario(rest).note).toBe('');
  });

  it('is made of a result, with what it must show', () => {
    const violation = { checker: 'Agreement', atMs: 1, node: 0, message: 'two blocks', expected: false };
    const plan = { subject: powSubject, seed: '9', options: SCENARIO.options, schedule: FAULTS };
    const stats = { events: 0, virtualMs: 0, messages: 0, lost: 0 };
    const result: Result = {
      plan,
      ok: false,
      violations: [{ ...violation, expected: true, checker: 'Other' }, violation],
      traceHash: '',
      marks: [],
      stats,
      figures: {},
    };
    expect(scenarioOf(result, 'why')).toEqual({ ...SCENARIO, seed: '9', note: 'why', expect: 'Agreement' });
    expect(scenarioOf({ ...result, ok: true, violations: [] }, '').expect).toBe('pass');
  });
});

describe('a malformed scenario', () => {
  it('is refused with the place of what is wrong, wherever and whatever it is', () => {
    for (const path of placesIn(document())) {
      for (const junk of JUNK.filter((value) => !isFit(path, value))) {
        const broken = document();
        parentIn(broken, path)[path.at(-1) ?? ''] = junk;
        const problem = problemOf(broken);
        const where = `${nameOf(path)} = ${JSON.stringify(junk)}: ${problem.message}`;
        expect(problem.code, where).toMatch(/^scenario\/(field|format)$/);
        expect(String(problem.fields.at), where).toContain(nameOf(path));
        expect(problem.message).toContain(path[0] === 'format' ? 'format' : nameOf(path));
      }
    }
  });

  it('is of the light tier unless it says otherwise, and of no tier that nobody knows', () => {
    const { tier: _, ...silent } = document() as Scenario;
    expect(parseScenario(silent).tier).toBe('light');
    expect(parseScenario({ ...silent, tier: 'real' }).tier).toBe('real');
    expect(problemOf({ ...silent, tier: 'virtual' }).fields.at).toBe('tier');
  });

  it('is refused when anything is missing, and when there is something that nobody knows', () => {
    for (const path of placesIn(document())) {
      const key = path.at(-1) ?? '';
      if (typeof key === 'number' || key === 'note' || key === 'tier') continue;
      const broken = document();
      delete parentIn(broken, path)[key];
      expect(problemOf(broken).fields.at, nameOf(path)).toBe(nameOf(path));
    }
    for (const path of placesIn(document()).filter((one) => typeof one.at(-1) === 'string')) {
      for (const extra of ['surplus', 'constructor', '__proto__', 'toString']) {
        const broken = document();
        Object.defineProperty(parentIn(broken, path), extra, { value: 1, enumerable: true });
        expect(problemOf(broken).fields.at).toBe(nameOf([...path.slice(0, -1), extra]));
      }
    }
  });

  it.each<[Fault['fault'], string, number, number]>([
    ['noise', 'loss', 1, 1.001],
    ['noise', 'duplicate', 1, 1.001],
    ['noise', 'reorder', 1, 1.001],
    ['noise', 'loss', 0, -0.001],
    ['drift', 'factor', 2, 2.001],
    ['drift', 'factor', 0.5, 0.499],
    ['slowDisk', 'factor', 1e6, 1e6 + 1],
    ['hashRate', 'factor', 0, -0.1],
    ['clock', 'offsetMs', -1e12, -1e12 - 1],
    ['crash', 'atMs', 0, -1],
    ['crash', 'forMs', 1e12, 1e12 + 1],
    ['crash', 'node', 2, 3],
    ['crash', 'node', 0, 0.5],
  ])('is refused beyond a bound, and taken at it: %s.%s', (kind, field, allowed, refused) => {
    const changed = (value: number) => ({
      ...SCENARIO,
      schedule: FAULTS.filter(({ fault }) => fault === kind).map((fault) => ({ ...fault, [field]: value })),
    });
    expect(parseScenario(changed(allowed)).schedule).toHaveLength(1);
    expect(problemOf(changed(refused)).fields.at).toBe(`schedule[0].${field}`);
  });

  it.each<[keyof Scenario['options'], number, number]>([
    ['faultsMs', 1e10, 1e12],
    ['latencyMs', 3_600_000, 3_600_001],
    ['jitterMs', 3_600_000, 3_600_001],
    ['diskWriteMs', 3_600_000, 1e9],
    ['executionMs', 3_600_000, 1e9],
    ['transfersPerMinute', 100_000, 100_001],
    ['accounts', 128, 129],
    ['accounts', 1, 0],
  ])('is refused beyond a bound of its options, which is told, and taken at it: %s', (name, allowed, refused) => {
    const changed = (value: number) => ({ ...SCENARIO, options: { ...SCENARIO.options, [name]: value } });
    expect(parseScenario(changed(allowed)).options[name]).toBe(allowed);
    const { code, fields, message } = problemOf(changed(refused));
    expect([code, fields.at]).toEqual(['scenario/field', `options.${name}`]);
    expect(message).toMatch(/expected an? (integer|number) from [01] to \d+\.$/);
  });

  it('is refused when it expects what nobody could find', () => {
    const { subject, seed, options, schedule } = planRun({ subject: powSubject, seed: '1', options: { nodes: 2 } });
    const known = checkersOf({ subject, seed, options, schedule });
    for (const expect of ['pass', 'Engine', 'Agreement', 'CommonPrefix']) checkExpect({ expect }, known);
    for (const expected of ['agreement', 'passed', 'PosTally']) {
      expect(() => checkExpect({ expect: expected }, known)).toThrowError(
        expect.objectContaining({ code: 'scenario/expect', message: expect.stringContaining('Engine, ') }),
      );
    }
  });

  it.each([
    [{ fault: 'crash', node: 3, ...TIMES }, 'schedule[0].node'],
    [{ fault: 'partition', side: [0, 3], direction: 'both', ...TIMES }, 'schedule[0].side[1]'],
    [{ fault: 'partition', side: [0, -1], direction: 'both', ...TIMES }, 'schedule[0].side[1]'],
    [{ fault: 'clogLink', from: 0, to: 3, ...TIMES }, 'schedule[0].to'],
    [{ fault: 'cutLink', from: 1, to: 1, ...TIMES }, 'schedule[0].to'],
    [{ fault: 'meteor', node: 0, ...TIMES }, 'schedule[0].fault'],
    [{ fault: 'crash', node: 0, atMs: -1, forMs: 1 }, 'schedule[0].atMs'],
    [{ fault: 'noise', loss: 1.5, duplicate: 0, reorder: 0, ...TIMES }, 'schedule[0].loss'],
    [{ fault: 'crash', node: 0, loss: 0.1, ...TIMES }, 'schedule[0].loss'],
  ])('names the place of %o', (fault, place) => {
    expect(problemOf({ ...SCENARIO, schedule: [fault] })).toMatchObject({ code: 'scenario/field', fields: { at: place } });
  });

  it('is refused when it is of another format, or no document at all', () => {
    expect(problemOf({ ...SCENARIO, format: 'synod-scenario/2' }).code).toBe('scenario/format');
    for (const junk of [undefined, null, 1, 'text', []]) expect(problemOf(junk).fields.at).toBe('the document');
  });

  it('is refused however deep or long it is', () => {
    const deep: unknown = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
    for (const broken of [deep, { ...SCENARIO, schedule: deep }, { ...SCENARIO, note: deep }, { ...SCENARIO, format: deep }]) {
      expect(problemOf(broken).code).toMatch(/^scenario\//);
    }
    expect(problemOf({ ...SCENARIO, options: { ...SCENARIO.options, engine: { deep } } }).code).toBe('scenario/field');
    expect(problemOf({ ...SCENARIO, schedule: new Array(100_001).fill(FAULTS[0]) }).fields.at).toBe('schedule');
    expect(problemOf({ ...SCENARIO, note: 'x'.repeat(100_000) }).message.length).toBeLessThan(300);
  });

  it('never meets an error that is not of this kind', () => {
    const anything = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<unknown>;
    const likely = fc.constantFrom(...placesIn(document()));
    fc.assert(
      fc.property(likely, anything, (path, value) => {
        const broken = document();
        parentIn(broken, path)[path.at(-1) ?? ''] = value;
        try {
          expect(at(parseScenario(broken), path)).toEqual(value);
        } catch (error) {
          if (!(error instanceof UsageError)) throw error;
        }
      }),
      { seed: 2, numRuns: 500 },
    );
    fc.assert(
      fc.property(anything, (value) => {
        expect(() => readFault(value, 'here')).toThrowError(expect.objectContaining({ code: 'scenario/field' }));
      }),
      { seed: 3, numRuns: 200 },
    );
  });
});
