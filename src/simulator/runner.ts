/**
 * How runs of one tier are planned and carried out. What makes many of them (a batch, a search for a smaller failure) is
 * written as a generator that yields plans and is given results, so that it need not know whether they take promises.
 */
import type { MarkRule } from './marks.ts';
import { carryOut, checkersOf, type Plan, planRun, type Result, type RunInput, type RunLimits } from './run.ts';
import type { TraceSink } from './trace.ts';

export interface Runner {
  plan(input: RunInput): Plan;
  carryOut(plan: Plan, sink?: TraceSink | null, limits?: Partial<RunLimits>): Result | Promise<Result>;
  /** Names that violations of such a run can have. */
  checkersOf(plan: Plan): readonly string[] | Promise<readonly string[]>;
  /** Of this tier. */
  readonly marks: readonly MarkRule[];
}

export const LIGHT_RUNNER: Runner = { plan: planRun, carryOut, checkersOf, marks: [] };

export type Steps<Answer> = Generator<Plan, Answer, Result>;

export function turn<Answer>(steps: Steps<Answer>, run: (plan: Plan) => Result): Answer {
  let step = steps.next();
  while (step.done !== true) step = steps.next(run(step.value));
  return step.value;
}

export async function turnAwaiting<Answer>(steps: Steps<Answer>, run: (plan: Plan) => Result | Promise<Result>): Promise<Answer> {
  let step = steps.next();
  while (step.done !== true) step = steps.next(await run(step.value));
  return step.value;
}
