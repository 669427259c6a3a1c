/**
 * An engine under observation: where it is at work is known at any moment, should it not come back, and an answer that is
 * no list of effects is named before the driver trips over it.
 */
import { InternalError } from '../base/errors.ts';
import { quote } from '../base/types.ts';
import type { AnyEngine, Effect } from '../consensus/engine.ts';
import type { Observe } from './observations.ts';

/** What the simulation is doing right now. */
export interface Activity {
  node: number;
  /** The event that the engine's `step` was given; null outside of steps. */
  event: string | null;
}

const EFFECTS: ReadonlySet<string> = new Set<Effect<unknown>['type']>([
  'persist',
  'send',
  'announce',
  'setTimer',
  'cancelTimer',
  'build',
  'seal',
  'unseal',
  'insert',
  'check',
  'setHead',
  'finalize',
  'fetch',
  'offence',
  'reply',
  'trace',
]);
/** More effects of one step than this: the engine has lost count. */
const MAX_EFFECTS = 100_000;

/** `observe` is told of every step, and of every message that the driver lets leave. */
export function watchEngine(engine: AnyEngine, node: number, activity: Activity, observe: Observe): AnyEngine {
  const watched = Object.create(engine) as AnyEngine;
  watched.step = (state, event, context) => {
    activity.node = node;
    activity.event = event.type;
    const answer: unknown = engine.step(state, event, context);
    activity.event = null;
    checkEffects(answer);
    const effects = answer as readonly Effect<unknown>[];
    observe({ type: 'step', node, event, effects });
    return effects;
  };
  watched.encode = (message) => {
    observe({ type: 'sending', node, message });
    return engine.encode(message);
  };
  return watched;
}

function checkEffects(effects: unknown): void {
  if (!Array.isArray(effects)) throw malformed(`answered with ${shown(effects)} instead of a list of effects`);
  if (effects.length > MAX_EFFECTS) throw malformed(`answered with ${effects.length} effects; at most ${MAX_EFFECTS} are taken`);
  for (const effect of effects) {
    const type: unknown = typeof effect === 'object' && effect !== null ? effect.type : undefined;
    if (typeof type !== 'string' || !EFFECTS.has(type)) throw malformed(`answered with ${shown(effect)}, which is no effect`);
  }
}

function malformed(what: string): InternalError {
  return new InternalError('simulator/malformed-effect', `The engine ${what}.`);
}

function shown(value: unknown): string {
  try {
    return quote(JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? `${item}n` : item)) ?? String(value));
  } catch {
    return quote(String(value));
  }
}
