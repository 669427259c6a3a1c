/** Bounded. What strangers can make a proof-of-stake node keep, looked up now and then in what the engine says of itself. */
import type { Json } from '../../base/types.ts';
import type { CheckerFactory } from './checker.ts';

const BOUNDS: readonly (readonly [name: string, most: number])[] = [
  ['orphans', 128],
  ['waitingVotes', 512],
  ['offences', 128],
  ['blocks', 32_768],
  // Of two epochs of eight slots, and those of the current one.
  ['votedSlots', 24],
];
/** Steps of a node between two looks. */
const LOOK_STEPS = 64;

export const posBounded: CheckerFactory = ({ isCorrect, inspect, report }) => {
  const steps = new Map<number, number>();
  return {
    name: 'Bounded',
    sees: ['step'],
    observe(observation) {
      if (observation.type !== 'step' || !isCorrect(observation.node)) return;
      const { node } = observation;
      const count = (steps.get(node) ?? 0) + 1;
      steps.set(node, count);
      if (count % LOOK_STEPS !== 0) return;
      const state = inspect(node) as { readonly [name: string]: Json } | null;
      for (const [name, most] of BOUNDS) {
        const size = Number(state?.[name] ?? 0);
        if (size > most) report({ node, message: `Holds ${size} ${name}; at most ${most} are allowed.` });
      }
    },
  };
};
