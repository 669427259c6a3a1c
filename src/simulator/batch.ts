/** Many runs of one engine, one seed after another: what they cost, what failed, which marks were reached. */
import { COMMON_MARKS } from './marks.ts';
import type { Options } from './options.ts';
import { carryOut, type Result, type RunLimits } from './run.ts';
import { LIGHT_RUNNER, type Runner, type Steps, turn, turnAwaiting } from './runner.ts';
import type { Subject } from './subject.ts';
import { Tally } from './tally.ts';

export interface BatchInput extends Partial<RunLimits> {
  readonly subject: Subject;
  readonly seeds: Iterable<string>;
  readonly options?: Partial<Options>;
  /** See `RunInput`. */
  readonly pace?: number;
  /** Runs every so many-th seed twice and compares the traces; 0 for none. */
  readonly twiceEvery?: number;
  /** After each run; false ends the batch. */
  readonly onResult?: (result: Result) => boolean;
}

export interface Batch {
  readonly runs: number;
  readonly events: number;
  readonly virtualMs: number;
  readonly failed: readonly Result[];
  /** Seeds whose second run was another. */
  readonly unstable: readonly string[];
  /** By mark, in how many runs it was reached; 0 for those that were not. */
  readonly marks: ReadonlyMap<string, number>;
  /** See `Subject`. */
  readonly unreachable: readonly string[];
}

export function runBatch(input: BatchInput): Batch {
  return turn(batch(input, LIGHT_RUNNER), (plan) => carryOut(plan, null, input));
}

/** The same in any tier. */
export function runBatchIn(runner: Runner, input: BatchInput): Promise<Batch> {
  return turnAwaiting(batch(input, runner), (plan) => runner.carryOut(plan, null, input));
}

function* batch(
  { subject, seeds, options = {}, pace = 1, twiceEvery = 0, onResult = () => true }: BatchInput,
  runner: Runner,
): Steps<Batch> {
  const tally = new Tally([...COMMON_MARKS, ...runner.marks, ...subject.marks], subject.unreachable);
  const failed: Result[] = [];
  const unstable: string[] = [];
  for (const seed of seeds) {
    const plan = runner.plan({ subject, seed, options, pace });
    const result = yield plan;
    tally.add(result);
    if (!result.ok) failed.push(result);
    const isRepeated = twiceEvery > 0 && tally.runs % twiceEvery === 1 % twiceEvery;
    if (isRepeated && (yield plan).traceHash !== result.traceHash) unstable.push(seed);
    if (!onResult(result)) break;
  }
  const { runs, events, virtualMs, marks, unreachable } = tally;
  return { runs, events, virtualMs, failed, unstable, marks, unreachable };
}

/** `from`, `from + 1` and so on, up to and including `to`. */
export function* seedRange(from: number, to: number): Generator<string> {
  for (let seed = from; seed <= to; seed++) yield String(seed);
}
