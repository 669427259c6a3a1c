/** One seed as a piece of work that a thread can be given, and what it answers: plain data both. */
import type { Violation } from '../../simulator/checkers/checker.ts';
import type { Fault } from '../../simulator/faults.ts';
import type { Options } from '../../simulator/options.ts';
import { type Result, type RunLimits, type RunStats, run } from '../../simulator/run.ts';
import { formatScenario, scenarioOf } from '../../simulator/scenario.ts';
import { shrink } from '../../simulator/shrink.ts';
import { loadSubject } from './load.ts';

export interface SeedTask {
  /** A name that synod knows, or the file of a module. */
  readonly engine: string;
  readonly seed: string;
  readonly options?: Partial<Options>;
  /** Instead of the faults that the seed would give. */
  readonly schedule?: readonly Fault[];
  readonly limits?: Partial<RunLimits>;
  /** How fast faults come and go: see `RunInput`. */
  readonly pace?: number;
  /** Run a second time, and compare the traces. */
  readonly isRepeated?: boolean;
  /** Make a failure as small as it goes; costs up to some hundred runs. */
  readonly isShrunk?: boolean;
}

export interface SeedReport {
  readonly engine: string;
  readonly seed: string;
  readonly ok: boolean;
  readonly violations: readonly Violation[];
  readonly traceHash: string;
  readonly marks: readonly string[];
  readonly stats: RunStats;
  /** Null when it was not repeated. */
  readonly isStable: boolean | null;
  /** Of a failure: the text of a scenario file. */
  readonly scenario: string | null;
  /** Of the thread, after the run. */
  readonly heapBytes: number;
}

/** Throws what loading an engine and making a run throw. */
export async function carryOut({
  engine,
  seed,
  options = {},
  schedule,
  limits = {},
  pace = 1,
  isRepeated,
  isShrunk,
}: SeedTask): Promise<SeedReport> {
  const input = { ...limits, subject: await loadSubject(engine), seed, options, pace, ...(schedule !== undefined && { schedule }) };
  const result = run(input);
  const { ok, violations, traceHash, marks, stats } = result;
  return {
    engine,
    seed,
    ok,
    violations,
    traceHash,
    marks,
    stats,
    isStable: isRepeated === true ? run(input).traceHash === traceHash : null,
    scenario: ok ? null : scenarioText(isShrunk === true ? shrink(result).result : result),
    heapBytes: process.memoryUsage().heapUsed,
  };
}

function scenarioText(failed: Result): string {
  const violation = failed.violations.find(({ expected }) => !expected);
  return formatScenario(scenarioOf(failed, violation?.message ?? ''));
}
