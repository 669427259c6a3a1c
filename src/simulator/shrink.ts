/**
 * Makes a failing run smaller: fewer faults, then shorter ones. Source: Zeller and Hildebrandt, "Simplifying and Isolating
 * Failure-Inducing Input" (2002), the ddmin algorithm. It is sound because any subset of a schedule is a schedule.
 */
import type { Fault } from './faults.ts';
import { carryOut, type Plan, type Result } from './run.ts';

/** A run costs up to seconds; when so many have been tried, what was found so far is the answer. */
export const MAX_SHRINK_RUNS = 400;

export interface Shrunk {
  readonly result: Result;
  readonly runs: number;
}

/** `onStep` is told the number of faults after each success. The result fails by the same checker as `failed` did. */
export function shrink(failed: Result, onStep: (faults: number, runs: number) => void = () => undefined): Shrunk {
  const checker = failed.violations.find(({ expected }) => !expected)?.checker;
  let best = failed;
  let runs = 0;

  const fails = (plan: Plan): boolean => {
    if (runs >= MAX_SHRINK_RUNS) return false;
    runs++;
    const result = carryOut(plan);
    if (!result.violations.some((violation) => !violation.expected && violation.checker === checker)) return false;
    best = result;
    onStep(plan.schedule.length, runs);
    return true;
  };

  const { plan } = failed;
  const shorter = { ...plan, options: { ...plan.options, faultsMs: Math.min(plan.options.faultsMs, failed.stats.virtualMs + 1) } };
  fails(shorter);
  // Each success replaces `best`, so what ddmin returns is there already.
  ddmin(best.plan.schedule, (schedule) => fails({ ...best.plan, schedule }));
  shorten(() => best.plan, fails);
  return { result: best, runs };
}

/** The smallest list found for which `fails` holds, given that it holds for the whole. */
export function ddmin<T>(items: readonly T[], fails: (subset: readonly T[]) => boolean): readonly T[] {
  if (items.length === 0 || fails([])) return [];
  let current = items;
  let parts = 2;
  while (current.length > 1) {
    const size = Math.ceil(current.length / parts);
    const without = Array.from({ length: Math.ceil(current.length / size) }, (_, part) => current.toSpliced(part * size, size));
    const smaller = without.find(fails);
    if (smaller !== undefined) {
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

/** Halves the duration of each fault for as long as the run still fails. */
function shorten(plan: () => Plan, fails: (plan: Plan) => boolean): void {
  for (let index = 0; index < plan().schedule.length; index++) {
    for (let half = halved(plan(), index); half !== null && fails(half); half = halved(plan(), index));
  }
}

function halved(plan: Plan, index: number): Plan | null {
  const fault: Fault | undefined = plan.schedule[index];
  const forMs = Math.floor((fault?.forMs ?? 0) / 2);
  if (fault === undefined || fault.fault === 'byzantine' || forMs === 0) return null;
  return { ...plan, schedule: plan.schedule.with(index, { ...fault, forMs }) };
}
