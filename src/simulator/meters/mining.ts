/**
 * How well proof-of-work keeps its time and its blocks: against the timetable (pauses are not in it), the waits between
 * blocks as the world's clock has them, the blocks that were found in vain, and how much of the hash power was against it.
 */
import type { Hash } from '../../base/types.ts';
import type { ChainView } from '../../chain/tree.ts';
import type { MeterFactory } from './meter.ts';

const MEDIAN = 0.5;
const RARELY = 0.99;

export const miningMeter: MeterFactory = ({ nodes, isCorrect, chainOf, nowMs, blockMs, badShare }) => {
  /** When each block was first stored anywhere: by whoever found it, unless that node keeps no blocks of its own. */
  const foundMs = new Map<Hash, number>();
  let deepest = 0;

  /** The heaviest chain of those who follow the protocol. */
  function best(): ChainView | null {
    const chains = Array.from({ length: nodes }, (_, node) => (isCorrect(node) ? chainOf(node) : null));
    return chains.reduce((a, b) => (a === null || (b !== null && b.head.facts.weight > a.head.facts.weight) ? b : a), null);
  }

  return {
    sees: ['inserted', 'head'],
    observe(observation) {
      if (observation.type === 'inserted' && !foundMs.has(observation.hash)) foundMs.set(observation.hash, nowMs());
      if (observation.type === 'head' && isCorrect(observation.node)) deepest = Math.max(deepest, observation.removed.length);
    },
    read() {
      const chain = best();
      if (chain === null) return {};
      const { head } = chain;
      const found = [0, ...timesOf(chain, foundMs)];
      const waits = found.slice(1).map((ms, index) => (ms - (found[index] ?? 0)) / 1_000);
      const elapsedMs = (found.at(-1) ?? 0) - 1_000 * Number(head.facts.carried);
      const height = head.header.number;
      return {
        blocks: height,
        'blocks / expected': (height * blockMs) / elapsedMs,
        'median wait (s)': quantile(waits, MEDIAN),
        'wait of 99% (s)': quantile(waits, RARELY),
        'stale blocks (%)': 100 * (1 - height / Math.max(height, foundMs.size)),
        'deepest reorganisation': deepest,
        'hash power against it (%)': 100 * badShare,
      };
    },
  };
};

/** When the blocks of the chain were found, from block 1 on. */
function timesOf(chain: ChainView, foundMs: ReadonlyMap<Hash, number>): number[] {
  const numbers = Array.from({ length: chain.head.header.number }, (_, index) => index + 1);
  return numbers.flatMap((number) => {
    const hash = chain.canonical(number);
    const ms = hash && foundMs.get(hash);
    return ms ?? [];
  });
}

/** The value that this share of them does not exceed. */
function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN;
}
