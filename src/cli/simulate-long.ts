/** `synod simulate --for 10m`, `--seeds 1..10000 --jobs 2`, and `npm run test:long`: seeds on several threads. */
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Options } from '../simulator/options.ts';
import type { RunLimits } from '../simulator/run.ts';
import { note, print } from './output.ts';
import { LongRun } from './seeds/long-run.ts';
import { longDocument, longText, progressLine } from './seeds/report.ts';
import type { SeedReport } from './seeds/task.ts';

export interface LongFlags {
  readonly engines: readonly string[];
  readonly durationMs: number;
  readonly seed: number;
  readonly lastSeed?: number | undefined;
  readonly pace?: number | undefined;
  readonly jobs?: number | undefined;
  readonly options?: Partial<Options>;
  readonly limits?: Partial<RunLimits>;
  readonly json?: boolean | undefined;
  /** Called whenever a run begins, and now and then, with what threads are at. */
  readonly onProgress?: ((running: string) => void) | undefined;
  /** Where scenarios of failures are written. */
  readonly directory?: string | undefined;
}

const PROGRESS_INTERVAL_MS = 10_000;

/** Prints the report at the end, or when it is interrupted; sets exit code 1 when a seed failed. */
export async function simulateLong({
  jobs = availableParallelism(),
  json,
  directory = '.',
  onProgress,
  ...input
}: LongFlags): Promise<void> {
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  const run = new LongRun({
    ...input,
    jobs,
    signal: interrupted.signal,
    onFailure: (report) => saveFailure(report, directory),
    onBegin: () => onProgress?.(run.running),
  });
  note(
    `engines: ${input.engines.join(', ')}; seeds: from ${input.seed} ${input.lastSeed === undefined ? 'on' : `to ${input.lastSeed}`}; threads: ${jobs}`,
  );
  const progress = setInterval(() => {
    onProgress?.(run.running);
    note(progressLine(run));
  }, PROGRESS_INTERVAL_MS);
  process.once('SIGINT', interrupt);
  try {
    await run.run();
  } finally {
    clearInterval(progress);
    process.off('SIGINT', interrupt);
    // Also where a thread has died: what was found until then is not to be lost.
    if (run.tallies.size > 0) print(json, longDocument(run), () => longText(run));
  }
  if (interrupted.signal.aborted) note('Interrupted: this is what came of it until then.');
  if (run.failed > 0) process.exitCode = 1;
}

function saveFailure({ engine, seed, scenario, violations }: SeedReport, directory: string): void {
  const found = violations.find(({ expected }) => !expected);
  note(`failed: ${engine}, seed ${seed}: ${found === undefined ? 'not the same twice' : `${found.checker}: ${found.message}`}`);
  if (scenario === null) return;
  const file = join(directory, `scenario-${engine.replace(/[^a-z0-9]+/gi, '-')}-${seed}.json`);
  try {
    writeFileSync(file, scenario);
    note(`saved ${file}; run it with: synod simulate --scenario ${file}`);
  } catch (error) {
    // What was found matters more than where it is kept; the seed gives it again.
    note(`cannot write ${file}: ${String(error)}`);
  }
}
