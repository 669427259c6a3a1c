/**
 * One run, from a seed to a result. Whatever an engine does wrong, throw, answer nonsense, loop or read the clock, ends as
 * a violation that names the seed's moment and node, never as a crash or a hang of the simulator.
 */
import { InternalError, UsageError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import { COMMON_CHECKERS } from './checkers/all.ts';
import type { Violation } from './checkers/checker.ts';
import { describe } from './describe.ts';
import type { Fault } from './faults.ts';
import { lightTier } from './light-tier.ts';
import { COMMON_MARKS } from './marks.ts';
import type { Figures } from './meters/meter.ts';
import { drawOptions, type Options } from './options.ts';
import { PurityGuard, realMs } from './purity.ts';
import { drawSchedule, quicken } from './schedule.ts';
import { Simulation } from './simulation.ts';
import type { Subject } from './subject.ts';
import { type Keys, TAG_KEYS } from './tags.ts';
import type { TierFactory, TierName } from './tier.ts';
import type { TraceSink } from './trace.ts';
import { runLimited } from './watchdog.ts';
import { placeIn } from './watched-engine.ts';

export interface RunLimits {
  /** A run with more events is broken off, and that is a violation: the options' bound of recovery should have ended it. */
  readonly maxEvents: number;
  /** Of real time, for a slice of some thousand events; without limit (Infinity) nothing is interrupted. */
  readonly sliceLimitMs: number;
  /**
   * Faults end after so many events, if that is sooner than the options have it. Then comes the calm as ever: a run that is
   * limited so owes as much in the end as any other, and costs a few blocks more than what it is limited to.
   */
  readonly faultEvents: number;
}

export interface RunInput extends Partial<RunLimits> {
  readonly subject: Subject;
  readonly seed: string;
  /** Instead of what the seed would give. */
  readonly options?: Partial<Options>;
  readonly schedule?: readonly Fault[];
  /** Faults come, and go, so many times as fast as they are drawn (1): for many runs of which each is short. */
  readonly pace?: number;
  readonly sink?: TraceSink | null;
}

/** All that a run depends on, besides the code. */
export interface Plan {
  /** The light one, if nothing is said. */
  readonly tier?: TierName;
  readonly subject: Subject;
  readonly seed: string;
  readonly options: Options;
  readonly schedule: readonly Fault[];
}

export interface RunStats {
  readonly events: number;
  readonly virtualMs: number;
  readonly messages: number;
  readonly lost: number;
}

export interface Result {
  /** What has happened, which is less than what was planned where a limit ended the faults. Carried out, it gives the same trace. */
  readonly plan: Plan;
  /** No violation that was not to be expected. */
  readonly ok: boolean;
  readonly violations: readonly Violation[];
  readonly traceHash: string;
  readonly marks: readonly string[];
  readonly stats: RunStats;
  /** By name: what the subject's meters say. */
  readonly figures: Figures;
}

/** A run that has not ended by then is reported: the bound of `recoveryMs` should have ended it. */
export const MAX_EVENTS = 5_000_000;
/** Leaves enough of them for the calm. */
const MAX_FAULT_EVENTS = 4_000_000;
/** Events under one time limit, and that limit: some fifty times what they take. Most runs are one slice: beginning one costs 0.6 ms. */
const SLICE_EVENTS = 65_536;
/** A slice of slow events on a busy machine ends early, so that the limit is for a hang and never for slowness. */
const SLICE_MS = 1_000;
const EVENTS_BETWEEN_LOOKS = 64;
const SLICE_LIMIT_MS = 20_000;

const LIMITS: RunLimits = { maxEvents: MAX_EVENTS, sliceLimitMs: SLICE_LIMIT_MS, faultEvents: MAX_FAULT_EVENTS };

/** Draws what is not given. */
export function planRun({ subject, seed, options, schedule, pace = 1 }: RunInput, keys: Keys = TAG_KEYS): Plan {
  const random = new Random(seed);
  const drawn = drawOptions(random.stream('options'), subject, options, keys);
  const wider = { ...drawn, faultsMs: pace * drawn.faultsMs };
  return { subject, seed, options: drawn, schedule: schedule ?? quicken(drawSchedule(random.stream('schedule'), wider, subject), pace) };
}

export function run(input: RunInput): Result {
  return carryOut(planRun(input), input.sink, input);
}

/** Throws UsageError for a plan that makes no sense, and InternalError `simulator/set-up` for an engine that cannot be made. */
export function carryOut(plan: Plan, sink: TraceSink | null = null, limits: Partial<RunLimits> = {}): Result {
  const course = new Course(plan, lightTier, sink, limits);
  try {
    while (course.goesOn) course.slice();
  } catch (error) {
    course.fail(error);
  }
  return course.end();
}

/** Names of those that would look at this run, and of what else a violation is named by. Throws as `carryOut` does. */
export function checkersOf(plan: Plan): readonly string[] {
  return new Course(plan, lightTier, null, {}).simulation.checkerNames;
}

/** A run under way. Who turns it decides what happens between its slices (`carryOut`, `real/run.ts`). */
export class Course {
  readonly simulation: Simulation;
  readonly #plan: Plan;
  readonly #limits: RunLimits;
  readonly #guard: PurityGuard;

  /** Throws as `carryOut` does. */
  constructor(plan: Plan, tier: TierFactory, sink: TraceSink | null, limits: Partial<RunLimits>) {
    this.#plan = plan;
    this.#limits = { ...LIMITS, ...limits };
    const { sliceLimitMs, faultEvents } = this.#limits;
    plan.subject.begins?.(plan.seed);
    const checkers = [...COMMON_CHECKERS, ...plan.subject.invariants];
    const marks = [...COMMON_MARKS, ...plan.subject.marks];
    this.simulation = setUp(plan, sliceLimitMs, () => new Simulation({ ...plan, tier, checkers, marks, sink, faultEvents }));
    this.#guard = new PurityGuard(({ what, where }) => this.#report(`${what} was called ${where}`));
  }

  get goesOn(): boolean {
    const { isOver, hasFailed, world } = this.simulation;
    return !isOver && !hasFailed && world.events < this.#limits.maxEvents;
  }

  /** Lets events happen, some thousand at most, until `isDue` says that something else has to be done. */
  slice(isDue: () => boolean = () => false): void {
    const work = () => {
      // Real time decides where a slice ends, and nothing that happens in it.
      const startedMs = realMs();
      for (let steps = 0; steps < SLICE_EVENTS && this.#fewSteps(isDue); steps += EVENTS_BETWEEN_LOOKS) {
        if (realMs() - startedMs > SLICE_MS) return;
      }
    };
    const { sliceLimitMs } = this.#limits;
    this.#guard.run(() => runLimited(sliceLimitMs, work));
  }

  /** False when the slice is over. A function of its own, which V8 compiles as such: a loop that is entered once it compiles anew. */
  #fewSteps(isDue: () => boolean): boolean {
    for (let steps = 0; steps < EVENTS_BETWEEN_LOOKS; steps++) {
      if (!this.goesOn || isDue()) return false;
      this.simulation.step();
    }
    return true;
  }

  /** For whatever a slice threw. */
  fail(error: unknown): void {
    this.#report(placeIn(this.simulation.activity) + describe(error));
  }

  end(): Result {
    const { simulation } = this;
    const { violations, world, network } = simulation;
    if (!simulation.isOver && !simulation.hasFailed) {
      simulation.report('Engine', -1, `The run does not end: ${this.#limits.maxEvents} events.`);
    }
    return {
      plan: endingAt(this.#plan, simulation.faultsMs),
      ok: violations.every(({ expected }) => expected),
      violations,
      traceHash: world.trace.hash,
      marks: simulation.marks.reached,
      stats: { events: world.events, virtualMs: world.nowMs, messages: network.sent, lost: network.lost },
      figures: simulation.figures,
    };
  }

  #report(message: string): void {
    this.simulation.report('Engine', this.simulation.activity.node, message);
  }
}

/** The same run up to this virtual time, where its faults end. */
export function endingAt(plan: Plan, faultsMs: number): Plan {
  if (faultsMs === plan.options.faultsMs) return plan;
  return { ...plan, options: { ...plan.options, faultsMs }, schedule: plan.schedule.filter(({ atMs }) => atMs <= faultsMs) };
}

/** Makes nodes and engines, under the same guards as the run itself. */
function setUp(plan: Plan, limitMs: number, make: () => Simulation): Simulation {
  const guard = new PurityGuard();
  const made: Simulation[] = [];
  let problem: unknown = null;
  try {
    guard.run(() =>
      runLimited(limitMs, () => {
        made.push(make());
      }),
    );
  } catch (error) {
    problem = error;
  }
  if (problem instanceof UsageError) throw problem;
  const { found } = guard;
  const [simulation] = made;
  if (simulation !== undefined && found === null) return simulation;
  const what = found === null ? describe(problem) : `${found.what} was called ${found.where}`;
  const message = `Engine ${plan.subject.name} cannot be set up for seed ${plan.seed}: ${what}`;
  throw new InternalError('simulator/set-up', message, { seed: plan.seed }, problem ?? undefined);
}
