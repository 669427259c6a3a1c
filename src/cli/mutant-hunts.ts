/** Hunts of many mutants: each in a process of its own, which plants it, several processes at a time. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { InternalError } from '../base/errors.ts';
import type { Violation } from '../simulator/checkers/checker.ts';
import { type Found, lastFound } from '../simulator/mutants/found.ts';
import type { Mutant } from '../simulator/mutants/mutant.ts';

export interface HuntReport {
  readonly mutant: string;
  readonly seed: string | null;
  readonly violation: Pick<Violation, 'checker' | 'message' | 'atMs' | 'node'> | null;
  readonly found: Found | null;
  readonly isKnown: boolean;
  readonly runs: number;
  readonly others: { readonly [checker: string]: number };
  readonly tookMs: number;
}

export const HOOK = new URL('./mutant-hook.ts', import.meta.url).href;
const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
const RECORDS = fileURLToPath(new URL('../simulator/mutants/found.json', import.meta.url));
/** Most of a short hunt would be compiling what the one before has compiled. */
const COMPILED = fileURLToPath(new URL('../../node_modules/.cache/synod', import.meta.url));
const HUNT_TIMEOUT_MS = 600_000;
const MAX_OUTPUT_BYTES = 1 << 24;

/**
 * Hunts them in their order, `jobs` at a time; each promise is of the mutant at its place in the list. Rejects with InternalError
 * `simulator/hunt` where a process does not answer as a hunt does.
 */
export function startHunts(mutants: readonly Mutant[], jobs: number): readonly Promise<HuntReport>[] {
  const hunts = mutants.map(({ name }) => ({ name, ...Promise.withResolvers<HuntReport>() }));
  const waiting = hunts.values();
  const work = async () => {
    for (const { name, resolve, reject } of waiting) await huntApart(name).then(resolve, reject);
  };
  for (let job = 0; job < jobs; job++) void work();
  return hunts.map(({ promise }) => promise);
}

function huntApart(name: string): Promise<HuntReport> {
  const words = ['--import', HOOK, MAIN, 'simulate', '--mutant', name, '--json'];
  const env = { NODE_COMPILE_CACHE: COMPILED, ...process.env };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, words, { env, timeout: HUNT_TIMEOUT_MS, maxBuffer: MAX_OUTPUT_BYTES }, (error, stdout, stderr) => {
      try {
        // A mutant that survived is an answer too, with exit code 1.
        resolve(JSON.parse(stdout) as HuntReport);
      } catch {
        reject(new InternalError('simulator/hunt', `The hunt for mutant ${name} has no result: ${stderr.trim()}`, { mutant: name }, error));
      }
    });
  });
}

/** Writes down where they were found, for the next time. Of the others that there are (`names`), what is known stays. Answers with the file. */
export function writeFound(names: readonly string[], reports: readonly HuntReport[]): string {
  const now = new Map(reports.map(({ mutant, found }) => [mutant, found]));
  const lines = [...names].sort().flatMap((name) => {
    const found = now.get(name) ?? lastFound(name);
    return found === null ? [] : [`  ${JSON.stringify(name)}: { "seed": ${JSON.stringify(found.seed)}, "faultsMs": ${found.faultsMs} }`];
  });
  writeFileSync(RECORDS, `{\n${lines.join(',\n')}\n}\n`);
  return RECORDS;
}
