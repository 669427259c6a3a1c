/** `synod simulate`: one run, many, or that of a scenario, and what becomes of a failure. */
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { UsageError } from '../base/errors.ts';
import { quote } from '../base/types.ts';
import type { Plan, Result } from '../simulator/run.ts';
import type { Subject } from '../simulator/subject.ts';
import type { TraceSink } from '../simulator/trace.ts';
import { note, openProgress, print } from './output.ts';
import { limitsOf, optionsOf, type SimulateFlags } from './simulate-flags.ts';
import { commandOf, drawAgain, joinSinks, openPicture } from './simulate-html.ts';
import { loadSubject, openScenario } from './simulate-subject.ts';
import { runnerOf } from './simulate-tier.ts';

export const MAX_SEED = Number.MAX_SAFE_INTEGER;

export async function runOne(flags: SimulateFlags, subject: Subject): Promise<void> {
  const runner = await runnerOf(flags.tier);
  const plan = runner.plan({ subject, seed: String(flags.seed ?? 1), options: optionsOf(flags), pace: flags.pace ?? 1 });
  const result = await carryOutAndPrint(flags, plan);
  if (!result.ok) return failed(flags, result);
  if (flags.save !== undefined) await save(flags.save, result, flags.mutant);
}

export async function runMany(flags: SimulateFlags, subject: Subject): Promise<void> {
  const { runBatchIn, seedRange } = await import('../simulator/batch.ts');
  const { batchDocument, batchText, planText, resultText } = await import('./simulate-report.ts');
  const { from, to } = flags.seeds ?? { from: flags.seed ?? 1, to: MAX_SEED };
  const progress = openProgress('seeds', to === MAX_SEED ? {} : { total: to - from + 1 });
  const startedMs = performance.now();
  let done = 0;
  const batch = await runBatchIn(await runnerOf(flags.tier), {
    subject,
    seeds: seedRange(from, to),
    options: optionsOf(flags),
    ...limitsOf(flags),
    pace: flags.pace ?? 1,
    twiceEvery: 50,
    onResult: (result) => {
      progress.update(++done, `seed ${result.plan.seed}`);
      return result.ok || flags.untilFailure !== true;
    },
  });
  progress.end();
  const tookMs = performance.now() - startedMs;
  print(flags.json, batchDocument(batch, tookMs), () => batchText(batch, tookMs));
  const [failure] = batch.failed;
  if (failure === undefined && flags.html !== undefined) note('No run failed, so none is drawn.');
  if (failure === undefined && batch.unstable.length === 0) return;
  process.exitCode = 1;
  if (failure === undefined) return;
  note(planText(failure.plan));
  const again = commandOf(process.argv.slice(2), failure.plan.seed);
  note(resultText(failure, again));
  if (flags.shrink !== true) await drawAgain(flags, failure.plan, again, limitsOf(flags));
  await failed(flags, failure);
}

export async function runScenario(flags: SimulateFlags, file: string): Promise<void> {
  const { checkExpect } = await import('../simulator/scenario.ts');
  const { expect, engine, tier, seed, options, schedule } = await openScenario(file);
  const subject = await loadSubject(engine, `The engine of ${quote(file)}`);
  const plan = { tier, subject, seed, options, schedule };
  checkExpect({ expect }, await (await runnerOf(tier)).checkersOf(plan));
  const result = await carryOutAndPrint(flags, plan);
  const found = result.violations.find(({ expected }) => !expected)?.checker ?? 'pass';
  if (found !== expect) process.exitCode = 1;
  note(`The scenario expects ${quote(expect)}; the run ended with ${quote(found)}.`);
  if (!result.ok && flags.shrink === true) await shrinkAndSave(flags, result);
  else if (flags.save !== undefined) await save(flags.save, result, flags.mutant);
}

export async function carryOutAndPrint(flags: SimulateFlags, plan: Plan): Promise<Result> {
  const runner = await runnerOf(plan.tier);
  const { planText, resultDocument, resultText } = await import('./simulate-report.ts');
  note(planText(plan));
  const sink = flags.trace === undefined ? null : await openTrace(flags.trace);
  const picture = flags.html === undefined ? null : await openPicture(flags.html, flags, plan.options.nodes);
  const startedMs = performance.now();
  try {
    const result = await runner.carryOut(plan, joinSinks(sink?.write, picture?.sink), limitsOf(flags));
    const tookMs = performance.now() - startedMs;
    const again = commandOf(process.argv.slice(2), flags.scenario === undefined ? plan.seed : null);
    print(flags.json, resultDocument(result, tookMs), () => resultText(result, again, tookMs));
    const { faultsMs } = result.plan.options;
    if (faultsMs < plan.options.faultsMs) note(`Faults ended after ${faultsMs / 1_000} s, when the run had as many events as it may have.`);
    picture?.write(result, again);
    return result;
  } finally {
    sink?.close();
  }
}

export async function failed(flags: SimulateFlags, result: Result): Promise<void> {
  process.exitCode = 1;
  if (flags.shrink === true) await shrinkAndSave(flags, result);
  else if (flags.save !== undefined) await save(flags.save, result, flags.mutant);
}

async function shrinkAndSave(flags: SimulateFlags, failure: Result): Promise<void> {
  const { checkerOf, failsLike, shrinkIn } = await import('../simulator/shrink.ts');
  const runner = await runnerOf(failure.plan.tier);
  // What somebody else saw in it (a case of the suite, another process) may not be there to be seen again.
  const result = await runner.carryOut(failure.plan);
  if (!failsLike(result, failure)) return note(notAgain(flags, failure, checkerOf(failure) ?? 'anything'));
  const progress = openProgress('shrinking');
  const shrunk = await shrinkIn(runner, result, (faults, runs) => progress.update(runs, `${faults} faults left`));
  progress.end();
  note(`${result.plan.schedule.length} faults before, ${shrunk.result.plan.schedule.length} after ${shrunk.runs} runs`);
  const file = flags.save ?? `scenario-${result.plan.seed}.json`;
  await save(file, shrunk.result, flags.mutant);
  await drawAgain(flags, shrunk.result.plan, commandOf(['simulate', '--scenario', file, '--html', flags.html ?? ''], null));
}

function notAgain({ engine = 'pow', conformance, seed }: SimulateFlags, failure: Result, checker: string): string {
  const what = `Nothing was shrunk or saved: carried out again by itself, the run does not fail by ${checker}.`;
  if (conformance === undefined) return `${what} The engine depends on something besides its events, or on how busy the machine is.`;
  const [, id = conformance, number = seed] = /^conformance-(.+)-(\d+)$/.exec(failure.plan.seed) ?? [];
  const command = `synod simulate --engine ${engine} --conformance ${id} --seed ${number} --trace trace.ndjson`;
  return `${what} The case looks at it with instruments of its own; see it with them: ${command}`;
}

/** `mutant`: what was planted; the file does not say it. */
export async function save(file: string, result: Result, mutant?: string): Promise<void> {
  const { formatScenario, scenarioOf } = await import('../simulator/scenario.ts');
  writeOrExplain(file, () => writeFileSync(file, formatScenario(scenarioOf(result, result.violations[0]?.message ?? ''))));
  note(`saved ${file}; run it with: synod simulate ${mutant === undefined ? '' : `--mutant ${mutant} `}--scenario ${file}`);
}

export async function openTrace(file: string): Promise<{ readonly write: TraceSink; close(): void }> {
  const { traceLine } = await import('../simulator/trace.ts');
  const descriptor = writeOrExplain(file, () => openSync(file, 'w'));
  return {
    write: (entry) => {
      writeSync(descriptor, `${traceLine(entry)}\n`);
    },
    close: () => closeSync(descriptor),
  };
}

function writeOrExplain<T>(file: string, write: () => T): T {
  try {
    return write();
  } catch (cause) {
    throw new UsageError('cli/unwritable-file', `Cannot write ${quote(file)}`, {}, cause);
  }
}
