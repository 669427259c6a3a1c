/**
 * `npm run test:long -- 10m`: simulates for that long, on all engines, from a random seed on. Failures are shrunk and saved
 * as scenarios in the working directory; what is to be kept goes to `simulator/scenarios`, where the tests run it again.
 */
import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { Command } from 'commander';
import { isApart, isModuleFile, notebookHere, runApart, toItsEnd } from '../src/cli/apart/run-apart.ts';
import { probeModule } from '../src/cli/engine-probe.ts';
import { durationOption, integerOption, listOption } from '../src/cli/options.ts';
import { applyConventions, run } from '../src/cli/output.ts';
import { MAX_JOBS } from '../src/cli/seeds/limits.ts';
import { simulateLong } from '../src/cli/simulate-long.ts';
import { SUBJECT_NAMES } from '../src/simulator/subjects/registry.ts';

const MAX_RANDOM_SEED = 2 ** 40;

interface Flags {
  readonly engine: readonly string[];
  readonly seed?: number;
  readonly jobs?: number;
  readonly json?: boolean;
}

async function simulate(durationMs: number, { engine, seed = randomInt(MAX_RANDOM_SEED), jobs, json }: Flags): Promise<void> {
  const notebook = notebookHere();
  for (const file of engine.filter(isModuleFile)) {
    notebook?.call(`While the module ${file} is loaded`);
    await probeModule(file);
  }
  const onProgress = (running: string) => notebook?.call(`While threads ran ${running}`);
  await simulateLong({ engines: engine, durationMs, seed, jobs, json, onProgress });
}

const program = new Command('test:long');
applyConventions(program);
program
  .argument('<duration>', 'such as 90s, 10m or 1h', durationOption('duration'))
  .option('--engine <names>', 'engines, or files of modules, separated by commas', listOption, [...SUBJECT_NAMES])
  .option('--seed <n>', 'the first one (default: random)', integerOption('seed', 0, Number.MAX_SAFE_INTEGER))
  .option('--jobs <n>', 'threads (default: one for each core)', integerOption('jobs', 1, MAX_JOBS))
  .option('--json', 'print JSON')
  .action((durationMs: number, flags: Flags) => {
    const files = flags.engine.filter(isModuleFile);
    if (files.length === 0 || isApart()) return toItsEnd(() => simulate(durationMs, flags));
    // What users wrote is not let into this process.
    const { json, jobs = availableParallelism() } = flags;
    return runApart({
      engine: files.join(','),
      json,
      threads: jobs,
      again: () => `npm run test:long -- ${process.argv.slice(2).join(' ')}`,
    });
  })
  .addHelpText('after', '\nCtrl-C ends it sooner, with what came of it until then. Exit code 1 when a seed failed.');
await run(program);
