/**
 * Coverage marks: rare things that must happen *sometimes* in a batch of runs, or the batch tests less than it seems to.
 * Source: FoundationDB's TEST macro, "sometimes assertions". A mark is reached by what can be observed of a run.
 */
import type { Observation } from './observations.ts';

export interface MarkRule {
  readonly name: string;
  /** A fresh one for each run: says whether this observation reaches the mark. */
  watch(): (observation: Observation) => boolean;
}

/** A mark that one observation is enough for. */
export function sometimes(name: string, reached: (observation: Observation) => boolean): MarkRule {
  return { name, watch: () => reached };
}

/** A trace of the engine of this name, with data that fit. */
export function traced(name: string, trace: string, fits: (data: { readonly [key: string]: unknown }) => boolean = () => true): MarkRule {
  return sometimes(name, (observation) => observation.type === 'engine' && observation.name === trace && fits(observation.data));
}

export class MarkCollector {
  readonly #open = new Set<{ readonly name: string; reaches(observation: Observation): boolean }>();
  readonly #reached: string[] = [];

  constructor(rules: readonly MarkRule[]) {
    for (const { name, watch } of rules) this.#open.add({ name, reaches: watch() });
  }

  /** In the order in which they were reached. */
  get reached(): readonly string[] {
    return this.#reached;
  }

  observe(observation: Observation): void {
    for (const mark of this.#open) {
      if (!mark.reaches(observation)) continue;
      this.#open.delete(mark);
      this.#reached.push(mark.name);
    }
  }
}

const DEEP_BLOCKS = 3;

export const COMMON_MARKS: readonly MarkRule[] = [
  sometimes('a node crashed', ({ type }) => type === 'stopped'),
  sometimes('a disk error stopped a node', (observation) => observation.type === 'stopped' && observation.error !== null),
  {
    name: 'a crash lost a head that was not durable',
    watch: () => {
      const chosen = new Map<number, string>();
      return (observation) => {
        if (observation.type === 'head') chosen.set(observation.node, observation.head.hash);
        return observation.type === 'started' && isOther(chosen.get(observation.node), observation.chain.head.hash);
      };
    },
  },
  {
    name: 'a crash during a reorganisation',
    watch: () => {
      const changing = new Set<number>();
      return (observation) => {
        if (observation.type === 'head' && observation.removed.length > 0) changing.add(observation.node);
        if (observation.type === 'durable') changing.delete(observation.node);
        return observation.type === 'stopped' && changing.delete(observation.node);
      };
    },
  },
  sometimes('a reorganisation', (observation) => observation.type === 'head' && observation.removed.length > 0),
  sometimes(
    `a reorganisation deeper than ${DEEP_BLOCKS}`,
    (observation) => observation.type === 'head' && observation.removed.length > DEEP_BLOCKS,
  ),
  sometimes('a block was invalid', (observation) => observation.type === 'checked' && observation.error !== null),
  sometimes('a peer was blamed', ({ type }) => type === 'offence'),
  sometimes('a block with transfers', (observation) => observation.type === 'built' && observation.block.transactions.length > 0),
  sometimes(
    'a node never came back',
    (observation) => observation.type === 'fault' && observation.fault.fault === 'crash' && observation.fault.forMs > 1e9,
  ),
  sometimes('an asymmetric partition', (observation) => {
    if (observation.type !== 'fault') return false;
    return observation.fault.fault === 'partition' && observation.fault.direction !== 'both';
  }),
];

function isOther(chosen: string | undefined, found: string): boolean {
  return chosen !== undefined && chosen !== found;
}
