/**
 * The hunt for a mutant: the run that showed it last time, if one is known, and then one seed after another, until a checker
 * that is good for this bug objects.
 */
import { Random } from '../../base/random.ts';
import type { Violation } from '../checkers/checker.ts';
import { carryOut, endingAt, type Plan, planRun } from '../run.ts';
import { drawSchedule, FOR_EVER_MS } from '../schedule.ts';
import type { Subject } from '../subject.ts';
import type { Found } from './found.ts';
import type { Mutant } from './mutant.ts';

export interface Hunt {
  /** The seed that showed the mutant; null when it survived all of them. */
  readonly seed: string | null;
  /** What the checker said. */
  readonly violation: Violation | null;
  /** The same, to be written down; null when it survived. */
  readonly found: Found | null;
  /** Whether it was where it had been found last. */
  readonly isKnown: boolean;
  readonly runs: number;
  /** By name, how many runs others than the mutant's finders ended: crashes, for instance. */
  readonly others: ReadonlyMap<string, number>;
}

export interface HuntInput {
  readonly mutant: Mutant;
  readonly subject: Subject;
  readonly seeds: Iterable<string>;
  /** Tried first. */
  readonly known?: Found | null;
  /** Told of each run that is over. */
  readonly onRun?: (runs: number) => void;
}

/** The run in which a seed shows this mutant, if it does. With `faultsMs` it is no longer than it takes. */
export function planHunt(mutant: Mutant, subject: Subject, seed: string, faultsMs = Number.POSITIVE_INFINITY): Plan {
  const { adversary, faults, options = {} } = mutant;
  const plan = planRun({ subject, seed, options });
  const draw = () => drawSchedule(new Random(seed).stream('schedule'), plan.options, subject, faults);
  const drawn = mutant.schedule ?? (faults === undefined ? plan.schedule : draw());
  const role = { fault: 'byzantine', node: plan.options.nodes - 1, behaviour: adversary ?? '', atMs: 0, forMs: FOR_EVER_MS } as const;
  const schedule = adversary === undefined ? drawn : [...drawn, role];
  return endingAt({ ...plan, schedule }, Math.min(faultsMs, plan.options.faultsMs));
}

/** To be called where the mutant is planted. */
export function hunt({ mutant, subject, seeds, known = null, onRun }: HuntInput): Hunt {
  const others = new Map<string, number>();
  let runs = 0;
  for (const { seed, faultsMs } of candidates(known, seeds)) {
    const plan = planHunt(mutant, subject, seed, faultsMs);
    const { violations } = carryOut(plan);
    onRun?.(++runs);
    const violation = violations.find(({ expected }) => !expected);
    if (violation === undefined) continue;
    if (mutant.finders.includes(violation.checker)) {
      const endMs = Math.min(plan.options.faultsMs, Math.floor(violation.atMs) + 1);
      return { seed, violation, found: { seed, faultsMs: endMs }, isKnown: known !== null && runs === 1, runs, others };
    }
    others.set(violation.checker, (others.get(violation.checker) ?? 0) + 1);
  }
  return { seed: null, violation: null, found: null, isKnown: false, runs, others };
}

function* candidates(known: Found | null, seeds: Iterable<string>): Generator<{ readonly seed: string; readonly faultsMs?: number }> {
  if (known !== null) yield known;
  for (const seed of seeds) yield { seed };
}
