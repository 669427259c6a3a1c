/** What many runs of one engine come to, as they end. */
import type { MarkRule } from './marks.ts';
import type { RunStats } from './run.ts';

/** What is counted of one run. */
export interface Counted {
  readonly marks: readonly string[];
  readonly stats: RunStats;
}

export class Tally {
  runs = 0;
  events = 0;
  virtualMs = 0;
  /** By mark, in how many runs it was reached; 0 for those that were not. */
  readonly marks: Map<string, number>;

  /** See `Subject`. */
  readonly unreachable: readonly string[];

  constructor(marks: readonly MarkRule[], unreachable: readonly string[] = []) {
    this.unreachable = unreachable;
    this.marks = new Map(marks.map(({ name }) => [name, 0]));
  }

  add({ marks, stats }: Counted): void {
    this.runs++;
    this.events += stats.events;
    this.virtualMs += stats.virtualMs;
    for (const mark of marks) this.marks.set(mark, (this.marks.get(mark) ?? 0) + 1);
  }
}

/** Marks that no run reached, and some could have. */
export function missedMarks({ marks, unreachable = [] }: Marked): string[] {
  return [...marks].filter(([name, count]) => count === 0 && !unreachable.includes(name)).map(([name]) => name);
}

interface Marked {
  readonly marks: ReadonlyMap<string, number>;
  readonly unreachable?: readonly string[];
}
