/**
 * One run in the real tier. Events happen as ever, in slices; whenever one has called on something asynchronous, the slice
 * ends, virtual time stands still, and everything comes to rest before the next event.
 */
import { Random } from '../../base/random.ts';
import type { Range } from '../options.ts';
import { Course, type Plan, planRun, type Result, type RunInput, type RunLimits } from '../run.ts';
import type { Runner } from '../runner.ts';
import { fittingSize } from '../subject.ts';
import type { TraceSink } from '../trace.ts';
import { AsyncWork } from './async-work.ts';
import { BLS_KEYS } from './keys.ts';
import { REAL_RANGES } from './ranges.ts';
import { REAL_MARKS, type RealTierOptions, realTier } from './real-tier.ts';

/** Draws what is not given. */
export function planReal(input: RunInput): Plan {
  const random = new Random(input.seed).stream('real');
  const nodes = fittingSize(input.subject, drawn(random, REAL_RANGES.nodes));
  const faultsMs = drawn(random, REAL_RANGES.faultsMs);
  // Uniform in the logarithm, so that fast disks are common.
  const { low, high } = REAL_RANGES.diskWriteMs;
  const diskWriteMs = Math.round(low * (high / low) ** random.float());
  return { ...planRun({ ...input, options: { nodes, faultsMs, diskWriteMs, ...input.options } }, BLS_KEYS), tier: 'real' };
}

/** Like `carryOut` of the light tier, with the same errors. */
export async function carryOutReal(
  plan: Plan,
  sink: TraceSink | null = null,
  limits: Partial<RunLimits> = {},
  choices: RealTierOptions = {},
): Promise<Result> {
  const work = new AsyncWork();
  const course = new Course(plan, await realTier(plan.subject, plan.options, work, choices), sink, limits);
  try {
    while (course.goesOn) {
      course.slice(() => work.isDue);
      await work.settle();
      await course.simulation.settle();
    }
  } catch (error) {
    course.fail(error);
  }
  return course.end();
}

export async function checkersOfReal(plan: Plan): Promise<readonly string[]> {
  return new Course(plan, await realTier(plan.subject, plan.options, new AsyncWork(), {}), null, {}).simulation.checkerNames;
}

export const REAL_RUNNER: Runner = { plan: planReal, carryOut: carryOutReal, checkersOf: checkersOfReal, marks: REAL_MARKS };

function drawn(random: Random, { low, high }: Range): number {
  return low + random.below(high - low + 1);
}
