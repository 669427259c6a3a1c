/**
 * Engines with an instrument inside, for cases that must see what no checker can: the state, and what another instance of
 * the same engine would have answered. Each is a subject like the one it was made of; what an instrument finds wrong it
 * throws, so that the run names the step in which it was found.
 */
import { InternalError } from '../../base/errors.ts';
import { quote } from '../../base/types.ts';
import type { AnyEngine, Context, Effect, Event } from '../../consensus/engine.ts';
import type { Subject } from '../subject.ts';
import { keyOf, weigh } from './values.ts';

type Step = AnyEngine['step'];
type State = Parameters<Step>[0];

function withEngines(subject: Subject, change: (make: () => AnyEngine) => Partial<AnyEngine>): Subject {
  const create: Subject['create'] = (...values) => {
    const make = () => subject.create(...values);
    return Object.assign(Object.create(make()) as AnyEngine, change(make));
  };
  return { ...subject, create };
}

/**
 * A second instance lives beside each engine, is told the same and must answer the same: what an engine knows is in its
 * state, and not in its module, in a counter of all instances, or in an event that it has changed.
 */
export function shadowed(subject: Subject): Subject {
  return withEngines(subject, (make) => {
    const [engine, shadow] = [make(), make()];
    const shadows = new WeakMap<WeakKey, State>();
    return {
      init(context) {
        const { first, second } = sameLuck(context);
        const state: State = engine.init(first);
        if (isObject(state)) shadows.set(state, shadow.init(second));
        return state;
      },
      step(state, event, context) {
        const { first, second } = sameLuck(context);
        const effects = engine.step(state, event, first);
        const other = isObject(state) ? shadows.get(state) : undefined;
        if (other !== undefined) compare(event, effects, shadow.step(other, event, second));
        return effects;
      },
    };
  });
}

/** Two contexts for one step: what the first one draws, the second draws again. */
function sameLuck(context: Context): { readonly first: Context; readonly second: Context } {
  const drawn: number[] = [];
  let used = 0;
  const draw = () => {
    const value = context.random();
    drawn.push(value);
    return value;
  };
  return { first: { ...context, random: draw }, second: { ...context, random: () => drawn[used++] ?? context.random() } };
}

function compare(event: Event<unknown>, effects: readonly Effect<unknown>[], others: readonly Effect<unknown>[]): void {
  const [one, other] = [effects, others].map(keyOf);
  if (one === other) return;
  throw new InternalError(
    'conformance/hidden-input',
    `Two instances that were told the same (last '${event.type}') answer differently, ${quote(one ?? '')} and ${quote(other ?? '')}: the engine depends on something besides state, event and context.`,
  );
}

/** What one state holds on to at some height. */
export interface Weight {
  readonly height: number;
  /** Values that can be reached from the state. */
  readonly values: number;
  readonly inspectCharacters: number;
  readonly timers: number;
  /** Records that a restart would read. */
  readonly records: number;
  /** Messages that were sent since the measurement before. */
  readonly messages: number;
}

/** Weighs each node's state whenever its head reaches one of these heights (ascending). */
export function weighed(subject: Subject, heights: readonly number[], onWeight: (node: string, weight: Weight) => void): Subject {
  return withEngines(subject, (make) => {
    const engine = make();
    const timers = new Set<string>();
    let [next, first, last, messages] = [0, 1, 0, 0];
    return {
      init: (context) => engine.init(context),
      step(state, event, context) {
        if (event.type === 'timer') timers.delete(event.id);
        if (event.type === 'start') [first, last] = [event.lsn - event.records.length + 1, event.lsn];
        const effects = engine.step(state, event, context);
        for (const effect of effects) {
          if (effect.type === 'setTimer') timers.add(effect.id);
          if (effect.type === 'cancelTimer') timers.delete(effect.id);
          if (effect.type === 'send') messages++;
          if (effect.type === 'persist') [first, last] = [Math.max(first, effect.truncateBelow ?? 0), effect.lsn];
        }
        const { chain, self } = context;
        const height = heights[next];
        if (height === undefined || chain.head.header.number < height) return effects;
        const inspectCharacters = JSON.stringify(engine.inspect(state)).length;
        onWeight(self, {
          height,
          values: weigh(state, chain),
          inspectCharacters,
          timers: timers.size,
          records: last - first + 1,
          messages,
        });
        messages = 0;
        next++;
        return effects;
      },
    };
  });
}

function isObject(value: unknown): value is WeakKey {
  return typeof value === 'object' && value !== null;
}
