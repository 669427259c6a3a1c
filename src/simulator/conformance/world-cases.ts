/** Cases of the conformance suite that are runs: kinds of trouble, crashes at the worst moments, nodes that misbehave. */
import { Random } from '../../base/random.ts';
import { TWIN } from '../behaviours/common.ts';
import type { CheckerFactory } from '../checkers/checker.ts';
import type { Fault } from '../faults.ts';
import { isOfNode } from '../observations.ts';
import type { Plan } from '../run.ts';
import { FOR_EVER_MS } from '../schedule.ts';
import type { Subject } from '../subject.ts';
import { type Bench, type Case, type Finding, withFaults } from './bench.ts';
import { TROUBLES } from './troubles.ts';

interface Effort {
  readonly title: string;
  /** How many seeds, and for how many blocks' time each. More where it takes more to find what is wrong. */
  readonly runs: number;
  readonly blocks: number;
}

const EFFORTS: { readonly [name in keyof typeof TROUBLES]: Effort } = {
  calm: { title: 'blocks are made and agreed on when nothing fails', runs: 8, blocks: 30 },
  crashes: { title: 'nodes crash and come back', runs: 20, blocks: 40 },
  powerCuts: { title: 'all nodes lose power at once', runs: 30, blocks: 40 },
  cuts: { title: 'the network is cut, both ways and one way', runs: 30, blocks: 40 },
  handovers: { title: 'the majority changes hands, and who belongs to both loses power', runs: 40, blocks: 40 },
  noise: { title: 'messages are lost, repeated and overtaken', runs: 15, blocks: 40 },
  deafness: { title: 'most messages are lost, for many blocks', runs: 50, blocks: 70 },
  delays: { title: 'messages are held back', runs: 15, blocks: 40 },
  clocks: { title: 'clocks jump and drift', runs: 30, blocks: 25 },
  disks: { title: 'disks are slow, and writes fail', runs: 20, blocks: 40 },
  deaths: { title: 'a quorum is left and all others are dead for ever', runs: 30, blocks: 30 },
  everything: { title: 'much of this at once', runs: 40, blocks: 50 },
};

function troubleCase(name: keyof typeof TROUBLES): Case {
  const { title, runs, blocks } = EFFORTS[name];
  return {
    id: name,
    title,
    check: (bench) =>
      bench.first(bench.seeds(runs), (seed) => {
        const fewest = name === 'deaths' || ((name === 'everything' || name === 'clocks') && seed % 2 === 0);
        const plan = bench.plan(name, seed, { blocks, fewest, trouble: TROUBLES[name] });
        return bench.judged(seed, bench.run(plan));
      }),
  };
}

export const TROUBLE_CASES: readonly Case[] = Object.keys(TROUBLES).map((name) => troubleCase(name as keyof typeof TROUBLES));

/** Blocks' time of the run whose moments are tried, how many of them, and when the quorum is left to itself. */
const MOMENT_BLOCKS = 14;
const MOMENTS = 200;
/** Different runs from which the moments are taken. */
const BASES = 10;
const ALONE_FROM_BLOCKS = 4;
const AFTER_BLOCKS = 20;
const CRASH_NODES = 3;
const JUST_AFTER_MS = 0.002;
/** Slow enough that what is written is often lost. */
const CRASH_OPTIONS = { diskWriteMs: 25, executionMs: 5, latencyMs: 4, jitterMs: 4 };

/** Something was given to the disk, or acknowledged by it. */
interface Moment {
  readonly node: number;
  readonly atMs: number;
}

/**
 * A quorum works alone. One of its nodes loses power a moment after it wrote, or a moment after that was durable; then
 * those who may have heard it are cut off, and it comes back to those who have not. It has to agree with the first all the
 * same, so whatever it said to them it has to remember.
 */
export const CRASH_POINTS: Case = {
  id: 'crashPoints',
  title: 'a node loses power right after it wrote, or right after that was durable, and comes back to others',
  check(bench) {
    const bases = new Map<number, Base>();
    const finding = bench.first(bench.seeds(MOMENTS), (seed) => {
      const number = seed % BASES;
      const base = bases.get(number) ?? baseRun(bench, number);
      bases.set(number, base);
      if (base.finding !== null) return base.finding;
      const moment = base.moments[new Random(`moment-${seed}`).below(Math.max(1, base.moments.length))];
      return moment === undefined ? null : bench.judged(seed, bench.run(crashAt(base, bench.subject, moment, seed)));
    });
    const isSilent = [...bases.values()].every(({ moments }) => moments.length === 0);
    return finding.problem === null && isSilent ? bench.skip('the engine writes no records') : finding;
  },
};

/** A quorum alone, from some block on, and when it wrote. */
interface Base {
  readonly plan: Plan;
  readonly alone: Extract<Fault, { fault: 'partition' }>;
  readonly moments: readonly Moment[];
  readonly finding: Finding | null;
}

function baseRun(bench: Bench, number: number): Base {
  const { subject } = bench;
  const drawn = bench.plan('crashPoints', number, { blocks: MOMENT_BLOCKS, nodes: CRASH_NODES, options: CRASH_OPTIONS });
  const { engine, faultsMs, nodes } = drawn.options;
  const side = everyPlace(nodes).slice(0, nodes - subject.quorum(nodes));
  const fromMs = Math.round(ALONE_FROM_BLOCKS * subject.blockMs(engine));
  const alone = { fault: 'partition', side, direction: 'both', atMs: fromMs, forMs: faultsMs } as const;
  const plan = withFaults(drawn, side.length === 0 ? [] : [alone]);
  const moments: Moment[] = [];
  const finding = bench.judged(number, bench.run(plan, [writes(moments, fromMs)]));
  return { plan: drawn, alone, moments, finding };
}

function writes(moments: Moment[], fromMs: number): CheckerFactory {
  return ({ nowMs, options }) => ({
    name: 'Writes',
    observe(observation) {
      if (!isOfNode(observation) || nowMs() < fromMs || nowMs() >= options.faultsMs) return;
      const wrote = observation.type === 'step' && observation.effects.some(({ type }) => type === 'persist');
      if (wrote || observation.type === 'persisted') moments.push({ node: observation.node, atMs: nowMs() });
    },
  });
}

function crashAt({ plan, alone }: Base, subject: Subject, { node, atMs }: Moment, seed: number): Plan {
  const random = new Random(`conformance-crashPoints-${seed}`);
  const { nodes, engine, latencyMs, jitterMs, diskWriteMs } = plan.options;
  const blockMs = subject.blockMs(engine);
  const crash: Fault = { fault: 'crash', node, atMs: atMs + JUST_AFTER_MS, forMs: 1 + random.float() * blockMs };
  const options = { ...plan.options, faultsMs: Math.round(atMs + AFTER_BLOCKS * blockMs) };
  if (alone.side.length === 0) return withFaults({ ...plan, options }, [crash]);
  // What was under way arrives or does not, by chance.
  const heardMs = random.float() * (4 * latencyMs + 4 * jitterMs + 4 * diskWriteMs);
  const heard = everyPlace(nodes).filter((place) => place !== node && !alone.side.includes(place));
  const side = random.shuffle(heard).slice(0, alone.side.length);
  const cut: Fault = { fault: 'partition', side, direction: 'both', atMs: atMs + heardMs, forMs: AFTER_BLOCKS * blockMs };
  const faults = [{ ...alone, forMs: atMs + heardMs - alone.atMs }, crash];
  return withFaults({ ...plan, options }, side.length === 0 ? faults : [...faults, cut]);
}

function everyPlace(nodes: number): number[] {
  return Array.from({ length: nodes }, (_, place) => place);
}

const ROLE_BLOCKS = 30;
const ROLE_RUNS = 5;
/** As few as there must be for the engine to tolerate somebody; four if it tolerates nobody. */
const ROLE_NODES = { least: 4, most: 10 };
/** What no peer may do to any engine, whatever faults it claims to bear. */
const ALWAYS: readonly string[] = ['Engine', 'Contract'];
/** Whatever an engine claims: who says nothing is as good as dead. */
const SILENT = 'silent';

/** One for each way to misbehave. Engines that bear crashes alone owe less: nothing that a peer sends may stop them. */
export function roleCases({ behaviours, tolerates }: Pick<Subject, 'behaviours' | 'tolerates'>): Case[] {
  return [...behaviours.keys()].map((behaviour) => {
    const places = behaviour === TWIN ? 2 : 1;
    const enough = Array.from({ length: ROLE_NODES.most }, (_, index) => index + 1).find((nodes) => tolerates(nodes) >= places);
    const isBorne = enough !== undefined || behaviour === SILENT;
    const nodes = Math.max(ROLE_NODES.least, enough ?? 0);
    return {
      id: `role-${behaviour}`,
      title: isBorne ? `a node is ${behaviour}` : `nothing that a ${behaviour} node sends stops the others`,
      check: (bench) =>
        bench.first(bench.seeds(ROLE_RUNS), (seed) => {
          const plan = bench.plan(`role-${behaviour}`, seed, { blocks: ROLE_BLOCKS, nodes, trouble: TROUBLES.noise });
          const result = bench.run(withRole(plan, behaviour));
          return bench.judged(seed, result, (checker) => isBorne || ALWAYS.includes(checker));
        }),
    };
  });
}

function withRole(plan: Plan, behaviour: string): Plan {
  const role: Fault = { fault: 'byzantine', node: 0, behaviour, atMs: 0, forMs: FOR_EVER_MS };
  // An even share each: what a majority of hash power could do is not what is asked here.
  const hashRates = plan.options.hashRates.map(() => plan.options.hashRates[0] ?? 1);
  return withFaults({ ...plan, options: { ...plan.options, hashRates } }, [role]);
}
