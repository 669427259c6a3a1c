/** `synod simulate --mutant`: plants a bug that somebody once made and looks for a seed that shows it; the test of the tests. */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { quote } from '../base/types.ts';
import { lastFound } from '../simulator/mutants/found.ts';
import type { Mutant } from '../simulator/mutants/mutant.ts';
import { knownMutant, MUTANTS } from '../simulator/mutants/registry.ts';
import type { Subject } from '../simulator/subject.ts';
import { type Planted, planted } from './mutant-hook.ts';
import { HOOK, type HuntReport, startHunts, writeFound } from './mutant-hunts.ts';
import { argumentError, note, openProgress, print, style, warn } from './output.ts';

export interface HuntFlags {
  readonly seeds?: { readonly from: number; readonly to: number };
  readonly jobs?: number;
  /** Write down where they are found. */
  readonly update?: boolean;
  readonly json?: boolean;
}

export function listMutants(json: boolean | undefined): void {
  print(json, MUTANTS, () => MUTANTS.map(mutantText).join('\n\n'));
}

/** All of them, in processes of their own. Exit code 1 when one survives. */
export async function huntMutants({ jobs = availableParallelism(), update, json }: HuntFlags): Promise<void> {
  const progress = openProgress('mutants', { total: MUTANTS.length });
  const reports: HuntReport[] = [];
  for (const hunt of startHunts(MUTANTS, jobs)) {
    const report = await hunt;
    reports.push(report);
    progress.update(reports.length, report.mutant);
    if (update !== true) warnOfMoved(report);
  }
  progress.end();
  const survivors = reports.filter(({ seed }) => seed === null);
  const [count, total] = [reports.length - survivors.length, reports.length];
  print(json, reports, () => [...survivors.map(huntText), `${count} of ${total} mutants found`].join('\n'));
  if (update === true) write(reports);
  if (survivors.length > 0) process.exitCode = 1;
}

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

/**
 * The run that showed the planted mutant last time, and if it does no more (or seeds are given), one seed after another until
 * one does. Exit code 1 when it survives.
 */
export async function huntMutant(mutant: Mutant, subject: Subject, { seeds, update, json }: HuntFlags): Promise<void> {
  const { hunt } = await import('../simulator/mutants/hunt.ts');
  const { seedRange } = await import('../simulator/batch.ts');
  const { from, to } = seeds ?? { from: 1, to: mutant.maxSeeds };
  const known = seeds === undefined ? lastFound(mutant.name) : null;
  const progress = openProgress('seeds', { total: to - from + 1 });
  const startedMs = performance.now();
  const result = hunt({ mutant, subject, seeds: seedRange(from, to), known, onRun: (runs) => progress.update(runs) });
  progress.end();
  const tookMs = Math.round(performance.now() - startedMs);
  const report: HuntReport = { mutant: mutant.name, ...result, others: Object.fromEntries(result.others), tookMs };
  print(json, report, () => [mutantText(mutant), huntText(report)].join('\n\n'));
  if (update === true) write([report]);
  else if (seeds === undefined && json !== true) warnOfMoved(report);
  if (result.seed === null) process.exitCode = 1;
}

function write(reports: readonly HuntReport[]): void {
  const file = writeFound(
    MUTANTS.map(({ name }) => name),
    reports,
  );
  note(`saved ${file}`);
}

function warnOfMoved(report: HuntReport): void {
  const moved = movedText(report);
  if (moved !== null) warn(moved);
}

/** Where a mutant is found now, if that is not where it was found last; it makes its hunt longer. */
export function movedText({ mutant, seed, isKnown }: HuntReport): string | null {
  if (seed === null || isKnown) return null;
  const before = lastFound(mutant);
  const last = before === null ? 'nothing was written down' : `it was seed ${before.seed} last`;
  return `${mutant} is found with seed ${seed} (${last}); write it down with: synod simulate --mutant ${mutant} --update`;
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

function huntText({ mutant, seed, violation, runs, others, tookMs }: HuntReport): string {
  const rest = Object.entries(others).map(([checker, count]) => `${checker} ${count} times`);
  const besides = rest.length === 0 ? '' : `\nother objections: ${rest.join(', ')}`;
  if (seed === null || violation === null) return `${style('red', 'survived')}  ${mutant}, ${runs} seeds${besides}`;
  const { checker, atMs, node, message } = violation;
  const where = `${(atMs / 1_000).toFixed(3)} s${node < 0 ? '' : `, node ${node}`}`;
  return [
    `${style('green', 'found')}  by ${checker} with seed ${seed}, after ${runs} runs (${(tookMs / 1_000).toFixed(1)} s)${besides}`,
    `  at ${where}: ${message}`,
    `see it: synod simulate --mutant ${mutant} --seed ${seed}`,
  ].join('\n');
}
