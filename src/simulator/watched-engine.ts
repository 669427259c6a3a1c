/**
 * An engine under observation: where it is at work is known at any moment, should it not come back, and an answer that has
 * not its form is named before anybody trips over it.
 */
import { RuleError } from '../base/errors.ts';
import type { AnyEngine } from '../consensus/engine.ts';
import { type Asked, checkAnswer, checkEffects } from './effect-shapes.ts';
import type { Observe } from './observations.ts';

/** What the simulation is doing right now. */
export interface Activity {
  node: number;
  /** The engine's function that is at work; null outside of the engine. */
  call: string | null;
  /** The event that the engine's `step` was given; null outside of steps. */
  event: string | null;
}

/** Where in an engine something went wrong, to begin a sentence with; empty outside of engines. */
export function placeIn({ call, event }: Activity): string {
  if (call === null) return '';
  return event === null ? `In '${call}': ` : `On event '${event}': `;
}

/** `observe` is told of every step, and of every message that the driver lets leave. -1 is a place that is none. */
export function watchEngine(engine: AnyEngine, node: number, activity: Activity, observe: Observe): AnyEngine {
  const watched = Object.create(engine) as AnyEngine;
  /** Lets the engine work at one of its functions. */
  const watch = <Answer>(call: string, work: () => Answer): Answer => {
    activity.node = node;
    activity.call = call;
    try {
      const answer = work();
      activity.call = null;
      return answer;
    } catch (error) {
      // A refusal is an answer. After anything else the run ends, and it is good to know where it was.
      if (error instanceof RuleError) activity.call = null;
      throw error;
    }
  };
  /** The same for those whose answer is checked by itself. */
  const ask = <Answer>(call: Asked, work: () => Answer): Answer =>
    watch(call, () => {
      const answer = work();
      checkAnswer(call, answer);
      return answer;
    });
  watched.step = (state, event, context) => {
    const effects = watch('step', () => {
      activity.event = event.type;
      const answer: unknown = engine.step(state, event, context);
      activity.event = null;
      checkEffects(answer);
      return answer;
    });
    observe({ type: 'step', node, event, effects });
    return effects;
  };
  watched.encode = (message) => {
    observe({ type: 'sending', node, message });
    return ask('encode', () => engine.encode(message));
  };
  watched.init = (context) => ask('init', () => engine.init(context));
  watched.decode = (bytes) => ask('decode', () => engine.decode(bytes));
  if (engine.carried !== undefined) watched.carried = (message) => ask('carried', () => engine.carried?.(message) ?? []);
  watched.genesisFacts = (header) => ask('genesisFacts', () => engine.genesisFacts(header));
  watched.verifyHeader = (sealed, parent, ancestors, wallMs) =>
    ask('verifyHeader', () => engine.verifyHeader(sealed, parent, ancestors, wallMs));
  watched.verifySeal = (sealed) => ask('verifySeal', () => engine.verifySeal(sealed));
  watched.verifyCertificate = (hash, certificate, view) =>
    ask('verifyCertificate', () => engine.verifyCertificate(hash, certificate, view));
  watched.randomness = (header) => ask('randomness', () => engine.randomness(header));
  watched.rewards = (block) => ask('rewards', () => engine.rewards(block));
  if (engine.safe !== undefined) watched.safe = (state) => ask('safe', () => engine.safe?.(state) ?? null);
  watched.inspect = (state) => ask('inspect', () => engine.inspect(state));
  return watched;
}
