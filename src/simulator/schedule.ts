/**
 * Draws a schedule of faults. Of the kinds of faults each run has only some (as FoundationDB's simulator and swarm testing
 * do): a run in which everything fails at once hides what a single kind would show.
 */
import type { Random } from '../base/random.ts';
import { TWIN } from './behaviours/common.ts';
import { byzantineNodes, type Fault, type FaultKind } from './faults.ts';
import type { Options, Range } from './options.ts';
import { badNodes } from './roles.ts';
import type { Subject } from './subject.ts';

/** Declared ranges; drawn values are printed with the schedule. */
export const FAULT_RANGES = {
  /** Mean time between faults of one kind. */
  intervalMs: { low: 20_000, high: 600_000 },
  crashMs: { low: 100, high: 180_000 },
  partitionMs: { low: 2_000, high: 900_000 },
  clogMs: { low: 500, high: 60_000 },
  noiseMs: { low: 10_000, high: 1_800_000 },
  loss: { low: 0.001, high: 0.3 },
  duplicate: { low: 0.001, high: 0.5 },
  reorder: { low: 0.001, high: 0.5 },
  clockMs: { low: 5_000, high: 900_000 },
  clockOffsetMs: { low: 10, high: 200_000 },
  driftMs: { low: 10_000, high: 1_800_000 },
  /** Parts per million by which a clock is too fast or too slow: from a poor crystal to a guest that is short of time. */
  driftPpm: { low: 100, high: 50_000 },
  slowDiskMs: { low: 5_000, high: 300_000 },
  slowDiskFactor: { low: 2, high: 500 },
  diskErrorMs: { low: 500, high: 60_000 },
  hashRateMs: { low: 60_000, high: 1_800_000 },
  hashRateFactor: { low: 0.01, high: 20 },
} as const satisfies { readonly [name: string]: Range };

const KIND_CHANCE = 0.4;
const BYZANTINE_CHANCE = 0.3;
/** Longer than any run. */
export const FOR_EVER_MS = 1e12;
/** Of those that nobody heals in the end, so many are dead by then; the others will be cut off. */
const GONE_CHANCE = 0.5;

type Draw = (random: Random, options: Options) => readonly DrawnFault[];
type Untimed<F> = F extends Fault ? Omit<F, 'atMs' | 'forMs'> & { readonly forMs: number; readonly delayMs?: number } : never;
type DrawnFault = Untimed<Fault>;
type Role = Extract<Fault, { fault: 'byzantine' }>;

const DRAWS: { readonly [kind in Exclude<FaultKind, 'byzantine'>]: Draw } = {
  crash: (random, options) => [{ fault: 'crash', node: random.below(options.nodes), forMs: spread(random, FAULT_RANGES.crashMs) }],
  partition: (random, options) => [
    {
      fault: 'partition',
      side: someNodes(random, options.nodes),
      direction: random.pick(['both', 'both', 'in', 'out']),
      forMs: spread(random, FAULT_RANGES.partitionMs),
    },
  ],
  cutLink: (random, options) => [{ fault: 'cutLink', ...someLink(random, options), forMs: spread(random, FAULT_RANGES.partitionMs) }],
  clog: (random, options) => swizzle(random, options),
  clogLink: (random, options) => [{ fault: 'clogLink', ...someLink(random, options), forMs: spread(random, FAULT_RANGES.clogMs) }],
  noise: (random) => [
    {
      fault: 'noise',
      loss: sometimes(random, FAULT_RANGES.loss),
      duplicate: sometimes(random, FAULT_RANGES.duplicate),
      reorder: sometimes(random, FAULT_RANGES.reorder),
      forMs: spread(random, FAULT_RANGES.noiseMs),
    },
  ],
  clock: (random, options) => [
    {
      fault: 'clock',
      node: random.below(options.nodes),
      offsetMs: Math.round(spread(random, FAULT_RANGES.clockOffsetMs)) * random.pick([-1, 1]),
      forMs: spread(random, FAULT_RANGES.clockMs),
    },
  ],
  drift: (random, options) => [
    {
      fault: 'drift',
      node: random.below(options.nodes),
      factor: 1 + (random.pick([-1, 1]) * Math.round(spread(random, FAULT_RANGES.driftPpm))) / 1_000_000,
      forMs: spread(random, FAULT_RANGES.driftMs),
    },
  ],
  slowDisk: (random, options) => [
    {
      fault: 'slowDisk',
      node: random.below(options.nodes),
      factor: spread(random, FAULT_RANGES.slowDiskFactor),
      forMs: spread(random, FAULT_RANGES.slowDiskMs),
    },
  ],
  diskError: (random, options) => [
    { fault: 'diskError', node: random.below(options.nodes), forMs: spread(random, FAULT_RANGES.diskErrorMs) },
  ],
  hashRate: (random, options) => [
    {
      fault: 'hashRate',
      node: random.below(options.nodes),
      factor: spread(random, FAULT_RANGES.hashRateFactor),
      forMs: spread(random, FAULT_RANGES.hashRateMs),
    },
  ],
};

/** With `kinds`, faults of these kinds and of no others; else some kinds, some roles, as the seed has it. */
export function drawSchedule(random: Random, options: Options, subject: Subject, kinds: readonly FaultKind[] | null = null): Fault[] {
  const roles = kinds === null ? drawRoles(random.stream('roles'), options, subject) : [];
  const schedule: Fault[] = [...roles];
  for (const [kind, draw] of Object.entries(DRAWS)) {
    const own = random.stream(kind);
    const isWanted = own.chance(KIND_CHANCE);
    if (kinds === null ? !isWanted : !kinds.some((wanted) => wanted === kind)) continue;
    const intervalMs = spread(own, FAULT_RANGES.intervalMs);
    for (let atMs = own.waiting(intervalMs); atMs < options.faultsMs; atMs += own.waiting(intervalMs)) {
      for (const { delayMs = 0, ...fault } of draw(own, options)) {
        const { forMs } = fault;
        schedule.push({ ...fault, atMs: whole(atMs + delayMs), forMs: whole(forMs) } as Fault);
      }
    }
  }
  if (kinds === null) schedule.push(...drawGone(random.stream('gone'), options));
  return schedule.sort((a, b) => a.atMs - b.atMs);
}

/** The same faults in less time. */
export function quicken(schedule: readonly Fault[], pace: number): readonly Fault[] {
  if (pace === 1) return schedule;
  return schedule.map((fault) => ({ ...fault, atMs: whole(fault.atMs / pace), forMs: Math.max(1, whole(fault.forMs / pace)) }));
}

/** Nodes that crash and never come back: only such as would not be healed in the end. */
function drawGone(random: Random, { nodes, survivors, faultsMs }: Options): Fault[] {
  const lost = Array.from({ length: nodes }, (_, place) => place).filter((place) => !survivors.includes(place));
  const gone = lost.filter(() => random.chance(GONE_CHANCE));
  return gone.map((node) => ({ fault: 'crash', node, atMs: whole(random.float() * faultsMs), forMs: FOR_EVER_MS }));
}

/**
 * Nodes that misbehave: as many as the engine bears, at most. Where a quorum is healed in the end, one of nodes that follow
 * the protocol is left.
 */
function drawRoles(random: Random, { nodes, survivors }: Options, subject: Subject): Role[] {
  const most = subject.tolerates(nodes);
  if (most === 0 || !random.chance(BYZANTINE_CHANCE)) return [];
  const places = random.shuffle(Array.from({ length: nodes }, (_, place) => place));
  const isQuorum = (healed: readonly number[], bad: readonly Role[]) => {
    const found = badNodes(byzantineNodes(bad), nodes);
    return healed.filter((place) => !found.has(place)).length >= subject.quorum(nodes);
  };
  const roles: Role[] = [];
  let left = 1 + random.below(most);
  for (const node of places) {
    const names = [...subject.behaviours.keys()].filter((name) => placesTaken(name) <= left);
    if (names.length === 0) break;
    const behaviour = random.pick(names);
    const role: Role = { fault: 'byzantine', node, behaviour, atMs: 0, forMs: FOR_EVER_MS };
    if (isQuorum(survivors, []) && !isQuorum(survivors, [...roles, role])) continue;
    left -= placesTaken(behaviour);
    roles.push(role);
  }
  return roles;
}

/** A twin gives up an identity of its own, and the one whose it takes can be trusted no more: two of the network's nodes. */
function placesTaken(behaviour: string): number {
  return behaviour === TWIN ? 2 : 1;
}

/** FoundationDB's: some nodes are clogged one after another, and let go in another order. */
function swizzle(random: Random, options: Options): DrawnFault[] {
  const nodes = someNodes(random, options.nodes);
  const halfMs = spread(random, FAULT_RANGES.clogMs) / 2;
  return nodes.map((node) => {
    const delayMs = random.float() * halfMs;
    const endMs = halfMs + random.float() * halfMs;
    return { fault: 'clog', node, delayMs, forMs: Math.max(FAULT_RANGES.clogMs.low, endMs - delayMs) };
  });
}

function someLink(random: Random, { nodes }: Options): { readonly from: number; readonly to: number } {
  const [from = 0, to = 1] = random.shuffle(Array.from({ length: nodes }, (_, place) => place));
  return { from, to };
}

/** At least one, and not all. */
function someNodes(random: Random, nodes: number): number[] {
  const places = random.shuffle(Array.from({ length: nodes }, (_, place) => place));
  return places.slice(0, 1 + random.below(nodes - 1)).sort((a, b) => a - b);
}

/** Uniform in the logarithm, so that the short and the small are common. */
function spread(random: Random, { low, high }: Range): number {
  const value = low * Math.exp(random.float() * Math.log(high / low));
  return Math.round(value * 1_000) / 1_000;
}

function sometimes(random: Random, range: Range): number {
  return random.chance(0.5) ? spread(random, range) : 0;
}

function whole(ms: number): number {
  return Math.round(ms);
}
