/**
 * The test of the tests: bugs that others made are planted, each in a process of its own, and a checker must find each. A hunt
 * begins with the run that showed its mutant last time (`src/simulator/mutants/found.json`), which is what makes this quick.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { type HuntReport, startHunts } from '../../src/cli/mutant-hunts.ts';
import { movedText } from '../../src/cli/simulate-mutants.ts';
import type { Violation } from '../../src/simulator/checkers/checker.ts';
import { planHunt } from '../../src/simulator/mutants/hunt.ts';
import { type Mutant, plant } from '../../src/simulator/mutants/mutant.ts';
import { MUTANTS } from '../../src/simulator/mutants/registry.ts';
import { carryOut } from '../../src/simulator/run.ts';
import { knownSubject } from '../../src/simulator/subjects/registry.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
/** One for each core of the smallest machine that this runs on. */
const PROCESSES = 2;
const HUNT_TIMEOUT_MS = 600_000;

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
  let hunts: readonly Promise<HuntReport>[] = [];
  beforeAll(() => {
    hunts = startHunts(MUTANTS, PROCESSES);
    // Each test waits for its own.
    void Promise.allSettled(hunts);
  });

  it.each(MUTANTS.map((mutant, index) => ({ mutant, index, name: mutant.name, maxSeeds: mutant.maxSeeds })))(
    'finds $name within $maxSeeds seeds, and nothing where it is not planted',
    async ({ mutant, index }) => {
      const report = await hunts[index];
      const { runs, others, found } = report ?? {};
      expect(found, `survived ${runs} seeds; other objections: ${JSON.stringify(others)}`).not.toBeNull();
      expect(mutant.finders).toContain(report?.violation?.checker);
      const subject = knownSubject(mutant.engine);
      if (report === undefined || subject === undefined || found == null) return;
      const moved = movedText(report);
      if (moved !== null) console.warn(moved);
      const { violations } = carryOut(planHunt(mutant, subject, found.seed, found.faultsMs));
      expect(violations.filter(({ expected }) => !expected)).toEqual([]);
    },
    HUNT_TIMEOUT_MS,
  );
});
