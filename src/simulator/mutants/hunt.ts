/** The hunt for a mutant: one seed after another, until a checker that is good for this bug objects. */
import { Random } from '../../base/random.ts';
import type { Violation } from '../checkers/checker.ts';
import { carryOut, type Plan, planRun } from '../run.ts';
import { drawSchedule, FOR_EVER_MS } from '../schedule.ts';
import type { Subject } from '../subject.ts';
import type { Mutant } from './mutant.ts';

export interface Hunt {
  /** The seed that showed the mutant; null when it survived all of them. */
  readonly seed: string | null;
  /** What the checker said. */
  readonly violation: Violation | null;
  readonly runs: number;
  /** By name, how many runs others than the mutant's finders ended: crashes, for instance. */
  readonly others: ReadonlyMap<string, number>;
}

/** The run in which a seed shows this mutant, if it does. */
export function planHunt(mutant: Mutant, subject: Subject, seed: string): Plan {
  const { adversary, faults, options = {} } = mutant;
  const plan = planRun({ subject, seed, options });
  const drawn = faults === undefined ? plan.schedule : drawSchedule(new Random(seed).stream('schedule'), plan.options, subject, faults);
  if (adversary === undefined) return { ...plan, schedule: drawn };
  const role = { fault: 'byzantine', node: plan.options.nodes - 1, behaviour: adversary, atMs: 0, forMs: FOR_EVER_MS } as const;
  return { ...plan, schedule: [...drawn, role] };
}

/** To be called where the mutant is planted. `onRun` is told of each run that is over. */
export function hunt(mutant: Mutant, subject: Subject, seeds: Iterable<string>, onRun: (runs: number) => void = () => undefined): Hunt {
  const others = new Map<string, number>();
  let runs = 0;
  for (const seed of seeds) {
    const { violations } = carryOut(planHunt(mutant, subject, seed));
    onRun(++runs);
    const found = violations.find(({ expected }) => !expected);
    if (found === undefined) continue;
    if (mutant.finders.includes(found.checker)) return { seed, violation: found, runs, others };
    others.set(found.checker, (others.get(found.checker) ?? 0) + 1);
  }
  return { seed: null, violation: null, runs, others };
}
