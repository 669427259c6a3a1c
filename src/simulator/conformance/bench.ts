/**
 * What the cases of the conformance suite are made of: a subject, and runs of it whose seed is the case's and a number. A
 * run that went wrong can so be made again from those two.
 */
import { Random } from '../../base/random.ts';
import type { CheckerFactory } from '../checkers/checker.ts';
import { describe } from '../describe.ts';
import type { Fault } from '../faults.ts';
import { drawOptions, type Options } from '../options.ts';
import { carryOut, type Plan, type Result, type RunLimits } from '../run.ts';
import { fittingSize, type Subject } from '../subject.ts';
import type { TraceSink } from '../trace.ts';
import { TROUBLES, type Trouble } from './troubles.ts';

/** What came of a case. */
export interface Finding {
  /** What went wrong; null for nothing. */
  readonly problem: string | null;
  /** Why there was nothing to do. */
  readonly skipped: string | null;
  /** Of the run that went wrong; null where it was not a run. */
  readonly seed: number | null;
  readonly result: Result | null;
  readonly runs: number;
  readonly events: number;
}

export interface Case {
  /** A word, to ask for this case alone. */
  readonly id: string;
  /** What holds. */
  readonly title: string;
  check(bench: Bench): Finding;
}

export interface Scenery {
  /** Blocks' time in which faults happen. */
  readonly blocks: number;
  readonly nodes?: number;
  /** Whether only a quorum survives. */
  readonly fewest?: boolean;
  readonly trouble?: Trouble;
  readonly options?: Partial<Options>;
}

/** How many nodes: few most of the time, since a quorum of few hears the least of the others. Four have two halves. */
const NODES = [3, 3, 3, 4, 4, 5, 7];
const MIN_SURVIVORS = 2;
/** A transfer for every other block. */
const TRANSFERS_PER_BLOCK = 0.5;
const MAX_TRANSFERS_PER_MINUTE = 600;
const MS_PER_MINUTE = 60_000;
/** A run costs no more than this, however much an engine has to say; then it has to recover as ever. */
const FAULT_EVENTS = 30_000;

export class Bench {
  readonly subject: Subject;
  /** Only this one, where a failure is made again. */
  readonly seed: number | null;
  readonly sink: TraceSink | null;
  readonly #effort: number;
  readonly #limits: Partial<RunLimits>;
  runs = 0;
  events = 0;

  constructor(subject: Subject, { seed = null, sink = null, effort = 1, ...limits }: BenchOptions) {
    this.subject = subject;
    this.seed = seed;
    this.sink = sink;
    this.#effort = effort;
    this.#limits = { faultEvents: FAULT_EVENTS, ...limits };
  }

  /** Seeds 1 to `count`, as far as the effort goes, or the one that was asked for. */
  seeds(count: number): number[] {
    return this.seed === null ? Array.from({ length: Math.ceil(count * this.#effort) }, (_, index) => index + 1) : [this.seed];
  }

  /** The network and its schedule for one seed of a case. */
  plan(id: string, seed: number, scenery: Scenery): Plan {
    const { subject } = this;
    const name = `conformance-${id}-${seed}`;
    const random = new Random(name);
    const nodes = fittingSize(subject, scenery.nodes ?? random.stream('nodes').pick(NODES));
    const quorum = subject.quorum(nodes);
    const places = random.stream('survivors').shuffle(Array.from({ length: nodes }, (_, place) => place));
    const survivors = places.slice(0, scenery.fewest === true ? Math.max(quorum, MIN_SURVIVORS) : nodes).sort((a, b) => a - b);
    const drawn = drawOptions(random.stream('options'), subject, { nodes, survivors });
    const blockMs = subject.blockMs(drawn.engine);
    const transfers = Math.round((TRANSFERS_PER_BLOCK * MS_PER_MINUTE) / blockMs);
    const options: Options = {
      ...drawn,
      faultsMs: Math.round(scenery.blocks * blockMs),
      transfersPerMinute: Math.min(transfers, MAX_TRANSFERS_PER_MINUTE),
      ...scenery.options,
    };
    const trouble = scenery.trouble ?? TROUBLES.calm;
    const scene = { random: random.stream('schedule'), nodes, quorum, blockMs, untilMs: options.faultsMs, survivors };
    const schedule = trouble(scene).filter(({ atMs }) => atMs < options.faultsMs);
    return { subject, seed: name, options, schedule: schedule.sort((a, b) => a.atMs - b.atMs) };
  }

  /** With other checkers besides those of the subject, or another subject altogether. */
  run(plan: Plan, checkers: readonly CheckerFactory[] = [], limits: Partial<RunLimits> = {}): Result {
    const subject = { ...plan.subject, invariants: [...plan.subject.invariants, ...checkers] };
    const result = carryOut({ ...plan, subject }, this.sink, { ...this.#limits, ...limits });
    this.runs++;
    this.events += result.stats.events;
    return { ...result, plan: { ...result.plan, subject: this.subject } };
  }

  ok(): Finding {
    return { problem: null, skipped: null, seed: null, result: null, runs: this.runs, events: this.events };
  }

  skip(why: string): Finding {
    return { ...this.ok(), skipped: why };
  }

  fail(problem: string, seed: number | null = null, result: Result | null = null): Finding {
    return { ...this.ok(), problem, seed, result };
  }

  /** The finding of the first seed that has one; what a run throws instead of reporting is a finding as well. */
  first(seeds: readonly number[], check: (seed: number) => Finding | null): Finding {
    for (const seed of seeds) {
      const finding = this.#guarded(seed, check);
      if (finding !== null) return finding;
    }
    return this.ok();
  }

  #guarded(seed: number, check: (seed: number) => Finding | null): Finding | null {
    try {
      return check(seed);
    } catch (error) {
      return this.fail(describe(error), seed);
    }
  }

  /** A finding about a run that has a violation which counts. */
  judged(seed: number, result: Result, counts: (checker: string) => boolean = () => true): Finding | null {
    const violation = result.violations.find(({ expected, checker }) => !expected && counts(checker));
    if (violation === undefined) return null;
    const { checker, node, atMs, message } = violation;
    const where = `${(atMs / 1_000).toFixed(3)} s${node < 0 ? '' : `, node ${node}`}`;
    return this.fail(`${checker} at ${where}: ${message}`, seed, result);
  }
}

export interface BenchOptions extends Partial<RunLimits> {
  /** Only this one. */
  readonly seed?: number | null;
  /** This part of the runs of each case: 1 for all. What fewer find is less. */
  readonly effort?: number;
  readonly sink?: TraceSink | null;
}

/** Faults and nothing else make the difference. */
export function withFaults(plan: Plan, faults: readonly Fault[]): Plan {
  return { ...plan, schedule: [...plan.schedule, ...faults].sort((a, b) => a.atMs - b.atMs) };
}
