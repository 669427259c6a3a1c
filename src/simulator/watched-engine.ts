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

/**
 * `observe` is told of every step, and of every message that the driver lets leave. -1 is a place that is none. Made of the
 * engine's parts one by one: an object whose prototype is the engine has a shape that no other has, and calling it is slow.
 */
export function watchEngine(engine: AnyEngine, node: number, activity: Activity, observe: Observe): AnyEngine {
  const begin = (call: string): void => {
    activity.node = node;
    activity.call = call;
  };
  const threw = (error: unknown): never => {
    // A refusal is an answer. After anything else the run ends, and it is good to know where it was.
    if (error instanceof RuleError) activity.call = null;
    throw error;
  };
  /** Lets the engine work at one of its functions. */
  const ask = <Answer>(call: Asked, work: () => Answer): Answer => {
    begin(call);
    try {
      const answer = work();
      checkAnswer(call, answer);
      activity.call = null;
      return answer;
    } catch (error) {
      return threw(error);
    }
  };
  const step: AnyEngine['step'] = (state, event, context) => {
    begin('step');
    try {
      activity.event = event.type;
      const effects: unknown = engine.step(state, event, context);
      activity.event = null;
      checkEffects(effects);
      activity.call = null;
      observe({ type: 'step', node, event, effects });
      return effects;
    } catch (error) {
      return threw(error);
    }
  };
  return {
    ...optionalParts(engine, ask),
    name: engine.name,
    finality: engine.finality,
    faults: engine.faults,
    step,
    encode: (message) => {
      observe({ type: 'sending', node, message });
      return ask('encode', () => engine.encode(message));
    },
    init: (context) => ask('init', () => engine.init(context)),
    decode: (bytes) => ask('decode', () => engine.decode(bytes)),
    genesisFacts: (header) => ask('genesisFacts', () => engine.genesisFacts(header)),
    verifyHeader: (sealed, parent, ancestors, wallMs) => ask('verifyHeader', () => engine.verifyHeader(sealed, parent, ancestors, wallMs)),
    verifySeal: (sealed) => ask('verifySeal', () => engine.verifySeal(sealed)),
    verifyCertificate: (hash, certificate, view) => ask('verifyCertificate', () => engine.verifyCertificate(hash, certificate, view)),
    randomness: (header) => ask('randomness', () => engine.randomness(header)),
    rewards: (block) => ask('rewards', () => engine.rewards(block)),
    inspect: (state) => ask('inspect', () => engine.inspect(state)),
  };
}

/** The members of the contract that are marked with `?`. */
type OptionalKey = {
  [Key in keyof AnyEngine]-?: Partial<Pick<AnyEngine, Key>> extends Pick<AnyEngine, Key> ? Key : never;
}[keyof AnyEngine];
type Optional = Pick<AnyEngine, OptionalKey>;

/**
 * What not every engine has. What only nodes and their operators ask for goes through as it is. All of them are named, so that one
 * that is new in the contract does not compile before it is here.
 */
function optionalParts(engine: AnyEngine, ask: <Answer>(call: Asked, work: () => Answer) => Answer): Optional {
  const parts: { readonly [Key in OptionalKey]-?: AnyEngine[Key] | undefined } = {
    admin: engine.admin,
    carried: engine.carried && ((message) => ask('carried', () => engine.carried?.(message) ?? [])),
    safe: engine.safe && ((state) => ask('safe', () => engine.safe?.(state) ?? null)),
    present: engine.present?.bind(engine),
    leader: engine.leader?.bind(engine),
    believes: engine.believes?.bind(engine),
    sizes: engine.sizes?.bind(engine),
  };
  return Object.fromEntries(Object.entries(parts).filter(([, part]) => part !== undefined)) as Optional;
}
