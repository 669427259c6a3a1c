/**
 * One run in the real tier. Events happen as ever, in slices; whenever one has called on something asynchronous, the slice
 * ends, virtual time stands still, and everything comes to rest before the next event.
 */
import type { Options } from '../options.ts';
import { Course, type Plan, planRun, type Result, type RunInput, type RunLimits } from '../run.ts';
import type { TraceSink } from '../trace.ts';
import { AsyncWork } from './async-work.ts';
import { BLS_KEYS } from './keys.ts';
import { type RealTierOptions, realTier } from './real-tier.ts';

/** Of what is drawn less is enough here: an event costs a hundred times what it does in the light tier. */
export const REAL_RANGES = {
  nodes: { low: 2, high: 5 },
  faultsMs: { low: 60_000, high: 600_000 },
} as const;

export function planReal(input: RunInput): Plan {
  const options: Partial<Options> = { ...input.options };
  return { ...planRun({ ...input, options }, BLS_KEYS), tier: 'real' };
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
