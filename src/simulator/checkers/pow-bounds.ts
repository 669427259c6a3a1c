/**
 * What strangers can make a proof-of-work node keep. Bounded: what it remembers, by the numbers that its README promises,
 * looked up in what the engine says of itself. WorkBeforeStorage: what it stores; a gossiped block must come, with what
 * waited on top of it, within ten blocks' work of the head.
 */
import type { Json } from '../../base/types.ts';
import type { ChainView } from '../../chain/tree.ts';
import type { Effect } from '../../consensus/engine.ts';
import type { CheckerFactory } from './checker.ts';

const BOUNDS: readonly (readonly [path: readonly string[], most: number])[] = [
  [['orphans', 'blocks'], 128],
  [['orphans', 'bytes'], 32 * 1024 * 1024],
  [['candidates'], 1_024],
  [['fetches'], 64],
  [['early'], 32],
];

/** Traces of the engine after which something may have grown. */
const GROWTH = ['orphan', 'early'];

export const bounded: CheckerFactory = ({ isCorrect, inspect, report }) => ({
  name: 'Bounded',
  sees: ['engine'],
  observe(observation) {
    if (observation.type !== 'engine' || !GROWTH.includes(observation.name) || !isCorrect(observation.node)) return;
    const { node } = observation;
    const state = inspect(node);
    for (const [path, most] of BOUNDS) {
      const size = Number(path.reduce(at, state) ?? 0);
      if (size > most) report({ node, message: `Holds ${size} ${path.join(' ')}; at most ${most} are allowed.` });
    }
  },
});

function at(value: Json, name: string): Json {
  return (value as { readonly [key: string]: Json } | null)?.[name] ?? null;
}

const LOW_WORK_DEPTH = 10;

export const workBeforeStorage: CheckerFactory = ({ isCorrect, chainOf, report }) => ({
  name: 'WorkBeforeStorage',
  sees: ['step'],
  observe(observation) {
    if (observation.type !== 'step') return;
    const { node, event, effects } = observation;
    if (event.type !== 'block' || event.origin !== 'gossip' || !isCorrect(node)) return;
    const chain = chainOf(node);
    if (chain === null) return;
    const weights = effects.flatMap((effect) => (effect.type === 'insert' ? [effect.facts.weight] : []));
    // A block that waited on top may have counted and then turned out to break a rule: its work was real.
    if (weights.length === 0 || effects.some(isRefusal)) return;
    const least = weightBehindHead(chain);
    if (weights.some((weight) => weight > least)) return;
    const { number } = event.block.header;
    report({ node, message: `Stored gossiped block ${number}, whose branch has work ${weights.at(-1)}; it takes more than ${least}.` });
  },
});

function isRefusal(effect: Effect<unknown>): boolean {
  return effect.type === 'trace' && (effect.name === 'invalid' || effect.name === 'ignored' || effect.name === 'early');
}

function weightBehindHead(chain: ChainView): bigint {
  const hash = chain.canonical(chain.head.header.number - LOW_WORK_DEPTH);
  return (hash && chain.get(hash)?.facts.weight) ?? 0n;
}
