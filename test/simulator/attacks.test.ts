/** Attacks on proof-of-work, each with what must come of it. Numbers are of one seed each, with room for another's luck. */
import { describe, expect, it } from 'vitest';
import type { Block } from '../../src/chain/block.ts';
import type { HeaderNode } from '../../src/chain/tree.ts';
import { COMMON_CHECKERS } from '../../src/simulator/checkers/all.ts';
import type { CheckerFactory, Violation } from '../../src/simulator/checkers/checker.ts';
import type { Fault } from '../../src/simulator/faults.ts';
import type { Observation } from '../../src/simulator/observations.ts';
import type { Options } from '../../src/simulator/options.ts';
import { FOR_EVER_MS } from '../../src/simulator/schedule.ts';
import { Simulation } from '../../src/simulator/simulation.ts';
import { powSubject } from '../../src/simulator/subjects/pow.ts';
import { addressOfAccount } from '../../src/simulator/transfers.ts';
import { optionsWith } from './support.ts';

const BLOCK_SECONDS = 10;
const BLOCK_MS = 1_000 * BLOCK_SECONDS;
const HOUR_MS = 3_600_000;
const ENGINE = { blockTimeSeconds: BLOCK_SECONDS, minimumDifficulty: 50, blockRewardWei: 5 };
/** The last of the nodes attacks. */
const ATTACKER = 3;

type Of<Type extends Observation['type']> = Extract<Observation, { type: Type }>;

interface Played {
  /** Of the first node, which is honest, without genesis. */
  readonly chain: readonly HeaderNode[];
  readonly violations: readonly Violation[];
  readonly heads: readonly Of<'head'>[];
  readonly inserted: readonly Of<'inserted'>[];
  readonly offences: readonly Of<'offence'>[];
  readonly faultsMs: number;
  /** Whether the heads of these nodes are those of one chain, but for the last few blocks. */
  agree(...places: readonly number[]): boolean;
  /** Of the blocks of `chain`, the part for which this node was paid. */
  share(place: number): number;
  /** What a node keeps, canonical or not. */
  stored(place: number): readonly Block[];
}

function play(options: Partial<Options>, schedule: readonly Fault[], seed = '1'): Played {
  const all = optionsWith({
    nodes: 4,
    survivors: [0, 1, 2, 3],
    hashRates: [250, 250, 250, 250],
    transfersPerMinute: 6,
    engine: ENGINE,
    ...options,
  });
  const seen: Observation[] = [];
  const collector: CheckerFactory = () => ({
    name: 'Collector',
    observe: (observation) => {
      if (['head', 'inserted', 'offence'].includes(observation.type)) seen.push(observation);
    },
  });
  const simulation = new Simulation({
    subject: powSubject,
    seed,
    options: all,
    schedule,
    checkers: [...COMMON_CHECKERS, ...powSubject.invariants, collector],
    marks: [],
  });
  while (!simulation.isOver && !simulation.hasFailed) simulation.step();
  const viewOf = (place: number) => {
    const view = simulation.nodes[place]?.life?.chain;
    if (view === undefined) expect.unreachable(`node ${place} is down`);
    return view;
  };
  const of = <Type extends Observation['type']>(type: Type) => seen.filter((one): one is Of<Type> => one.type === type);
  const chain = canonicalOf(viewOf(0));
  return {
    chain,
    violations: simulation.violations,
    heads: of('head'),
    inserted: of('inserted'),
    offences: of('offence'),
    faultsMs: all.faultsMs,
    agree: (...places) => {
      const common = Math.min(...places.map((place) => viewOf(place).head.header.number)) - 4;
      return new Set(places.map((place) => viewOf(place).canonical(common))).size === 1;
    },
    share: (place) => {
      const address = addressOfAccount(all.accounts + place);
      return chain.filter(({ header }) => header.beneficiary === address).length / chain.length;
    },
    stored: (place) => {
      const view = viewOf(place);
      const heights = Array.from({ length: view.maxHeight }, (_, index) => view.atHeight(index + 1, 100_000));
      return heights.flat().flatMap(({ hash }) => view.block(hash) ?? []);
    },
  };
}

function canonicalOf(view: { readonly head: HeaderNode; get(hash: HeaderNode['hash']): HeaderNode | undefined }): HeaderNode[] {
  const blocks: HeaderNode[] = [];
  for (let at = view.head; at.header.number > 0; ) {
    blocks.push(at);
    const parent = view.get(at.header.parentHash);
    if (parent === undefined) expect.unreachable(`block ${at.header.number} has no parent`);
    at = parent;
  }
  return blocks.reverse();
}

const byzantine = (behaviour: string, node = ATTACKER): Fault => ({ fault: 'byzantine', node, behaviour, atMs: 0, forMs: FOR_EVER_MS });
const unexpected = ({ violations }: Played) => violations.filter(({ expected }) => !expected);

describe('a selfish miner', () => {
  const options = { hashRates: [200, 200, 200, 400], faultsMs: 3_000 * BLOCK_MS };

  it('with 40% of the hash power takes more than its share of the blocks, and nothing else', () => {
    const honest = play(options, []);
    const selfish = play(options, [byzantine('selfish')]);
    expect(unexpected(honest)).toEqual([]);
    expect(unexpected(selfish)).toEqual([]);
    // Eyal and Sirer (2014), equation 8: 48% if it loses every tie, 52% if it wins half of them.
    expect(honest.share(ATTACKER)).toBeGreaterThan(0.37);
    expect(honest.share(ATTACKER)).toBeLessThan(0.43);
    expect(selfish.share(ATTACKER)).toBeGreaterThan(0.44);
    expect(selfish.share(ATTACKER)).toBeLessThan(0.56);
    expect(selfish.agree(0, 1, 2)).toBe(true);
  });

  it('with 15% loses by it', () => {
    const small = play({ ...options, hashRates: [300, 300, 250, 150] }, [byzantine('selfish')]);
    expect(unexpected(small)).toEqual([]);
    expect(small.share(ATTACKER)).toBeLessThan(0.15);
  });
});

describe('a withholding miner', () => {
  it('gains nothing, and keeps nobody from agreeing', () => {
    const played = play({ faultsMs: 1_500 * BLOCK_MS }, [byzantine('withholding')]);
    expect(unexpected(played)).toEqual([]);
    expect(played.share(ATTACKER)).toBeLessThan(0.29);
    expect(played.agree(0, 1, 2)).toBe(true);
    expect(played.offences).toEqual([]);
  });
});

describe('timewarp', () => {
  const options = { hashRates: [200, 200, 200, 400], faultsMs: 2_000 * BLOCK_MS };
  const pauses = { ...ENGINE, pauseAfterSeconds: 20 * BLOCK_SECONDS };

  it('by 40% of the hash power changes the pace of the chain by next to nothing', () => {
    const played = play(options, [byzantine('timewarp')]);
    expect(unexpected(played)).toEqual([]);
    const wanted = played.faultsMs / BLOCK_MS;
    expect(played.chain.length / wanted).toBeGreaterThan(0.95);
    expect(played.chain.length / wanted).toBeLessThan(1.1);
  });

  it('does not make a pause where there is none', () => {
    const played = play({ ...options, engine: pauses }, [byzantine('timewarp')], '2');
    expect(unexpected(played)).toEqual([]);
    expect(played.chain.at(-1)?.facts.carried).toBe(0n);
    expect(played.chain.every(({ header }) => header.difficulty > BigInt(ENGINE.minimumDifficulty))).toBe(true);
  });

  it('with times that break the rules gets no block into the chain', () => {
    const played = play({ ...options, faultsMs: HOUR_MS }, [byzantine('unlawfulHeaders')]);
    expect(unexpected(played)).toEqual([]);
    expect(played.offences.some(({ against }) => against === ATTACKER)).toBe(true);
    expect(played.offences.every(({ node, against }) => against === ATTACKER || node === ATTACKER)).toBe(true);
  });
});

describe('floods', () => {
  it.each(['flooding', 'orphaning'])('of %s are not stored and hold nobody up', (behaviour) => {
    const played = play({ faultsMs: HOUR_MS, hashRates: [200, 200, 200, 400] }, [byzantine(behaviour)]);
    expect(unexpected(played)).toEqual([]);
    const beside = played.stored(0).length - played.chain.length;
    // Honest siblings; a flood is thousands.
    expect(beside).toBeLessThan(0.05 * played.chain.length);
    expect(played.chain.length).toBeGreaterThan(0.8 * (played.faultsMs / BLOCK_MS));
    expect(played.agree(0, 1, 2)).toBe(true);
  });
});

describe('a deep fork', () => {
  it('after a partition of an hour ends in one chain, by a reorganisation of more than 100 blocks', () => {
    const partition: Fault = { fault: 'partition', side: [0, 1], direction: 'both', atMs: 600_000, forMs: HOUR_MS };
    const played = play({ faultsMs: 2 * HOUR_MS }, [partition]);
    expect(unexpected(played)).toEqual([]);
    expect(Math.max(...played.heads.map(({ removed }) => removed.length))).toBeGreaterThan(100);
    expect(played.agree(0, 1, 2, 3)).toBe(true);
    expect(played.offences).toEqual([]);
  });
});

describe('a majority', () => {
  it('may rewrite history, which is reported and no failure', () => {
    const played = play({ hashRates: [100, 100, 100, 700], faultsMs: 4 * HOUR_MS }, [byzantine('rewriting')]);
    expect(unexpected(played)).toEqual([]);
    const expected = played.violations.filter((violation) => violation.expected);
    expect(new Set(expected.map(({ checker }) => checker))).toEqual(new Set(['CommonPrefix']));
    expect(expected[0]?.message).toMatch(/^Gave up \d+ blocks at once: 70% of the hash power is against it\.$/);
  });
});

describe('hash power that comes and goes', () => {
  it('between once and eight times leaves the pace of the chain as it is', () => {
    const periodMs = 30 * 60_000;
    const periods = 16;
    const schedule = [0, 1, 2, 3].flatMap((node) =>
      Array.from(
        { length: periods / 2 },
        (_, index): Fault => ({ fault: 'hashRate', node, factor: 8, atMs: 2 * index * periodMs, forMs: periodMs }),
      ),
    );
    const played = play({ faultsMs: periods * periodMs }, schedule);
    expect(unexpected(played)).toEqual([]);
    const ratio = played.chain.length / (played.faultsMs / BLOCK_MS);
    expect(ratio).toBeGreaterThan(0.92);
    expect(ratio).toBeLessThan(1.12);
    const gaps = played.chain.map(
      ({ header }, index) => header.timestamp - (played.chain[index - 1]?.header.timestamp ?? header.timestamp),
    );
    expect(gaps.toSorted((a, b) => a - b)[Math.floor(0.99 * gaps.length)]).toBeLessThan(10 * BLOCK_SECONDS);
  });
});

describe('nobody honest is blamed and all honest nodes agree, with', () => {
  it.each([
    ['twins, two honest nodes with one name', 'twin'],
    ['an equivocating miner, two blocks for every height', 'equivocating'],
    ['stale replays', 'replaying'],
    ['changed messages', 'mutating'],
    ['garbage', 'garbage'],
    ['a boaster', 'boasting'],
    ['blocks that do not execute', 'invalidBlocks'],
    ['double spends in one block', 'doubleSpending'],
  ])('%s', (_attack, behaviour) => {
    const played = play({ faultsMs: 2 * HOUR_MS }, [byzantine(behaviour)]);
    expect(unexpected(played)).toEqual([]);
    const honest = behaviour === 'twin' ? [1, 2] : [0, 1, 2];
    expect(played.agree(...honest)).toBe(true);
    expect(played.chain.length).toBeGreaterThan(0.7 * (played.faultsMs / BLOCK_MS));
  });

  it('changed messages, whose sender is found out', () => {
    const { offences } = play({ faultsMs: HOUR_MS }, [byzantine('mutating')]);
    expect(offences.filter(({ against }) => against === ATTACKER).length).toBeGreaterThan(0);
  });

  it('two blocks for every height, of which both come into the chain at times and never two', () => {
    const played = play({ faultsMs: 2 * HOUR_MS }, [byzantine('equivocating')]);
    const heights = played.chain.map(({ header }) => header.number);
    expect(new Set(heights).size).toBe(heights.length);
    const own = played.stored(0).filter(({ header }) => header.beneficiary === addressOfAccount(4 + ATTACKER));
    const siblings = own.length - new Set(own.map(({ header }) => header.number)).size;
    expect(siblings).toBeGreaterThan(0);
  });
});
