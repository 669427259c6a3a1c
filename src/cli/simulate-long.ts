/** `synod simulate --for 10m`, and `npm run test:long`: seeds for as long as somebody has patience. */
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { quote } from '../base/types.ts';
import { argumentError, note, print } from './output.ts';
import { LongRun } from './seeds/long-run.ts';
import { longDocument, longText, progressLine } from './seeds/report.ts';
import type { SeedReport } from './seeds/task.ts';

export interface LongFlags {
  readonly engines: readonly string[];
  readonly durationMs: number;
  readonly seed: number;
  readonly jobs?: number | undefined;
  readonly json?: boolean | undefined;
  /** Where scenarios of failures are written. */
  readonly directory?: string | undefined;
}

const PROGRESS_INTERVAL_MS = 10_000;
const UNITS_MS = { s: 1_000, m: 60_000, h: 3_600_000 } as const;
const MAX_DURATION_MS = 30 * 24 * UNITS_MS.h;

/** `90s`, `10m`, `1h` to milliseconds. Throws `arguments/<name>`. */
export function parseDuration(name: string, text: string): number {
  const [, digits, unit] = /^(\d{1,9})([smh])$/.exec(text) ?? [];
  const durationMs = Number(digits) * UNITS_MS[unit as keyof typeof UNITS_MS];
  if (durationMs >= UNITS_MS.s && durationMs <= MAX_DURATION_MS) return durationMs;
  throw argumentError(name, `A duration such as 90s, 10m or 1h is expected (at most 720h), got ${quote(text)}.`);
}

/** Prints the report at the end, or when it is interrupted; sets exit code 1 when a seed failed. */
export async function simulateLong({ engines, durationMs, seed, jobs, json, directory = '.' }: LongFlags): Promise<void> {
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  const run = new LongRun({
    engines,
    durationMs,
    seed,
    jobs: jobs ?? availableParallelism(),
    signal: interrupted.signal,
    onFailure: (report) => saveFailure(report, directory),
  });
  note(`engines ${engines.join(', ')}; from seed ${seed} on; ${run.jobs} threads`);
  const progress = setInterval(() => note(progressLine(run)), PROGRESS_INTERVAL_MS);
  process.once('SIGINT', interrupt);
  try {
    await run.run();
  } finally {
    clearInterval(progress);
    process.off('SIGINT', interrupt);
  }
  print(json, longDocument(run), () => longText(run));
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
