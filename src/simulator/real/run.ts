/** One run of the real tier. */
import { COMMON_CHECKERS } from '../checkers/all.ts';
import { describe } from '../describe.ts';
import { COMMON_MARKS } from '../marks.ts';
import { PurityGuard } from '../purity.ts';
import { MAX_EVENTS, type Plan, type Result } from '../run.ts';
import { Simulation } from '../simulation.ts';
import type { TraceSink } from '../trace.ts';
import { runLimited } from '../watchdog.ts';
import { AsyncWork } from './async-work.ts';
import { type RealTierOptions, realTier } from './real-tier.ts';

export async function carryOutReal(
  plan: Plan,
  sink: TraceSink | null = null,
  maxEvents = MAX_EVENTS,
  choices: RealTierOptions = {},
): Promise<Result> {
  const work = new AsyncWork();
  const tier = await realTier(plan.subject, plan.options, work, choices);
  const checkers = [...COMMON_CHECKERS, ...plan.subject.invariants];
  const marks = [...COMMON_MARKS, ...plan.subject.marks];
  const simulation = new Simulation({ ...plan, tier, checkers, marks, sink });
  const goesOn = () => !simulation.isOver && !simulation.hasFailed && simulation.world.events < maxEvents;
  const guard = new PurityGuard();
  const slice = () => {
    for (let steps = 0; steps < 4096 && goesOn() && !work.isDue; steps++) simulation.step();
  };
  try {
    while (goesOn()) {
      guard.run(() => runLimited(20_000, slice));
      await work.settle();
      await simulation.settle();
    }
    if (!simulation.isOver && !simulation.hasFailed) simulation.report('Engine', -1, `The run does not end: ${maxEvents} events.`);
  } catch (error) {
    const { node, event } = simulation.activity;
    simulation.report('Engine', node, event === null ? describe(error) : `On event '${event}': ${describe(error)}`);
  }
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
