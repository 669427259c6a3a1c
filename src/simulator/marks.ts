/**
 * Coverage marks: rare things that must happen *sometimes* in a batch of runs, or the batch tests less than it seems to.
 * Source: FoundationDB's TEST macro, "sometimes assertions". A mark is reached by what can be observed of a run.
 */
import type { Observer } from './audience.ts';
import type { Observation } from './observations.ts';

export interface MarkRule {
  readonly name: string;
  /** What it looks at; everything, if it does not say. */
  readonly sees?: readonly Observation['type'][];
  /** A fresh one for each run: says whether this observation reaches the mark. */
  watch(): (observation: Observation) => boolean;
}

/** A mark that one observation is enough for. */
export function sometimes(name: string, reached: (observation: Observation) => boolean, sees?: MarkRule['sees']): MarkRule {
  return { name, watch: () => reached, ...(sees !== undefined && { sees }) };
}

/** A trace of the engine of this name, with data that fit. */
export function traced(name: string, trace: string, fits: (data: { readonly [key: string]: unknown }) => boolean = () => true): MarkRule {
  return sometimes(name, (observation) => observation.type === 'engine' && observation.name === trace && fits(observation.data), [
    'engine',
  ]);
}

interface OpenMark {
  readonly rule: MarkRule;
  readonly reaches: (observation: Observation) => boolean;
}

export class MarkCollector implements Observer {
  readonly sees?: readonly Observation['type'][];
  #open: readonly OpenMark[];
  /** Those of them that look at observations of this kind, as far as that was asked since the last one was reached. */
  readonly #byType = new Map<Observation['type'], readonly OpenMark[]>();
  readonly #reached: string[] = [];

  constructor(rules: readonly MarkRule[]) {
    this.#open = rules.map((rule) => ({ rule, reaches: rule.watch() }));
    if (rules.every(({ sees }) => sees !== undefined)) this.sees = rules.flatMap(({ sees }) => sees ?? []);
  }

  /** In the order in which they were reached. */
  get reached(): readonly string[] {
    return this.#reached;
  }

  observe(observation: Observation): void {
    for (const mark of this.#byType.get(observation.type) ?? this.#thoseWhoSee(observation.type)) {
      if (!mark.reaches(observation)) continue;
      this.#reached.push(mark.rule.name);
      this.#open = this.#open.filter((open) => open !== mark);
      this.#byType.clear();
    }
  }

  #thoseWhoSee(type: Observation['type']): readonly OpenMark[] {
    const found = this.#open.filter(({ rule: { sees } }) => sees === undefined || sees.includes(type));
    this.#byType.set(type, found);
    return found;
  }
}

const DEEP_BLOCKS = 3;

const INVALID_BLOCK = 'a block was invalid';
const REORGANISATION = 'a reorganisation';
const DEEP_REORGANISATION = `a reorganisation deeper than ${DEEP_BLOCKS}`;
const CRASH_DURING_REORGANISATION = 'a crash during a reorganisation';
/** No run reaches them where blocks are final at once: of decided blocks none is ever given up. */
export const REORGANISATIONS: readonly string[] = [REORGANISATION, DEEP_REORGANISATION, CRASH_DURING_REORGANISATION];
/** Nor this one where members only crash: none of them makes a block that is wrong. */
export const WRONGDOING: readonly string[] = [INVALID_BLOCK];

export const COMMON_MARKS: readonly MarkRule[] = [
  sometimes('a node crashed', ({ type }) => type === 'stopped', ['stopped']),
  sometimes('a disk error stopped a node', (observation) => observation.type === 'stopped' && observation.error !== null, ['stopped']),
  sometimes(
    'a crash lost a write that was under way',
    (observation) => observation.type === 'stopped' && (observation.torn?.lost ?? 0) > 0,
    ['stopped'],
  ),
  {
    name: 'a crash lost a head that was not durable',
    sees: ['head', 'started'],
    watch: () => {
      const chosen = new Map<number, string>();
      return (observation) => {
        if (observation.type === 'head') chosen.set(observation.node, observation.head.hash);
        return observation.type === 'started' && isOther(chosen.get(observation.node), observation.chain.head.hash);
      };
    },
  },
  {
    name: CRASH_DURING_REORGANISATION,
    sees: ['head', 'durable', 'stopped'],
    watch: () => {
      const changing = new Set<number>();
      return (observation) => {
        if (observation.type === 'head' && observation.removed.length > 0) changing.add(observation.node);
        if (observation.type === 'durable') changing.delete(observation.node);
        return observation.type === 'stopped' && changing.delete(observation.node);
      };
    },
  },
  sometimes(REORGANISATION, (observation) => observation.type === 'head' && observation.removed.length > 0, ['head']),
  sometimes(DEEP_REORGANISATION, (observation) => observation.type === 'head' && observation.removed.length > DEEP_BLOCKS, ['head']),
  sometimes(INVALID_BLOCK, (observation) => observation.type === 'checked' && observation.error !== null, ['checked']),
  sometimes('a peer was blamed', ({ type }) => type === 'offence', ['offence']),
  sometimes('a block with transfers', (observation) => observation.type === 'built' && observation.block.transactions.length > 0, [
    'built',
  ]),
  sometimes(
    'a node never came back',
    (observation) => observation.type === 'fault' && observation.fault.fault === 'crash' && observation.fault.forMs > 1e9,
    ['fault'],
  ),
  sometimes(
    'an asymmetric partition',
    (observation) => {
      if (observation.type !== 'fault') return false;
      return observation.fault.fault === 'partition' && observation.fault.direction !== 'both';
    },
    ['fault'],
  ),
];

function isOther(chosen: string | undefined, found: string): boolean {
  return chosen !== undefined && chosen !== found;
}
