/**
 * One run, from a seed to a result. Whatever an engine does wrong, throw, answer nonsense, loop or read the clock, ends as
 * a violation that names the seed's moment and node, never as a crash or a hang of the simulator.
 */
import { Random } from '../base/random.ts';
import { COMMON_CHECKERS } from './checkers/all.ts';
import type { Violation } from './checkers/checker.ts';
import { describe } from './describe.ts';
import type { Fault } from './faults.ts';
import { COMMON_MARKS } from './marks.ts';
import { drawOptions, type Options } from './options.ts';
import { PurityGuard } from './purity.ts';
import { drawSchedule } from './schedule.ts';
import { Simulation } from './simulation.ts';
import type { Subject } from './subject.ts';
import type { TraceSink } from './trace.ts';
import { runLimited } from './watchdog.ts';

export interface RunInput {
  readonly subject: Subject;
  readonly seed: string;
  /** Instead of what the seed would give. */
  readonly options?: Partial<Options>;
  readonly schedule?: readonly Fault[];
  readonly sink?: TraceSink | null;
  readonly maxEvents?: number;
}

/** All that a run depends on, besides the code. */
export interface Plan {
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
  readonly plan: Plan;
  /** No violation that was not to be expected. */
  readonly ok: boolean;
  readonly violations: readonly Violation[];
  readonly traceHash: string;
  readonly marks: readonly string[];
  readonly stats: RunStats;
}

/** A run that has not ended by then is reported: the bound of `recoveryMs` should have ended it. */
export const MAX_EVENTS = 5_000_000;
/** Events under one time limit, and that limit: some hundred times what they take. */
const SLICE_EVENTS = 8_192;
const SLICE_LIMIT_MS = 20_000;

/** Draws what is not given. */
export function planRun({ subject, seed, options, schedule }: RunInput): Plan {
  const random = new Random(seed);
  const drawn = drawOptions(random.stream('options'), subject, options);
  return { subject, seed, options: drawn, schedule: schedule ?? drawSchedule(random.stream('schedule'), drawn, subject) };
}

export function run(input: RunInput): Result {
  return carryOut(planRun(input), input.sink ?? null, input.maxEvents ?? MAX_EVENTS);
}

export function carryOut(plan: Plan, sink: TraceSink | null = null, maxEvents = MAX_EVENTS): Result {
  const guard = new PurityGuard();
  const checkers = [...COMMON_CHECKERS, ...plan.subject.invariants];
  const marks = [...COMMON_MARKS, ...plan.subject.marks];
  const simulation = new Simulation({ ...plan, checkers, marks, sink });
  try {
    while (goesOn(simulation, maxEvents)) guard.run(() => runLimited(SLICE_LIMIT_MS, () => runSlice(simulation, maxEvents)));
    if (!simulation.isOver && !simulation.hasFailed) simulation.report('Engine', -1, `The run does not end: ${maxEvents} events.`);
  } catch (error) {
    const { node, event } = simulation.activity;
    simulation.report('Engine', node, event === null ? describe(error) : `On event '${event}': ${describe(error)}`);
  }
  if (guard.found !== null) simulation.report('Engine', simulation.activity.node, `${guard.found.what} was called ${guard.found.where}`);
  const { violations, world, network } = simulation;
  return {
    plan,
    ok: violations.every(({ expected }) => expected),
    violations,
    traceHash: world.trace.hash,
    marks: simulation.marks.reached,
    stats: { events: world.events, virtualMs: world.nowMs, messages: network.sent, lost: network.lost },
  };
}

function runSlice(simulation: Simulation, maxEvents: number): void {
  for (let steps = 0; steps < SLICE_EVENTS && goesOn(simulation, maxEvents); steps++) simulation.step();
}

function goesOn(simulation: Simulation, maxEvents: number): boolean {
  return !simulation.isOver && !simulation.hasFailed && simulation.world.events < maxEvents;
}
