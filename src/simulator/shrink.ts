/**
 * Makes a failing run smaller: fewer faults, then shorter ones. Source: Zeller and Hildebrandt, "Simplifying and Isolating
 * Failure-Inducing Input" (2002), the ddmin algorithm. It is sound because any subset of a schedule is a schedule.
 */
import type { Fault } from './faults.ts';
import { carryOut, type Plan, type Result } from './run.ts';
import { type Runner, type Steps, turn, turnAwaiting } from './runner.ts';

/** A run costs up to seconds; when so many have been tried, what was found so far is the answer. */
export const MAX_SHRINK_RUNS = 400;

export interface Shrunk {
  readonly result: Result;
  readonly runs: number;
}

type OnStep = (faults: number, runs: number) => void;

/** The checker by which a run failed; undefined where it did not. */
export function checkerOf({ violations }: Pick<Result, 'violations'>): string | undefined {
  return violations.find(({ expected }) => !expected)?.checker;
}

/** Whether this run fails by the same checker as that one did. */
export function failsLike({ violations }: Pick<Result, 'violations'>, failed: Pick<Result, 'violations'>): boolean {
  const checker = checkerOf(failed);
  return violations.some((violation) => !violation.expected && violation.checker === checker);
}

/** `onStep` is told the number of faults after each success. The result fails by the same checker as `failed` did. */
export function shrink(failed: Result, onStep: OnStep = () => undefined): Shrunk {
  return turn(shrinking(failed, onStep), (plan) => carryOut(plan));
}

/** The same in any tier. */
export function shrinkIn(runner: Runner, failed: Result, onStep: OnStep = () => undefined): Promise<Shrunk> {
  return turnAwaiting(shrinking(failed, onStep), (plan) => runner.carryOut(plan));
}

function* shrinking(failed: Result, onStep: OnStep): Steps<Shrunk> {
  let best = failed;
  let runs = 0;

  function* fails(plan: Plan): Steps<boolean> {
    if (runs >= MAX_SHRINK_RUNS) return false;
    runs++;
    const result = yield plan;
    if (!failsLike(result, failed)) return false;
    best = result;
    onStep(plan.schedule.length, runs);
    return true;
  }

  const { plan } = failed;
  yield* fails({ ...plan, options: { ...plan.options, faultsMs: Math.min(plan.options.faultsMs, failed.stats.virtualMs + 1) } });
  // Each success replaces `best`, so what ddmin returns is there already.
  const subsets = ddminSteps(best.plan.schedule);
  for (let step = subsets.next(); step.done !== true; ) step = subsets.next(yield* fails({ ...best.plan, schedule: step.value }));
  for (let index = 0; index < best.plan.schedule.length; index++) {
    // Half as long, for as long as the run still fails.
    for (let half = halved(best.plan, index); half !== null && (yield* fails(half)); ) half = halved(best.plan, index);
  }
  return { result: best, runs };
}

/** The smallest list found for which `fails` holds, given that it holds for the whole. */
export function ddmin<T>(items: readonly T[], fails: (subset: readonly T[]) => boolean): readonly T[] {
  const steps = ddminSteps(items);
  let step = steps.next();
  while (step.done !== true) step = steps.next(fails(step.value));
  return step.value;
}

/** Yields what to try next and is told whether it fails. */
function* ddminSteps<T>(items: readonly T[]): Generator<readonly T[], readonly T[], boolean> {
  if (items.length === 0 || (yield [])) return [];
  let current = items;
  let parts = 2;
  while (current.length > 1) {
    const size = Math.ceil(current.length / parts);
    const smaller = yield* firstFailing(current, size);
    if (smaller !== null) {
      current = smaller;
      parts = Math.max(2, parts - 1);
    } else if (size === 1) {
      break;
    } else {
      parts = Math.min(current.length, parts * 2);
    }
  }
  return current;
}

/** The list without one of its parts of this size. */
function* firstFailing<T>(items: readonly T[], size: number): Generator<readonly T[], readonly T[] | null, boolean> {
  for (let at = 0; at < items.length; at += size) {
    const without = items.toSpliced(at, size);
    if (yield without) return without;
  }
  return null;
}

function halved(plan: Plan, index: number): Plan | null {
  const fault: Fault | undefined = plan.schedule[index];
  const forMs = Math.floor((fault?.forMs ?? 0) / 2);
  if (fault === undefined || fault.fault === 'byzantine' || forMs === 0) return null;
  return { ...plan, schedule: plan.schedule.with(index, { ...fault, forMs }) };
}
