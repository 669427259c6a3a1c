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
  const watch =
    <Values extends readonly unknown[], Answer>(call: string, work: (...values: Values) => Answer) =>
    (...values: Values): Answer => {
      activity.node = node;
      activity.call = call;
      try {
        const answer = work(...values);
        activity.call = null;
        return answer;
      } catch (error) {
        // A refusal is an answer. After anything else the run ends, and it is good to know where it was.
        if (error instanceof RuleError) activity.call = null;
        throw error;
      }
    };
  /** Of those functions whose answer is checked by itself. */
  const ask = <Values extends readonly unknown[], Answer>(call: Asked, work: (...values: Values) => Answer) =>
    watch(call, (...values: Values): Answer => {
      const answer = work(...values);
      checkAnswer(call, answer);
      return answer;
    });
  const step = watch('step', (...values: Parameters<AnyEngine['step']>) => {
    activity.event = values[1].type;
    const answer: unknown = engine.step(...values);
    activity.event = null;
    checkEffects(answer);
    return answer;
  });
  const encode = ask('encode', (message: unknown) => engine.encode(message));
  watched.step = (state, event, context) => {
    const effects = step(state, event, context);
    observe({ type: 'step', node, event, effects });
    return effects;
  };
  watched.encode = (message) => {
    observe({ type: 'sending', node, message });
    return encode(message);
  };
  watched.init = ask('init', (context) => engine.init(context));
  watched.decode = ask('decode', (bytes) => engine.decode(bytes));
  if (engine.carried !== undefined) watched.carried = ask('carried', (message) => engine.carried?.(message) ?? []);
  watched.genesisFacts = ask('genesisFacts', (header) => engine.genesisFacts(header));
  watched.verifyHeader = ask('verifyHeader', (...values) => engine.verifyHeader(...values));
  watched.verifySeal = ask('verifySeal', (sealed) => engine.verifySeal(sealed));
  watched.verifyCertificate = ask('verifyCertificate', (...values) => engine.verifyCertificate(...values));
  watched.randomness = ask('randomness', (header) => engine.randomness(header));
  watched.rewards = ask('rewards', (block) => engine.rewards(block));
  if (engine.safe !== undefined) watched.safe = ask('safe', (state) => engine.safe?.(state) ?? null);
  watched.inspect = ask('inspect', (state) => engine.inspect(state));
  return watched;
}
