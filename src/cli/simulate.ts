/** `synod simulate`: networks of any engine in a world that fails on purpose. */
import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { quote } from '../base/types.ts';
import { ENGINE_NAMES } from '../consensus/registry.ts';
import { describe } from '../simulator/describe.ts';
import type { Subject } from '../simulator/subject.ts';
import { isApart, isModuleFile, notebookHere, runApart, toItsEnd } from './apart/run-apart.ts';
import { durationOption, integerOption } from './options.ts';
import { argumentError, note } from './output.ts';
import { MAX_JOBS } from './seeds/limits.ts';
import { asksForSuite, checkTogether, limitsOf, optionsOf, type SimulateFlags } from './simulate-flags.ts';
import { commandOf, drawAgain, secondsOption } from './simulate-html.ts';
import type { LongFlags } from './simulate-long.ts';
import { engineOf, loadSubject } from './simulate-subject.ts';
import { tierOption } from './simulate-tier.ts';

const MAX_SEED = Number.MAX_SAFE_INTEGER;
/** A run may have some more: the calm comes after the faults. */
const MAX_EVENTS = 4_000_000;
const MAX_PACE = 1_000;

/** Not wrapped by anybody: 80 columns. */
const HELP = `
A run has two parts. Faults come first (crashes, cuts, lost messages, wrong
clocks, slow and failing disks, nodes that lie), as the seed has it. Then they
end for a quorum, which has to make progress and agree again. Checkers look on
all the time; what one of them finds is a violation, and is printed with its
place, its time and the command that shows it again. What the faults excuse (a
majority of hash power that rewrites history) is called expected.

A mark is something rare that a batch of seeds should reach now and then, such
as a crash during a reorganisation. A mark that no seed reached was not tested.

An engine in a file, with nothing else said, is put through the suite. Cases of
--conformance:
  calm, crashes, powerCuts, cuts, handovers, noise, deafness, delays, clocks,
  disks, deaths, everything, crashPoints, bytes, commands, same, quiet, and
  role-<behaviour> for each way to misbehave (role-silent, role-mutating, ...)

Exit code 0 when all is well, 1 when something was violated that the faults do
not excuse or when a planted bug was not found, 2 for wrong arguments.

Examples:
  synod simulate --seed 7
  synod simulate --engine pos --seeds 1..300
  synod simulate --for 10m
  synod simulate --seed 7 --html run.html
  synod simulate --engine ./my-engine.ts
  synod simulate --engine ./my-engine.ts --conformance crashPoints --seed 12
  synod simulate --engine ./my-engine.ts --until-failure --shrink
  synod simulate --tier real --seeds 1..20
  synod simulate --scenario scenario-7.json --trace trace.ndjson
  synod simulate --script test/simulator/text/pow/tie.txt
  synod simulate --mutant pow/longest-chain

How it works: src/simulator/README.md. To write an engine: TUTORIAL.md there.`;

export function registerSimulate(program: Command): void {
  program
    .command('simulate')
    .description('run networks in virtual time, with faults drawn from a seed, and check what must hold')
    .option('--engine <name|file>', `${ENGINE_NAMES.join(', ')}, or the file of a module that exports createEngine (default: pow)`)
    .option('--seed <n>', 'the number that everything in a run is drawn from (default: 1)', integerOption('seed', 0, MAX_SEED))
    .option('--seeds <a..b>', 'many runs, one for each seed, and the marks that they reached', seedsOption)
    .option('--until-failure', 'go on with the next seeds until one fails')
    .option('--for <duration>', 'run seeds from --seed on for so long (90s, 10m, 1h), on several threads', durationOption('for'))
    .option('--jobs <n>', 'so many at a time, with --for, --seeds or --mutants', integerOption('jobs', 1, MAX_JOBS))
    .option('--shrink', 'make a failing run as small as it goes, and save it as a scenario')
    .option('--save <file>', 'where the scenario of a failure (or of the one run) is written')
    .option('--scenario <file>', 'run what a scenario file says')
    .option('--trace <file>', 'write all that happened in the one run, a JSON document a line')
    .option('--html <file>', 'draw the one run, or the first that failed: a page that any browser opens')
    .option('--html-from <seconds>', 'draw messages only from this virtual time on', secondsOption('html-from'))
    .option('--html-to <seconds>', 'draw messages only up to this virtual time', secondsOption('html-to'))
    .option('--nodes <n>', 'how many nodes, instead of drawing', integerOption('nodes', 2, 32))
    .option('--duration <seconds>', 'how long faults happen, in virtual time', integerOption('duration', 1, 10_000_000))
    .option('--events <n>', 'faults end after so many events, should that be sooner', integerOption('events', 1, MAX_EVENTS))
    .option('--pace <n>', 'faults come and go so many times as fast: for many short runs', integerOption('pace', 1, MAX_PACE))
    .option('--tier <light|real>', "below the driver: a light ledger (default), or a node's own store, EVM and pool", tierOption)
    .option('--conformance [case]', 'the suite that every engine has to pass, or one case of it')
    .option('--script <file>', 'play a text scenario: commands, and what the network did after each of them')
    .option('--update', 'with --script: write what the network did into the file; with --mutant(s): where they are found')
    .option('--mutants', 'list the bugs that can be planted; with --jobs or --update, hunt them all')
    .option('--mutant <name>', 'plant a bug in this process, and look for a seed that shows it')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(simulate);
}

/** An engine out of a file is not let into this process: what it does to its own cannot be told from within. */
async function simulate(flags: SimulateFlags): Promise<void> {
  checkTogether(flags);
  const engine = flags.mutants === true ? '' : await engineOf(flags);
  if (isModuleFile(engine) && !isApart()) {
    const { jobs = availableParallelism() } = flags;
    return runApart({ engine, json: flags.json, threads: flags.for === undefined && flags.jobs === undefined ? 1 : jobs, again: againOf });
  }
  return toItsEnd(() => carryOut(flags, engine));
}

/** `seed` is the name of a run: that of the suite's has the case in it. */
function againOf(seed: string | null): string {
  const [, id, number] = /^conformance-(.+)-(\d+)$/.exec(seed ?? '') ?? [];
  const words = process.argv.slice(2);
  if (id === undefined || number === undefined) return commandOf(words, words.includes('--scenario') ? null : seed);
  const asked = words.findIndex((word) => word === '--conformance' || word.startsWith('--conformance='));
  const kept = asked < 0 ? words : words.filter((word, at) => at !== asked && !(at === asked + 1 && !word.startsWith('-')));
  return commandOf([...kept, '--conformance', id], number);
}

async function carryOut(flags: SimulateFlags, engine: string): Promise<void> {
  process.on('unhandledRejection', promiseFailed);
  if (flags.mutants === true) return simulateMutants(flags);
  if (flags.mutant !== undefined) return simulateMutant(flags, flags.mutant);
  if (flags.script !== undefined) return playScript(flags, flags.script);
  const runs = await import('./simulate-runs.ts');
  if (flags.scenario !== undefined) return runs.runScenario(flags, flags.scenario);
  const subject = await loadSubject(engine);
  if (flags.for !== undefined) return simulateOnThreads(flags, { seed: flags.seed ?? 1, durationMs: flags.for });
  if (asksForSuite(flags, isModuleFile(engine))) return passSuite(flags, subject);
  if (flags.seeds === undefined && flags.untilFailure !== true) return runs.runOne(flags, subject);
  if (flags.seeds !== undefined && flags.jobs !== undefined)
    return simulateOnThreads(flags, { seed: flags.seeds.from, lastSeed: flags.seeds.to, durationMs: Number.POSITIVE_INFINITY });
  return runs.runMany(flags, subject);
}

/** Of an engine's, as a rule: a run is synchronous, so it is over by then and its result is printed. */
function promiseFailed(reason: unknown): void {
  process.exitCode = 1;
  note(`A promise failed that nobody waits for: ${describe(reason)}. An engine answers at once; it makes no promises.`);
}

/** From a first seed on, up to a last one or for so long. */
async function simulateOnThreads(flags: SimulateFlags, until: Pick<LongFlags, 'seed' | 'lastSeed' | 'durationMs'>): Promise<void> {
  const { engine = 'pow', jobs, pace, json } = flags;
  const { simulateLong } = await import('./simulate-long.ts');
  const notebook = notebookHere();
  const onProgress = (running: string) => notebook?.call(`While threads ran ${running}`);
  await simulateLong({ ...until, engines: [engine], jobs, pace, json, options: optionsOf(flags), limits: limitsOf(flags), onProgress });
}

async function passSuite(flags: SimulateFlags, subject: Subject): Promise<void> {
  const { checkConformanceFlags, runConformance } = await import('./simulate-conformance.ts');
  checkConformanceFlags(flags);
  const { failed, openTrace } = await import('./simulate-runs.ts');
  const sink = flags.trace === undefined ? null : await openTrace(flags.trace);
  const failure = runConformance(subject, flags, sink?.write);
  sink?.close();
  const result = failure?.result ?? null;
  if (result === null) {
    if (failure !== null && (flags.shrink === true || flags.html !== undefined))
      note(`Case ${failure.id} did not fail as a run, so there is nothing to ${flags.shrink === true ? 'shrink' : 'draw'}.`);
    return;
  }
  if (flags.shrink !== true) await drawAgain(flags, result.plan, commandOf(process.argv.slice(2), null));
  await failed(flags, result);
}

async function playScript(flags: SimulateFlags, file: string): Promise<void> {
  const { runScript } = await import('./simulate-script.ts');
  await runScript(file, { json: flags.json, engine: flags.engine, update: flags.update }, (engine) =>
    loadSubject(engine, `The engine of ${quote(file)}`),
  );
}

async function simulateMutants(flags: SimulateFlags): Promise<void> {
  const { huntMutants, listMutants } = await import('./simulate-mutants.ts');
  if (flags.jobs === undefined && flags.update === undefined) listMutants(flags.json);
  else await huntMutants(flags);
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
  const { carryOutAndPrint, failed, runScenario, save } = await import('./simulate-runs.ts');
  if (flags.scenario !== undefined) return runScenario(flags, flags.scenario);
  if (flags.seed === undefined) return huntMutant(mutant, subject, flags);
  note(`planted: ${name}; without --mutant this seed gives another run`);
  const result = await carryOutAndPrint(flags, planHunt(mutant, subject, String(flags.seed)));
  if (!result.ok) return failed(flags, result);
  if (flags.save !== undefined) await save(flags.save, result, flags.mutant);
}

function seedsOption(text: string): { from: number; to: number } {
  const match = /^(\d{1,15})\.\.(\d{1,15})$/.exec(text);
  const [from, to] = [Number(match?.[1]), Number(match?.[2])];
  if (match === null || from > to) throw argumentError('seeds', `--seeds expects a range such as 1..300, got ${quote(text)}.`);
  return { from, to };
}
