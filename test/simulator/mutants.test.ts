/** The test of the tests: bugs that others made are planted, each in a process of its own, and a checker must find each. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Violation } from '../../src/simulator/checkers/checker.ts';
import { planHunt } from '../../src/simulator/mutants/hunt.ts';
import { type Mutant, plant } from '../../src/simulator/mutants/mutant.ts';
import { MUTANTS } from '../../src/simulator/mutants/registry.ts';
import { carryOut } from '../../src/simulator/run.ts';
import { knownSubject } from '../../src/simulator/subjects/registry.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const HOOK = new URL('../../src/cli/mutant-hook.ts', import.meta.url).href;
/** One for each core of the smallest machine that this runs on. */
const PROCESSES = 2;
const HUNT_TIMEOUT_MS = 600_000;

interface Report {
  readonly seed: string | null;
  readonly violation: { readonly checker: string; readonly message: string } | null;
  readonly runs: number;
  readonly others: { readonly [checker: string]: number };
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(...args: readonly string[]): Promise<Ended> {
  const { promise, resolve } = Promise.withResolvers<Ended>();
  const child = execFile(process.execPath, args, { cwd: ROOT, timeout: HUNT_TIMEOUT_MS, maxBuffer: 1 << 24 }, (_error, stdout, stderr) =>
    resolve({ code: child.exitCode, stdout, stderr }),
  );
  return promise;
}

/** Hunts a few at a time, in the order of the list; each test waits for its own. */
function startHunts(): ReadonlyMap<string, Promise<Ended>> {
  const waiting = MUTANTS.map(({ name }) => ({ name, ...Promise.withResolvers<Ended>() }));
  const hunts = new Map(waiting.map(({ name, promise }) => [name, promise]));
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      next.resolve(await run('--import', HOOK, MAIN, 'simulate', '--mutant', next.name, '--json'));
    }
  };
  for (let i = 0; i < PROCESSES; i++) void work();
  return hunts;
}

describe('mutants', () => {
  it('have names of their own and an engine that the simulator knows', () => {
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
    for (const { engine } of MUTANTS) expect(knownSubject(engine)).toBeDefined();
    expect(MUTANTS.length).toBeGreaterThanOrEqual(25);
  });

  it.each(MUTANTS)('$name fits the code as it is', (mutant) => {
    const file = new URL(`../../src/${mutant.file}`, import.meta.url);
    expect(existsSync(file)).toBe(true);
    const text = readFileSync(file, 'utf8');
    expect(plant(mutant, text)).not.toBe(text);
  });

  const [some] = MUTANTS;
  const edited = (find: string): Mutant => ({ ...(some as Mutant), edits: [{ find, replace: 'b' }] });

  it.each([
    ['is not there', 'x'],
    ['is there twice', 'a'],
  ])('are refused when their text %s', (_case, find) => {
    expect(() => plant(edited(find), 'a, a')).toThrow(expect.objectContaining({ code: 'simulator/mutant-text' }));
  });

  it('stop the process that loads a file in which their text is not', async () => {
    const mutant = { ...edited('no such text'), file: 'consensus/pow/asert.ts' };
    const script = `
      const { plantMutant } = await import('./src/cli/mutant-hook.ts');
      plantMutant(${JSON.stringify(mutant)});
      await import('./src/consensus/pow/asert.ts').catch((error) => console.log(error.code));`;
    const { stdout } = await run('--input-type=module', '--eval', script);
    expect(stdout.trim()).toBe('simulator/mutant-text');
  });

  it('stop the process that had loaded their file before', async () => {
    const mutant = { ...edited('export function asertTarget'), file: 'consensus/pow/asert.ts' };
    const script = `
      await import('./src/consensus/pow/asert.ts');
      const { plantMutant } = await import('./src/cli/mutant-hook.ts');
      const planted = plantMutant(${JSON.stringify(mutant)});
      await import('./src/consensus/pow/asert.ts');
      try { planted.assertLoaded(); } catch (error) { console.log(error.code); }`;
    const { stdout } = await run('--input-type=module', '--eval', script);
    expect(stdout.trim()).toBe('simulator/mutant-not-loaded');
  });

  it('are known by name only', async () => {
    const { code, stderr } = await run(MAIN, 'simulate', '--mutant', 'pow/none');
    expect(code).toBe(2);
    expect(stderr).toContain('arguments/mutant');
  });

  it('are planted by the command itself, and run like any seed', async () => {
    const { code, stdout } = await run(MAIN, 'simulate', '--mutant', 'pow/work-twice', '--seed', '1', '--json');
    expect(code).toBe(1);
    expect((JSON.parse(stdout) as { readonly violations: readonly Violation[] }).violations[0]?.checker).toBe('WorkExact');
  });
});

describe('the hunt', () => {
  let hunts: ReadonlyMap<string, Promise<Ended>>;
  beforeAll(() => {
    hunts = startHunts();
  });

  it.each(MUTANTS)(
    'finds $name within $maxSeeds seeds, and nothing where it is not planted',
    async (mutant) => {
      const ended = await hunts.get(mutant.name);
      const report = JSON.parse(ended?.stdout || 'null') as Report | null;
      expect(report, ended?.stderr).not.toBeNull();
      expect(report?.seed, `survived ${report?.runs} seeds; other objections: ${JSON.stringify(report?.others)}`).not.toBeNull();
      expect(mutant.finders).toContain(report?.violation?.checker);
      expect(ended?.code).toBe(0);
      const subject = knownSubject(mutant.engine);
      if (subject === undefined || report?.seed == null) return;
      const { violations } = carryOut(planHunt(mutant, subject, report.seed));
      expect(violations.filter(({ expected }) => !expected)).toEqual([]);
    },
    HUNT_TIMEOUT_MS,
  );
});
