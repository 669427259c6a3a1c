/**
 * The engine of the tutorial with one thing wrong in each: what the conformance suite has to find, and by which case. Each
 * is the good engine with something around it, so that it is wrong in this one way.
 */
import { present } from '../../../src/base/assert.ts';
import { EMPTY } from '../../../src/base/bytes.ts';
import type { Json, NodeId } from '../../../src/base/types.ts';
import type { AnyEngine, Context, Effect, EngineFactory, Event } from '../../../src/consensus/engine.ts';
import { createEngine } from '../../../src/simulator/tutorial/engine.ts';

export interface Broken {
  readonly name: string;
  readonly createEngine: EngineFactory;
  /** Cases of which each finds it. */
  readonly foundBy: readonly string[];
}

type AnyEvent = Event<unknown>;
type AnyEffect = Effect<unknown>;
type State = Parameters<AnyEngine['step']>[0];
type StepChange = (step: () => readonly AnyEffect[], state: State, event: AnyEvent, context: Context) => readonly AnyEffect[];

const changed =
  (change: (engine: AnyEngine) => Partial<AnyEngine>): EngineFactory =>
  (...values) => {
    const engine = createEngine(...values);
    return { ...engine, ...change(engine) };
  };

/** Another step around the good one, which `step()` takes. */
const around = (change: StepChange) =>
  changed((engine) => ({ step: (state, event, context) => change(() => engine.step(state, event, context), state, event, context) }));

/** Some effects are left out. */
const without = (unwanted: (effect: AnyEffect, event: AnyEvent) => boolean) =>
  around((step, _state, event) => step().filter((effect) => !unwanted(effect, event)));

const settingsOf = (params: Parameters<EngineFactory>[0]) =>
  params.engine.settings as { readonly nodes: readonly NodeId[]; readonly keys: readonly string[] };

/** With other settings than the network has. */
const misled =
  (change: (settings: ReturnType<typeof settingsOf>) => object): EngineFactory =>
  (params, ...rest) => {
    const settings = { ...settingsOf(params), ...change(settingsOf(params)) } as { readonly [key: string]: Json };
    return createEngine({ ...params, engine: { ...params.engine, settings } }, ...rest);
  };

let steps = 0;

export const BROKEN: readonly Broken[] = [
  {
    name: 'forgets its vote when it starts again',
    createEngine: changed((engine) => ({
      step: (state, event, context) => engine.step(state, event.type === 'start' ? { ...event, records: [] } : event, context),
    })),
    foundBy: ['powerCuts', 'handovers'],
  },
  {
    name: 'sends before it has persisted',
    createEngine: around((step) => step().map((effect) => ('after' in effect ? { ...effect, after: undefined } : effect) as AnyEffect)),
    foundBy: ['crashPoints'],
  },
  {
    name: 'is content with one vote',
    // One key, as far as its number goes; all keys are in it.
    createEngine: misled(({ keys }) => ({ keys: { ...keys, length: 1 } })),
    foundBy: ['crashPoints', 'handovers'],
  },
  {
    name: 'counts half of the members as a majority',
    createEngine: misled(({ keys }) => ({ keys: { ...keys, length: Math.max(1, keys.length - 2) } })),
    foundBy: ['crashPoints'],
  },
  {
    name: 'throws something else on a message that it does not know',
    createEngine: changed((engine) => ({
      decode: (bytes) => (bytes.length < 2 ? present(bytes[3], 'the fourth byte') : engine.decode(bytes)),
    })),
    foundBy: ['bytes'],
  },
  {
    name: 'decodes what it would not have encoded',
    createEngine: changed((engine) => ({ encode: (message) => engine.encode(message).slice().reverse() })),
    foundBy: ['bytes', 'calm'],
  },
  {
    name: 'takes anything for a certificate',
    createEngine: changed(() => ({ verifyCertificate: () => undefined })),
    foundBy: ['calm'],
  },
  {
    name: 'finalizes with a certificate that proves nothing',
    createEngine: around((step) => step().map((effect) => (effect.type === 'finalize' ? { ...effect, certificate: EMPTY } : effect))),
    foundBy: ['calm'],
  },
  {
    name: 'waits for a dead leader for ever',
    createEngine: without((effect) => effect.type === 'setTimer' && effect.id === 'epoch'),
    foundBy: ['deaths', 'cuts'],
  },
  {
    name: 'remembers every block',
    createEngine: around((step, state, event) => {
      if (event.type === 'checked') state.history = [...(state.history ?? []), event.hash];
      return step();
    }),
    foundBy: ['quiet'],
  },
  {
    name: 'never truncates its log',
    createEngine: around((step) =>
      step().map((effect) => (effect.type === 'persist' ? { ...effect, truncateBelow: undefined } : effect) as AnyEffect),
    ),
    foundBy: ['quiet'],
  },
  {
    name: 'says more with every block',
    createEngine: around((step, _state, _event, { chain }) =>
      step().flatMap((effect) => (effect.type === 'send' ? Array(1 + (chain.head.header.number >> 5)).fill(effect) : [effect])),
    ),
    foundBy: ['quiet'],
  },
  {
    name: 'sets a timer for every height',
    createEngine: around((step, _state, _event, { chain }) => [
      ...step(),
      { type: 'setTimer', id: `height ${chain.head.header.number}`, delayMs: 1e9 },
    ]),
    foundBy: ['quiet'],
  },
  {
    name: 'reads the clock',
    createEngine: around((step, _state, event) =>
      step().map((effect) =>
        event.type === 'start' && effect.type === 'setTimer' ? { ...effect, delayMs: 1 + (Date.now() % 1_000) } : effect,
      ),
    ),
    foundBy: ['calm', 'same'],
  },
  {
    name: 'counts the steps of all its instances',
    createEngine: around((step) => {
      steps++;
      return step().map((effect) => (effect.type === 'setTimer' ? { ...effect, delayMs: effect.delayMs + (steps % 7) } : effect));
    }),
    foundBy: ['same'],
  },
  {
    name: 'does not answer commands',
    createEngine: without((effect) => effect.type === 'reply'),
    foundBy: ['commands'],
  },
];
