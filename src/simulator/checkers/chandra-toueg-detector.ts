/**
 * The failure detector's two properties (Chandra and Toueg, JACM 43(2) 1996, section 2), by what nodes hear and whom they say
 * they suspect.
 *
 * StrongCompleteness: a member that is silent for longer than the longest wait (because it crashed, or is cut off) is suspected.
 * EventualWeakAccuracy: in a calm in which all are connected again, and each false suspicion has had its time to make waits
 * longer, some member is suspected by none of the others.
 */
import type { Event } from '../../consensus/engine.ts';
import { PATIENCE_STEP_MS } from '../../consensus/members/detector.ts';
import type { Observation } from '../observations.ts';
import { SESSIONS_BACK_MS } from '../peers.ts';
import { placeId } from '../places.ts';
import type { Checker, CheckerFactory, Setting } from './checker.ts';

/** Clocks of nodes may run at another rate, within this factor, and are looked at once in a heartbeat. */
const CLOCK_FACTOR = 2;
/** So many of the longest waits make a calm long. */
const LONG_CALM = 4;

/** Whom each node suspects, while it is up. */
class Suspicions {
  readonly #suspected = new Map<number, Set<string>>();

  observe(observation: Observation): void {
    if (observation.type === 'started') this.#suspected.set(observation.node, new Set());
    if (observation.type === 'stopped') this.#suspected.delete(observation.node);
    if (observation.type !== 'step') return;
    const own = this.#suspected.get(observation.node);
    for (const effect of observation.effects) {
      if (effect.type !== 'trace') continue;
      if (effect.name === 'suspected') own?.add(String(effect.data.node));
      if (effect.name === 'trusted') own?.delete(String(effect.data.node));
    }
  }

  has(node: number, other: number): boolean {
    return this.#suspected.get(node)?.has(placeId(other)) ?? false;
  }
}

export const strongCompleteness: CheckerFactory = (setting): Checker => {
  const { nodes, report, nowMs } = setting;
  const suspicions = new Suspicions();
  const boundMs = CLOCK_FACTOR * (settingMs(setting, 'maxSuspicionMs') + 2 * settingMs(setting, 'heartbeatMs'));
  /** By node: when it began to wait, and when it last heard each other. */
  const heard = new Map<number, Map<number, number>>();
  const reported = new Set<string>();

  function check(node: number): void {
    for (const [other, atMs] of heard.get(node) ?? []) {
      const silentMs = nowMs() - atMs;
      if (silentMs <= boundMs || suspicions.has(node, other) || reported.has(`${node}/${other}`)) continue;
      reported.add(`${node}/${other}`);
      report({ node, message: `Has not heard node ${other} for ${Math.round(silentMs)} ms, and does not suspect it.` });
    }
  }

  return {
    name: 'StrongCompleteness',
    sees: ['started', 'stopped', 'step'],
    observe(observation) {
      suspicions.observe(observation);
      if (observation.type === 'started') {
        const others = Array.from({ length: nodes }, (_, other) => other).filter((other) => other !== observation.node);
        heard.set(observation.node, new Map(others.map((other) => [other, nowMs()])));
      }
      if (observation.type !== 'step') return;
      const { node, event } = observation;
      const from = senderOf(event);
      if (from !== null)
        for (const other of heard.get(node)?.keys() ?? []) if (placeId(other) === from) heard.get(node)?.set(other, nowMs());
      if (event.type === 'timer') check(node);
    },
  };
};

function senderOf(event: Event<unknown>): string | null {
  return event.type === 'message' ? event.from : null;
}

export const eventualWeakAccuracy: CheckerFactory = (setting): Checker => {
  const { report, nowMs } = setting;
  const suspicions = new Suspicions();
  const mostMs = settingMs(setting, 'maxSuspicionMs');
  /** Delays have no bound that anybody knows, so nothing is certain before waits are as long as they can be. */
  const falseSuspicions = Math.ceil((mostMs - settingMs(setting, 'suspicionMs')) / PATIENCE_STEP_MS);
  const boundMs = SESSIONS_BACK_MS + (LONG_CALM + falseSuspicions) * mostMs;
  let calm: { readonly atMs: number; readonly members: readonly number[] } | null = null;

  function check(): void {
    if (calm === null || nowMs() - calm.atMs < boundMs || calm.members.length < 2) return;
    const { members } = calm;
    if (members.some((member) => !members.some((other) => suspicions.has(other, member)))) return;
    report({
      message: `${Math.round(nowMs() - calm.atMs)} ms after the last fault each of node ${members.join(', ')} is suspected by another.`,
    });
  }

  return {
    name: 'EventualWeakAccuracy',
    sees: ['started', 'stopped', 'step', 'calm'],
    observe(observation) {
      suspicions.observe(observation);
      if (observation.type === 'calm') calm = { atMs: nowMs(), members: observation.recovery.members };
      const hasTold =
        observation.type === 'step' && observation.effects.some((effect) => effect.type === 'trace' && effect.name === 'suspected');
      if (hasTold) check();
    },
    end: check,
  };
};

function settingMs({ options }: Setting, name: string): number {
  const value = options.engine[name];
  return typeof value === 'number' ? value : 0;
}
