/**
 * Schedules for the conformance suite: each of one kind of trouble, and of much of it. Ordinary schedules
 * (`../schedule.ts`) leave a network alone most of the time; here every few blocks something fails, for times that are
 * measured in blocks, so that a run of a minute meets what would take an hour.
 */
import type { Random } from '../../base/random.ts';
import type { Fault } from '../faults.ts';
import { FOR_EVER_MS } from '../schedule.ts';

export interface Scene {
  readonly random: Random;
  /** Of all nodes. */
  readonly nodes: number;
  /** How many the engine needs for progress. */
  readonly quorum: number;
  readonly blockMs: number;
  /** When faults end. */
  readonly untilMs: number;
  /** Those that are healed in the end. */
  readonly survivors: readonly number[];
}

export type Trouble = (scene: Scene) => Fault[];

/** Mean times between faults, and how long they last, in blocks. */
const CRASHES = { every: 4, low: 0.05, high: 8 };
const POWER_CUTS = { every: 10, low: 0.05, high: 3 };
const CUTS = { every: 5, low: 0.5, high: 15 };
const CLOGS = { every: 5, low: 0.2, high: 6 };
const HANDOVERS = { every: 3, low: 0.02, high: 0.5, early: 0.5 };
const NOISE = { every: 15, low: 5, high: 30 };
const DEAFNESS = { every: 4, low: 2, high: 20 };
const CLOCKS = { every: 3, low: 2, high: 40 };
const DISKS = { every: 6, low: 1, high: 15 };
const MAX_LOSS = 0.3;
const MAX_DEAFNESS = 0.8;
const MAX_REPEATED = 0.5;
const CLOCK_MS = { low: 1_000, high: 3_600_000 };
const MAX_DRIFT = 0.05;
const MAX_SLOWNESS = 200;

interface Pace {
  readonly every: number;
  readonly low: number;
  readonly high: number;
}

const crashes: Trouble = (scene) => again(scene, CRASHES, (forMs) => [{ fault: 'crash', node: anyNode(scene), atMs: 0, forMs }]);

/** All nodes lose power in one moment, and come back one after another. */
const powerCuts: Trouble = (scene) =>
  again(scene, POWER_CUTS, () =>
    everyNode(scene).map((node) => ({ fault: 'crash', node, atMs: 0, forMs: blocks(scene, POWER_CUTS.low, POWER_CUTS.high) })),
  );

const cuts: Trouble = (scene) =>
  again(scene, CUTS, (forMs) => {
    const { random, nodes } = scene;
    if (random.chance(0.25)) {
      const [from = 0, to = 1] = random.shuffle(everyNode(scene));
      return [{ fault: 'cutLink', from, to, atMs: 0, forMs }];
    }
    const side = random.shuffle(everyNode(scene)).slice(0, 1 + random.below(nodes - 1));
    return [{ fault: 'partition', side, direction: random.pick(['both', 'both', 'in', 'out']), atMs: 0, forMs }];
  });

/**
 * One quorum after another has the network to itself, and who belongs to two of them loses power in between, some moments
 * before the first has heard its last words, or some after. Whatever such a node said to the first quorum and does not
 * remember, it contradicts in the second.
 */
const handovers: Trouble = (scene) => {
  const { random, quorum, untilMs, nodes, blockMs } = scene;
  const faults: Fault[] = [];
  let before: readonly number[] = [];
  for (let atMs = 0; atMs < untilMs; ) {
    const forMs = blocks(scene, 1, 2 * HANDOVERS.every);
    const side = random.shuffle(everyNode(scene)).slice(0, quorum);
    if (quorum < nodes) faults.push({ fault: 'partition', side, direction: 'both', atMs, forMs });
    for (const node of side) {
      if (!before.includes(node) || random.chance(0.2)) continue;
      const earlyMs = Math.min(atMs, Math.round(random.float() * HANDOVERS.early * blockMs));
      faults.push({ fault: 'crash', node, atMs: atMs - earlyMs, forMs: earlyMs + blocks(scene, HANDOVERS.low, HANDOVERS.high) });
    }
    before = side;
    atMs += forMs;
  }
  return faults;
};

const noise: Trouble = (scene) =>
  again(scene, NOISE, (forMs) => {
    const { random } = scene;
    const [loss, duplicate, reorder] = [MAX_LOSS, MAX_REPEATED, MAX_REPEATED].map((most) =>
      random.chance(0.7) ? most * random.float() : 0,
    );
    return [{ fault: 'noise', loss: loss ?? 0, duplicate: duplicate ?? 0, reorder: reorder ?? 0, atMs: 0, forMs }];
  });

/** Most messages are lost, so that of each vote, or whatever it is, only some hear, and each time others. */
const deafness: Trouble = (scene) =>
  again(scene, DEAFNESS, (forMs) => {
    const loss = MAX_LOSS + (MAX_DEAFNESS - MAX_LOSS) * scene.random.float();
    return [{ fault: 'noise', loss, duplicate: 0, reorder: 0, atMs: 0, forMs }];
  });

const delays: Trouble = (scene) =>
  again(scene, CLOGS, (forMs) => {
    const [from = 0, to = 1] = scene.random.shuffle(everyNode(scene));
    const atMs = 0;
    return scene.random.chance(0.5) ? [{ fault: 'clog', node: from, atMs, forMs }] : [{ fault: 'clogLink', from, to, atMs, forMs }];
  });

const clocks: Trouble = (scene) => [
  ...deaths({ ...scene, random: scene.random.stream('deaths') }),
  ...again(scene, CLOCKS, (forMs) => {
    const { random } = scene;
    const node = anyNode(scene);
    const sign = random.pick([-1, 1]);
    if (random.chance(0.5)) return [{ fault: 'drift', node, factor: 1 + sign * MAX_DRIFT * random.float(), atMs: 0, forMs }];
    const offsetMs = sign * Math.round(spread(random, CLOCK_MS.low, CLOCK_MS.high));
    return [{ fault: 'clock', node, offsetMs, atMs: 0, forMs }];
  }),
];

const disks: Trouble = (scene) =>
  again(scene, DISKS, (forMs) => {
    const node = anyNode(scene);
    if (scene.random.chance(0.4)) return [{ fault: 'diskError', node, atMs: 0, forMs: forMs / 2 }];
    return [{ fault: 'slowDisk', node, factor: spread(scene.random, 1, MAX_SLOWNESS), atMs: 0, forMs }];
  });

/** Who does not survive is gone from some moment on: from the very beginning, now and then. */
const deaths: Trouble = ({ random, nodes, survivors, untilMs }) => {
  const lost = Array.from({ length: nodes }, (_, place) => place).filter((place) => !survivors.includes(place));
  return lost.map((node) => ({
    fault: 'crash',
    node,
    atMs: random.chance(0.3) ? 0 : Math.round(random.float() * untilMs),
    forMs: FOR_EVER_MS,
  }));
};

/** Some kinds at a time: when everything fails always, nothing ever gets far enough to go wrong. */
const everything: Trouble = (scene) => {
  const kinds = scene.random.shuffle([crashes, powerCuts, cuts, handovers, noise, deafness, delays, clocks, disks]);
  const chosen = kinds.slice(0, 2 + scene.random.below(3));
  return [
    ...deaths(scene),
    ...chosen.flatMap((trouble) => trouble({ ...scene, random: scene.random.stream(String(kinds.indexOf(trouble))) })),
  ];
};

export const TROUBLES = {
  calm: () => [],
  crashes,
  powerCuts,
  cuts,
  handovers,
  noise,
  deafness,
  delays,
  clocks,
  disks,
  deaths: (scene) => [...deaths(scene), ...noise({ ...scene, random: scene.random.stream('noise') })],
  everything,
} as const satisfies { readonly [name: string]: Trouble };

/** A fault at random times (`every` so many blocks on average), each time for some blocks. Their own `atMs` is added. */
function again(scene: Scene, { every, low, high }: Pace, draw: (forMs: number) => Fault[]): Fault[] {
  const { random, blockMs, untilMs } = scene;
  const faults: Fault[] = [];
  for (let atMs = random.waiting(every * blockMs); atMs < untilMs; atMs += random.waiting(every * blockMs)) {
    for (const fault of draw(blocks(scene, low, high))) faults.push({ ...fault, atMs: fault.atMs + Math.round(atMs) });
  }
  return faults;
}

/** The time of so many blocks, uniform in the logarithm, in whole milliseconds. */
function blocks({ random, blockMs }: Scene, low: number, high: number): number {
  return Math.max(1, Math.round(blockMs * spread(random, low, high)));
}

/** Uniform in the logarithm. */
function spread(random: Random, low: number, high: number): number {
  return low * Math.exp(random.float() * Math.log(high / low));
}

function everyNode({ nodes }: Scene): number[] {
  return Array.from({ length: nodes }, (_, place) => place);
}

function anyNode({ random, nodes }: Scene): number {
  return random.below(nodes);
}
