/** `synod simulate`: networks of any engine in a world that fails on purpose. */
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import type { Command } from 'commander';
import { UsageError } from '../base/errors.ts';
import { quote } from '../base/types.ts';
import { describe } from '../simulator/describe.ts';
import type { Options } from '../simulator/options.ts';
import type { Plan, Result, RunLimits } from '../simulator/run.ts';
import type { Subject } from '../simulator/subject.ts';
import type { TierName } from '../simulator/tier.ts';
import type { TraceSink } from '../simulator/trace.ts';
import { durationOption, integerOption, readJsonFile } from './options.ts';
import { argumentError, note, openProgress, print } from './output.ts';
import { MAX_JOBS } from './seeds/limits.ts';
import { commandOf, drawAgain, joinSinks, openPicture, type PictureFlags, secondsOption } from './simulate-html.ts';
import { runnerOf, tierOption } from './simulate-tier.ts';

interface SimulateFlags extends PictureFlags {
  readonly engine?: string;
  readonly seed?: number;
  readonly seeds?: { readonly from: number; readonly to: number };
  readonly untilFailure?: boolean;
  readonly shrink?: boolean;
  readonly save?: string;
  readonly trace?: string;
  readonly scenario?: string;
  readonly script?: string;
  readonly update?: boolean;
  readonly tier?: TierName;
  readonly nodes?: number;
  readonly duration?: number;
  readonly events?: number;
  /** In ms of real time. */
  readonly for?: number;
  readonly jobs?: number;
  readonly mutant?: string;
  readonly mutants?: boolean;
  readonly conformance?: string | true;
  readonly json?: boolean;
}

const MAX_SEED = Number.MAX_SAFE_INTEGER;
const MAX_EVENTS = 1_000_000_000;
/** No engine has such a name. */
const MODULE_FILE = /[./\\]/;

export function registerSimulate(program: Command): void {
  program
    .command('simulate')
    .description('run networks in virtual time, with faults drawn from a seed, and check what must hold')
    .option('--engine <name|file>', 'an engine that synod knows, or a module that exports createEngine')
    .option('--seed <n>', 'one run (default: 1)', integerOption('seed', 0, MAX_SEED))
    .option('--seeds <a..b>', 'many runs, one for each seed', seedsOption)
    .option('--until-failure', 'go on with the next seeds until one fails')
    .option('--shrink', 'make a failing run as small as it goes, and save it as a scenario')
    .option('--save <file>', 'where the scenario of a failure (or of the one run) is written')
    .option('--trace <file>', 'write all that happened in the one run, a JSON document a line')
    .option('--html <file>', 'draw the one run, or the first that failed: a page that any browser opens')
    .option('--html-from <seconds>', 'draw messages only from this virtual time on', secondsOption('html-from'))
    .option('--html-to <seconds>', 'draw messages only up to this virtual time', secondsOption('html-to'))
    .option('--scenario <file>', 'run what a scenario file says')
    .option('--script <file>', 'play a text scenario: commands, and what the network did after each of them')
    .option('--update', 'with --script: write what the network did into the file')
    .option('--tier <light|real>', "what is below the driver: a light ledger (default), or a node's own store, EVM and pool", tierOption)
    .option('--nodes <n>', 'how many nodes, instead of drawing', integerOption('nodes', 2, 32))
    .option('--duration <seconds>', 'how long faults happen, in virtual time', integerOption('duration', 1, 10_000_000))
    .option('--events <n>', 'faults end after so many events, should that be sooner', integerOption('events', 1, MAX_EVENTS))
    .option('--for <duration>', 'run seeds from --seed on for so long (90s, 10m, 1h), on several threads', durationOption('for'))
    .option('--jobs <n>', 'threads for --for (default: one for each core)', integerOption('jobs', 1, MAX_JOBS))
    .option('--conformance [case]', 'the suite that every engine has to pass (what --engine <file> alone does), or one case of it')
    .option('--mutants', 'list the bugs that can be planted, each with its story')
    .option('--mutant <name>', 'plant a bug in this process, and look for a seed that shows it')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Exit code 1 when something was violated that the faults do not excuse, or when a planted bug was not found.

Examples:
  synod simulate --seed 7
  synod simulate --seeds 1..300
  synod simulate --for 10m
  synod simulate --seed 7 --html run.html
  synod simulate --engine ./my-engine.ts
  synod simulate --engine ./my-engine.ts --until-failure --shrink
  synod simulate --tier real --seeds 1..20
  synod simulate --scenario scenario-7.json --trace trace.ndjson
  synod simulate --script test/simulator/text/pow/tie.txt
  synod simulate --mutant pow/longest-chain`,
    )
    .action(simulate);
}

/** Of an engine's, as a rule: a run is synchronous, so it is over by then and its result is printed. */
function promiseFailed(reason: unknown): void {
  process.exitCode = 1;
  note(`A promise failed that nobody waits for: ${describe(reason)}. An engine answers at once; it makes no promises.`);
}

/** What makes no sense beside each of these. */
const EXCLUDED: readonly (readonly [keyof SimulateFlags, readonly (keyof SimulateFlags)[]])[] = [
  ['for', ['seeds', 'untilFailure', 'save', 'trace', 'html', 'scenario', 'script', 'mutant', 'tier']],
  [
    'script',
    ['events', 'seed', 'seeds', 'untilFailure', 'shrink', 'save', 'trace', 'html', 'scenario', 'nodes', 'duration', 'mutant', 'tier'],
  ],
  ['scenario', ['events', 'engine', 'seed', 'seeds', 'untilFailure', 'nodes', 'duration', 'tier']],
  ['mutant', ['tier']],
  ['conformance', ['seeds', 'untilFailure', 'scenario', 'script', 'mutant', 'tier', 'nodes', 'duration', 'events', 'for']],
  ['trace', ['seeds', 'untilFailure']],
];

function checkTogether(flags: SimulateFlags): void {
  for (const [flag, excluded] of EXCLUDED) {
    const other = flags[flag] === undefined ? undefined : excluded.find((name) => flags[name] !== undefined);
    if (other !== undefined) throw argumentError('simulate', `${optionName(flag)} and ${optionName(other)} cannot be given together.`);
  }
}

function optionName(flag: keyof SimulateFlags): string {
  return `--${flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

async function simulate(flags: SimulateFlags): Promise<void> {
  checkTogether(flags);
  process.on('unhandledRejection', promiseFailed);
  if (flags.mutants === true) return (await import('./simulate-mutants.ts')).listMutants(flags.json);
  if (flags.mutant !== undefined) return simulateMutant(flags, flags.mutant);
  if (flags.script !== undefined) return playScript(flags, flags.script);
  if (flags.scenario !== undefined) return runScenario(flags, flags.scenario);
  const subject = await loadSubject(flags.engine ?? 'pow');
  if (flags.for !== undefined) return simulateFor(flags, flags.for);
  if (asksForSuite(flags)) return passSuite(flags, subject);
  if (flags.seeds === undefined && flags.untilFailure !== true) return runOne(flags, subject);
  return runMany(flags, subject);
}

async function simulateFor(flags: SimulateFlags, durationMs: number): Promise<void> {
  const { engine = 'pow', seed = 1, jobs, json } = flags;
  const { simulateLong } = await import('./simulate-long.ts');
  await simulateLong({ engines: [engine], durationMs, seed, jobs, json, options: optionsOf(flags), limits: limitsOf(flags) });
}

/** What a run is made of: who says such a thing wants one run or many. */
const OF_RUNS = ['seed', 'seeds', 'untilFailure', 'nodes', 'duration', 'events', 'tier', 'trace', 'html', 'shrink', 'save'] as const;

/** By name, or by asking for nothing but an engine out of a file. */
function asksForSuite(flags: SimulateFlags): boolean {
  if (flags.conformance !== undefined) return true;
  return flags.engine !== undefined && MODULE_FILE.test(flags.engine) && OF_RUNS.every((name) => flags[name] === undefined);
}

async function passSuite(flags: SimulateFlags, subject: Subject): Promise<void> {
  const { checkConformanceFlags, runConformance } = await import('./simulate-conformance.ts');
  checkConformanceFlags(flags);
  const sink = flags.trace === undefined ? null : await openTrace(flags.trace);
  const failure = runConformance(subject, flags, sink?.write);
  sink?.close();
  const result = failure?.result ?? null;
  if (result === null) return;
  if (flags.shrink !== true) await drawAgain(flags, result.plan, commandOf(process.argv.slice(2), null));
  await failed(flags, result);
}

async function playScript(flags: SimulateFlags, file: string): Promise<void> {
  const { runScript } = await import('./simulate-script.ts');
  await runScript(file, { json: flags.json, engine: flags.engine, update: flags.update }, (engine) =>
    loadSubject(engine, `The engine of ${quote(file)}`),
  );
}

/** Without a seed or a scenario it is a hunt; with one, a run like any other, but for the bug. */
async function simulateMutant(flags: SimulateFlags, name: string): Promise<void> {
  const { huntMutant, plantedHere, runPlanted } = await import('./simulate-mutants.ts');
  const planted = plantedHere(name);
  if (planted === null) return runPlanted();
  const { mutant } = planted;
  const subject = await loadSubject(flags.engine ?? mutant.engine);
  const { planHunt } = await import('../simulator/mutants/hunt.ts');
  planted.assertLoaded();
  if (flags.scenario !== undefined) return runScenario(flags, flags.scenario);
  if (flags.seed === undefined) return huntMutant(mutant, subject, flags);
  note(`planted: ${name}; without --mutant this seed gives another run`);
  const result = await carryOutAndPrint(flags, planHunt(mutant, subject, String(flags.seed)));
  if (!result.ok) return failed(flags, result);
  if (flags.save !== undefined) await save(flags.save, result);
}

async function runOne(flags: SimulateFlags, subject: Subject): Promise<void> {
  const runner = await runnerOf(flags.tier);
  const plan = runner.plan({ subject, seed: String(flags.seed ?? 1), options: optionsOf(flags) });
  const result = await carryOutAndPrint(flags, plan);
  if (!result.ok) return failed(flags, result);
  if (flags.save !== undefined) await save(flags.save, result);
}

async function runMany(flags: SimulateFlags, subject: Subject): Promise<void> {
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

async function runScenario(flags: SimulateFlags, file: string): Promise<void> {
  const { parseScenario } = await import('../simulator/scenario.ts');
  const { expect, engine, tier, seed, options, schedule } = parseScenario(readJsonFile(file, 'scenario'));
  const subject = await loadSubject(engine, `The engine of ${quote(file)}`);
  const result = await carryOutAndPrint(flags, { tier, subject, seed, options, schedule });
  const found = result.violations.find(({ expected }) => !expected)?.checker ?? 'pass';
  if (found !== expect) process.exitCode = 1;
  note(`The scenario expects ${quote(expect)}; the run ended with ${quote(found)}.`);
  if (!result.ok && flags.shrink === true) await shrinkAndSave(flags, result);
  else if (flags.save !== undefined) await save(flags.save, result);
}

async function carryOutAndPrint(flags: SimulateFlags, plan: Plan): Promise<Result> {
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
    picture?.write(result, again);
    return result;
  } finally {
    sink?.close();
  }
}

async function failed(flags: SimulateFlags, result: Result): Promise<void> {
  process.exitCode = 1;
  if (flags.shrink === true) await shrinkAndSave(flags, result);
  else if (flags.save !== undefined) await save(flags.save, result);
}

async function shrinkAndSave(flags: SimulateFlags, result: Result): Promise<void> {
  const { shrinkIn } = await import('../simulator/shrink.ts');
  const runner = await runnerOf(result.plan.tier);
  const progress = openProgress('shrinking');
  const shrunk = await shrinkIn(runner, result, (faults, runs) => progress.update(runs, `${faults} faults left`));
  progress.end();
  note(`${result.plan.schedule.length} faults before, ${shrunk.result.plan.schedule.length} after ${shrunk.runs} runs`);
  const file = flags.save ?? `scenario-${result.plan.seed}.json`;
  await save(file, shrunk.result);
  await drawAgain(flags, shrunk.result.plan, commandOf(['simulate', '--scenario', file, '--html', flags.html ?? ''], null));
}

async function save(file: string, result: Result): Promise<void> {
  const { formatScenario, scenarioOf } = await import('../simulator/scenario.ts');
  writeOrExplain(file, () => writeFileSync(file, formatScenario(scenarioOf(result, result.violations[0]?.message ?? ''))));
  note(`saved ${file}; run it with: synod simulate --scenario ${file}`);
}

async function openTrace(file: string): Promise<{ readonly write: TraceSink; close(): void }> {
  const { traceLine } = await import('../simulator/trace.ts');
  const descriptor = writeOrExplain(file, () => openSync(file, 'w'));
  return {
    write: (entry) => {
      writeSync(descriptor, `${traceLine(entry)}\n`);
    },
    close: () => closeSync(descriptor),
  };
}

/** `where` is what names the engine. */
async function loadSubject(engine: string, where = '--engine'): Promise<Subject> {
  const { knownSubject, SUBJECT_NAMES } = await import('../simulator/subjects/registry.ts');
  const known = knownSubject(engine);
  if (known !== undefined) return known;
  if (!MODULE_FILE.test(engine)) {
    throw argumentError('engine', `${where} expects one of ${SUBJECT_NAMES.join(', ')}, or the file of a module; got ${quote(engine)}.`);
  }
  const { loadModule } = await import('./seeds/load.ts');
  await (await import('./engine-probe.ts')).probeModule(engine);
  return loadModule(engine);
}

function optionsOf({ nodes, duration }: SimulateFlags): Partial<Options> {
  return { ...(nodes !== undefined && { nodes }), ...(duration !== undefined && { faultsMs: 1_000 * duration }) };
}

function limitsOf({ events }: SimulateFlags): Partial<RunLimits> {
  return events === undefined ? {} : { faultEvents: events };
}

function seedsOption(text: string): { from: number; to: number } {
  const match = /^(\d{1,15})\.\.(\d{1,15})$/.exec(text);
  const [from, to] = [Number(match?.[1]), Number(match?.[2])];
  if (match === null || from > to) throw argumentError('seeds', `--seeds expects a range such as 1..300, got ${quote(text)}.`);
  return { from, to };
}

function writeOrExplain<T>(file: string, write: () => T): T {
  try {
    return write();
  } catch (cause) {
    throw new UsageError('cli/unwritable-file', `Cannot write ${quote(file)}`, {}, cause);
  }
}
