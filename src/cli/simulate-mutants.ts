/** `synod simulate --mutant`: plants a bug that somebody once made and looks for a seed that shows it; the test of the tests. */
import { spawn } from 'node:child_process';
import { quote } from '../base/types.ts';
import type { Hunt } from '../simulator/mutants/hunt.ts';
import type { Mutant } from '../simulator/mutants/mutant.ts';
import { knownMutant, MUTANTS } from '../simulator/mutants/registry.ts';
import type { Subject } from '../simulator/subject.ts';
import { type Planted, planted } from './mutant-hook.ts';
import { argumentError, openProgress, print, style } from './output.ts';

export interface HuntFlags {
  readonly seeds?: { readonly from: number; readonly to: number };
  readonly json?: boolean;
}

export function listMutants(json: boolean | undefined): void {
  print(json, MUTANTS, () => MUTANTS.map(mutantText).join('\n\n'));
}

const HOOK = new URL('./mutant-hook.ts', import.meta.url).href;

/** The mutant with which this process was started, or null. Throws `arguments/mutant` for a name that nobody has. */
export function plantedHere(name: string): Planted | null {
  if (knownMutant(name) === undefined) {
    throw argumentError('mutant', `There is no mutant ${quote(name)}; 'synod simulate --mutants' lists them.`);
  }
  return planted?.mutant.name === name ? planted : null;
}

/** The same command once more, in a process that plants its mutant before it loads anything. Takes over its exit code. */
export function runPlanted(): Promise<void> {
  const [, script = '', ...words] = process.argv;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const child = spawn(process.execPath, [...process.execArgv, '--import', HOOK, script, ...words], { stdio: 'inherit' });
  child.once('error', reject);
  child.once('exit', (code) => {
    process.exitCode = code ?? 1;
    resolve();
  });
  return promise;
}

/** One seed after another until one shows the planted mutant. Exit code 1 when it survives. */
export async function huntMutant(mutant: Mutant, subject: Subject, { seeds, json }: HuntFlags): Promise<void> {
  const { hunt } = await import('../simulator/mutants/hunt.ts');
  const { seedRange } = await import('../simulator/batch.ts');
  const { from, to } = seeds ?? { from: 1, to: mutant.maxSeeds };
  const progress = openProgress('seeds', { total: to - from + 1 });
  const startedMs = performance.now();
  const result = hunt(mutant, subject, seedRange(from, to), (runs) => progress.update(runs));
  progress.end();
  const tookMs = Math.round(performance.now() - startedMs);
  print(json, { mutant: mutant.name, ...result, others: Object.fromEntries(result.others), tookMs }, () =>
    [mutantText(mutant), huntText(mutant, result, tookMs)].join('\n\n'),
  );
  if (result.seed === null) process.exitCode = 1;
}

function mutantText({ name, file, story, source, finders, maxSeeds, adversary }: Mutant): string {
  const who = adversary === undefined ? '' : `, with an adversary that is ${quote(adversary)}`;
  return [
    `${style('bold', name)}  in src/${file}`,
    `  ${story}`,
    `  Source: ${source}.`,
    `  To be found by ${finders.join(' or ')} within ${maxSeeds} seeds${who}.`,
  ].join('\n');
}

function huntText({ name }: Mutant, { seed, violation, runs, others }: Hunt, tookMs: number): string {
  const rest = [...others].map(([checker, count]) => `${checker} ${count} times`).join(', ');
  const besides = rest === '' ? '' : `\nother objections: ${rest}`;
  if (seed === null || violation === null) return `${style('red', 'survived')}  ${runs} seeds${besides}`;
  const { checker, atMs, node, message } = violation;
  const where = `${(atMs / 1_000).toFixed(3)} s${node < 0 ? '' : `, node ${node}`}`;
  return [
    `${style('green', 'found')}  by ${checker} with seed ${seed}, after ${runs} runs (${(tookMs / 1_000).toFixed(1)} s)${besides}`,
    `  at ${where}: ${message}`,
    `see it: synod simulate --mutant ${name} --seed ${seed}`,
  ].join('\n');
}
