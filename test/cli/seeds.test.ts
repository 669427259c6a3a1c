import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { durationOption } from '../../src/cli/options.ts';
import { Line, LongRun } from '../../src/cli/seeds/long-run.ts';
import { longDocument, longText, progressLine } from '../../src/cli/seeds/report.ts';
import type { SeedReport, SeedTask } from '../../src/cli/seeds/task.ts';
import { runOnThreads } from '../../src/cli/seeds/threads.ts';
import { simulateLong } from '../../src/cli/simulate-long.ts';
import { run } from '../../src/simulator/run.ts';
import { parseScenario } from '../../src/simulator/scenario.ts';
import { powSubject } from '../../src/simulator/subjects/pow.ts';

const SHORT = { options: { nodes: 3, faultsMs: 60_000 } };
const LONG = fileURLToPath(new URL('../long.ts', import.meta.url));
const TUTORIAL = new URL('../../src/simulator/tutorial/engine.ts', import.meta.url).href;

/** A user's engine that does this when it is told of the first timer. */
const thatDoes = (work: string) => `
import { createEngine as sound } from ${JSON.stringify(TUTORIAL)};
export function createEngine(...values) {
  const engine = sound(...values);
  const step = (state, event, context) => {
    if (event.type === 'timer') ${work};
    return engine.step(state, event, context);
  };
  return Object.assign(Object.create(engine), engine, { step });
}
`;

function* tasks(engine: string, seeds: number, task: Partial<SeedTask> = SHORT): Generator<SeedTask, undefined> {
  for (let seed = 1; seed <= seeds; seed++) yield { ...task, engine, seed: String(seed) };
}

let directory = '';
let broken = '';
let leaving = '';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'synod-seeds-'));
  broken = join(directory, 'broken.mjs');
  await writeFile(broken, thatDoes("throw new TypeError('planted')"));
  leaving = join(directory, 'leaving.mjs');
  await writeFile(leaving, thatDoes('process.reallyExit(3)'));
});

afterAll(() => rm(directory, { recursive: true, force: true }));

describe('seeds on threads', () => {
  it('give what they give on one, each once', async () => {
    const reports: SeedReport[] = [];
    await runOnThreads({ jobs: 2, tasks: tasks('pow', 4, { ...SHORT, isRepeated: true }), onReport: (report) => reports.push(report) });
    const found = new Map(reports.map(({ seed, traceHash }) => [seed, traceHash]));
    for (const seed of ['1', '2', '3', '4']) expect(found.get(seed)).toBe(run({ subject: powSubject, seed, ...SHORT }).traceHash);
    expect(reports).toHaveLength(4);
    for (const { ok, isStable, scenario, heapBytes } of reports) {
      expect({ ok, isStable, scenario }).toEqual({ ok: true, isStable: true, scenario: null });
      expect(heapBytes).toBeGreaterThan(0);
    }
  });

  it('come with a scenario of what failed, made small', async () => {
    const reports: SeedReport[] = [];
    await runOnThreads({ jobs: 1, tasks: tasks(broken, 1, { ...SHORT, isShrunk: true }), onReport: (report) => reports.push(report) });
    const [report] = reports;
    expect(report).toMatchObject({ ok: false, engine: broken, violations: [{ checker: 'Engine', expected: false }] });
    expect(report?.violations[0]?.message).toContain('planted');
    const scenario = parseScenario(JSON.parse(report?.scenario ?? ''));
    expect(scenario).toMatchObject({ engine: broken, seed: '1', expect: 'Engine', schedule: [] });
  });

  it('end with the seed at which a thread died', async () => {
    const dying = runOnThreads({ jobs: 2, tasks: tasks('nonesuch', 1), onReport: () => undefined });
    await expect(dying).rejects.toMatchObject({ code: 'simulator/thread', fields: { seed: '1' }, cause: { name: 'UsageError' } });
  });

  it('go on in another thread where one dies over an engine of a user: that is a failure of its seed', async () => {
    const reports: SeedReport[] = [];
    await runOnThreads({ jobs: 1, tasks: tasks(leaving, 2), onReport: (report) => reports.push(report) });
    expect(reports.map(({ seed, ok }) => ({ seed, ok }))).toEqual([
      { seed: '1', ok: false },
      { seed: '2', ok: false },
    ]);
    const message = 'The thread that ran it died: it ended its process.';
    expect(reports[0]?.violations).toEqual([{ checker: 'Engine', atMs: 0, node: -1, message, expected: false }]);
  });

  it('end with what the receiver of a report throws', async () => {
    const refusing = () => {
      throw new RangeError('no more');
    };
    await expect(runOnThreads({ jobs: 1, tasks: tasks('pow', 9), onReport: refusing })).rejects.toThrow('no more');
  });

  it('stop at once when they are told to', async () => {
    const stop = new AbortController();
    const reports: SeedReport[] = [];
    const onReport = (report: SeedReport) => {
      reports.push(report);
      stop.abort();
    };
    await runOnThreads({ jobs: 1, tasks: tasks('pow', 1_000_000), onReport, signal: stop.signal });
    expect(reports).toHaveLength(1);
  });
});

describe('a long run', () => {
  it('says what it cost, reached and broke', async () => {
    const found: SeedReport[] = [];
    const stop = new AbortController();
    const long = new LongRun({
      engines: ['pow', broken],
      durationMs: 60_000,
      seed: 7,
      jobs: 1,
      ...SHORT,
      signal: stop.signal,
      onFailure: (report) => {
        found.push(report);
        stop.abort();
      },
    });
    await long.run();
    expect(long.failed).toBe(1);
    expect(found.map(({ seed }) => seed)).toEqual(['7']);
    expect(progressLine(long)).toMatch(/2 seeds .*RSS \d+ MB {2}1 failed$/);
    const text = longText(long);
    expect(text).toContain('planted');
    expect(text).toMatch(/RSS\): \d+ MB at the start, \d+ MB now, \d+ MB at most; trend not known after so short a time/);
    expect(text).toMatch(/heap of a thread: \d+ MB after the first run, \d+ MB after the last, \d+ MB at most/);
    expect(text).toContain(`again: synod simulate --engine ${broken} --seed 7 --nodes 3 --duration 60`);
    const document = longDocument(long);
    expect(document).toMatchObject({ threads: 1, failed: 1, engines: { pow: { runs: 1 }, [broken]: { runs: 1 } } });
    expect(document.memory.maxBytes).toBeGreaterThanOrEqual(document.memory.startBytes);
  });

  it('knows how steep a line is', () => {
    const line = new Line();
    for (const x of [1, 2, 3, 4]) line.add(x, 100 + 7 * x + (x % 2));
    expect(line.slope).toBeCloseTo(7 - 0.2);
  });

  it('reports a thread that died over an engine of a user with what came of the others', async () => {
    const written: string[] = [];
    const spy = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => written.push(String(chunk)) > 0);
    const { exitCode } = process;
    try {
      await simulateLong({ engines: [leaving, 'pow'], durationMs: 60_000, seed: 1, lastSeed: 1, jobs: 1, ...SHORT });
      expect(process.exitCode).toBe(1);
    } finally {
      process.exitCode = exitCode;
      spy.mockRestore();
    }
    const text = written.join('');
    expect(text).toContain(`${leaving}, seed 1: Engine: The thread that ran it died`);
    expect(text).toMatch(/^pow +1 /m);
    expect(text).toContain('memory (RSS)');
  });

  it('gives out no seeds when its time is over', async () => {
    const long = new LongRun({ engines: ['pow'], durationMs: 0, seed: 1, jobs: 2 });
    await long.run();
    expect(long.tallies.get('pow')?.runs).toBe(0);
  });
});

describe('a duration', () => {
  it.each([
    ['90s', 90_000],
    ['10m', 600_000],
    ['1h', 3_600_000],
  ])('%s is read', (text, ms) => expect(durationOption('for')(text)).toBe(ms));

  it.each(['', '10', '0s', '-5m', '1.5h', '721h', '10 m', '1d'])('%j is refused', (text) => {
    expect(() => durationOption('for')(text)).toThrow(expect.objectContaining({ code: 'arguments/for' }));
  });
});

it('the script of long runs saves what failed, and ends with code 1', async () => {
  const parameters = [LONG, '2s', '--engine', broken, '--seed', '3', '--jobs', '1'];
  const ended = promisify(execFile)(process.execPath, parameters, { cwd: directory });
  const { code, stdout, stderr }: { code?: number; stdout: string; stderr: string } = await ended.catch((error) => error);
  expect(code).toBe(1);
  expect(stdout).toContain('planted');
  const [, file = ''] = /saved (\S+);/.exec(stderr) ?? [];
  expect(parseScenario(JSON.parse(await readFile(join(directory, file), 'utf8')))).toMatchObject({ expect: 'Engine', seed: '3' });
}, 60_000);
