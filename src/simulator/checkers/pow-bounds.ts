/**
 * Bounded. What strangers can make a proof-of-work node remember is bounded, whatever they send: the numbers that its
 * README promises, looked up in what the engine says of itself.
 */
import type { Json } from '../../base/types.ts';
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
