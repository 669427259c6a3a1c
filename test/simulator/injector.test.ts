/** Each kind of fault begins and ends, faults overlap in any way, and the calm ends all but what is meant to last. */
import { beforeEach, describe, expect, it } from 'vitest';
import { Disk } from '../../src/simulator/disk.ts';
import { FAULT_KINDS, type Fault, type FaultKind } from '../../src/simulator/faults.ts';
import { Injector } from '../../src/simulator/injector.ts';
import { Network } from '../../src/simulator/network.ts';
import { NodeClock } from '../../src/simulator/node-clock.ts';
import { Sessions } from '../../src/simulator/peers.ts';
import { ProofOracle, VirtualMiner } from '../../src/simulator/sealer.ts';
import type { TraceEntry } from '../../src/simulator/trace.ts';
import type { VirtualNode } from '../../src/simulator/virtual-node.ts';
import { US_PER_MS, World } from '../../src/simulator/world.ts';
import { childOf, GENESIS, OPTIONS, optionsWith } from './support.ts';

const NODES = 4;
const BEGIN_MS = 1_000_000;
const FAULTS_MS = 60_000;
const LATENCY_US = 1_000;

/** What of a node the injector touches; it runs or does not. */
class Patient {
  readonly place: number;
  readonly disk: Disk;
  readonly clock: NodeClock;
  readonly miner: VirtualMiner;
  isRunning = true;
  crashes = 0;

  constructor(world: World, place: number) {
    this.place = place;
    this.disk = new Disk(world, world.stream(`disk/${place}`), { writeUs: 1_000 });
    this.clock = new NodeClock(world, BEGIN_MS);
    this.miner = new VirtualMiner(world, world.stream(`miner/${place}`), new ProofOracle(), OPTIONS.hashRates[0] ?? 0);
  }

  crash(): void {
    this.isRunning = false;
    this.crashes++;
  }
}

class Ward {
  readonly entries: TraceEntry[] = [];
  readonly world = new World(1, (entry) => this.entries.push(entry));
  readonly network = new Network(this.world, NODES, () => ({ latencyUs: LATENCY_US, jitterUs: 0 }));
  readonly patients = Array.from({ length: NODES }, (_, place) => new Patient(this.world, place));
  readonly told: string[] = [];
  readonly arrived: string[] = [];
  readonly injector: Injector;

  constructor(schedule: readonly Fault[], survivors: readonly number[] = [0, 1, 2, 3]) {
    const sessions = new Sessions(this.world, this.network, {
      isAlive: (place) => this.patients[place]?.isRunning === true,
      isBanned: () => false,
      connected: () => undefined,
      disconnected: () => undefined,
    });
    for (const { place } of this.patients) this.network.attach(place, (from) => this.arrived.push(`${from}>${place}`));
    this.injector = new Injector(
      {
        world: this.world,
        network: this.network,
        sessions,
        nodes: this.patients as unknown as readonly VirtualNode[],
        options: optionsWith({ nodes: NODES, faultsMs: FAULTS_MS, hashRates: [300, 300, 300, 300], survivors }),
        onFault: ({ fault }, active) => this.told.push(`${fault} ${active ? 'on' : 'off'}`),
        start: ({ place }) => {
          const patient = this.patients[place];
          if (patient !== undefined) patient.isRunning = true;
        },
      },
      schedule,
    );
  }

  until(ms: number): void {
    while (this.world.step(ms * US_PER_MS));
  }

  running(): number[] {
    return this.patients.filter(({ isRunning }) => isRunning).map(({ place }) => place);
  }

  /** Every link that is cut. */
  cut(): string[] {
    const places = this.patients.map(({ place }) => place);
    return places.flatMap((from) => places.filter((to) => this.network.isBlocked(from, to)).map((to) => `${from}>${to}`));
  }

  /** Of so many packets sent now from `from` to `to`, how many arrive soon. */
  passed(from: number, to: number, packets = 1): number {
    const before = this.arrived.length;
    for (let request = 0; request < packets; request++) this.network.send(from, to, { type: 'refused', request });
    this.until(this.world.nowMs + 2);
    return this.arrived.slice(before).filter((link) => link === `${from}>${to}`).length;
  }
}

const at = { atMs: 10_000, forMs: 10_000 };
const during = 15_000;
const after = 25_000;

describe('a fault of each kind', () => {
  const tested = new Set<FaultKind>();
  const of = (fault: Fault) => {
    tested.add(fault.fault);
    return new Ward([fault]);
  };

  it('crash: the node is down, and comes back', () => {
    const ward = of({ fault: 'crash', node: 1, ...at });
    ward.until(during);
    expect(ward.running()).toEqual([0, 2, 3]);
    expect(ward.injector.holdsDown(1)).toBe(true);
    ward.until(after);
    expect(ward.running()).toEqual([0, 1, 2, 3]);
    expect(ward.injector.holdsDown(1)).toBe(false);
  });

  it.each([
    ['both', ['0>2', '0>3', '1>2', '1>3', '2>0', '2>1', '3>0', '3>1']],
    ['in', ['2>0', '2>1', '3>0', '3>1']],
    ['out', ['0>2', '0>3', '1>2', '1>3']],
  ] as const)('partition: links between the sides are cut (%s), and none within', (direction, links) => {
    const ward = of({ fault: 'partition', side: [0, 1], direction, ...at });
    ward.until(during);
    expect(ward.cut()).toEqual(links);
    ward.until(after);
    expect(ward.cut()).toEqual([]);
  });

  it('cutLink: one direction of one link is cut', () => {
    const ward = of({ fault: 'cutLink', from: 2, to: 1, ...at });
    ward.until(during);
    expect(ward.cut()).toEqual(['2>1']);
    ward.until(after);
    expect(ward.cut()).toEqual([]);
  });

  it('clog: what comes and goes is held back, and arrives at the end', () => {
    const ward = of({ fault: 'clog', node: 1, ...at });
    ward.until(during);
    expect([ward.passed(1, 0), ward.passed(0, 1), ward.passed(0, 2)]).toEqual([0, 0, 1]);
    ward.until(after);
    expect(ward.arrived.toSorted()).toEqual(['0>1', '0>2', '1>0']);
    expect(ward.network.lost).toBe(0);
  });

  it('clogLink: one direction of one link is held back', () => {
    const ward = of({ fault: 'clogLink', from: 1, to: 0, ...at });
    ward.until(during);
    expect([ward.passed(1, 0), ward.passed(0, 1)]).toEqual([0, 1]);
    ward.until(after);
    expect(ward.arrived.toSorted()).toEqual(['0>1', '1>0']);
  });

  it('noise: packets are lost on every link', () => {
    const ward = of({ fault: 'noise', loss: 0.5, duplicate: 0, reorder: 0, ...at });
    ward.until(during);
    expect(ward.passed(0, 1, 100)).toBeLessThan(80);
    expect(ward.passed(2, 3, 100)).toBeLessThan(80);
    ward.until(after);
    expect(ward.passed(0, 1, 100)).toBe(100);
  });

  it('clock: the wall clock is wrong, the monotonic one is not', () => {
    const ward = of({ fault: 'clock', node: 1, offsetMs: -700, ...at });
    const clocks = () => ward.patients.map(({ clock }) => [clock.nowMs(), clock.wallMs() - BEGIN_MS]);
    ward.until(during);
    expect(clocks()[1]).toEqual([during, during - 700]);
    expect(clocks()[0]).toEqual([during, during]);
    ward.until(after);
    expect(clocks()[1]).toEqual([after, after]);
  });

  it('drift: both clocks run at another rate, and only the wall clock is set right at the end', () => {
    const ward = of({ fault: 'drift', node: 1, factor: 1.5, ...at });
    ward.until(during);
    expect(ward.patients[1]?.clock.nowMs()).toBe(10_000 + 1.5 * 5_000);
    expect(ward.patients[0]?.clock.nowMs()).toBe(during);
    ward.until(after);
    expect(ward.patients[1]?.clock.nowMs()).toBe(after + 5_000);
    expect(ward.patients[1]?.clock.wallMs()).toBe(BEGIN_MS + after);
  });

  it('slowDisk: writes take longer', () => {
    const ward = of({ fault: 'slowDisk', node: 1, factor: 50, ...at });
    ward.until(during);
    expect(ward.patients[1]?.disk.latencyUs()).toBeGreaterThanOrEqual(50_000);
    expect(ward.patients[0]?.disk.latencyUs()).toBeLessThan(3_000);
    ward.until(after);
    expect(ward.patients[1]?.disk.latencyUs()).toBeLessThan(3_000);
  });

  it('diskError: writes fail, and a node that stopped of it is started again at the end', () => {
    const ward = of({ fault: 'diskError', node: 1, ...at });
    ward.until(during);
    expect(ward.patients.map(({ disk }) => disk.isFailing)).toEqual([false, true, false, false]);
    expect(ward.running()).toContain(1);
    ward.patients[1]?.crash();
    ward.until(at.atMs + at.forMs - 1);
    expect(ward.running()).not.toContain(1);
    ward.until(after);
    expect(ward.running()).toContain(1);
    expect(ward.patients[1]?.disk.isFailing).toBe(false);
  });

  it('hashRate: the miner is faster by the factor', () => {
    const ward = of({ fault: 'hashRate', node: 1, factor: 1e9, ...at });
    const found: number[] = [];
    const header = childOf(GENESIS.block).header;
    const miners = ward.patients.map(({ miner }) => miner);
    // It would take an age at the usual rate.
    for (const [place, miner] of miners.entries()) miner.seal(1, header, 2n ** 256n / 10n ** 9n, () => found.push(place));
    ward.until(during);
    expect(found).toEqual([1]);
    miners[1]?.seal(2, header, 2n ** 256n / 10n ** 9n, () => found.push(1));
    ward.until(at.atMs + at.forMs);
    ward.until(after);
    miners[1]?.seal(3, header, 2n ** 256n / 10n ** 9n, () => found.push(1));
    ward.until(FAULTS_MS);
    expect(found).toEqual([1, 1]);
  });

  it('byzantine: is nothing that begins or ends', () => {
    const ward = of({ fault: 'byzantine', node: 1, behaviour: 'silent', ...at });
    ward.until(after);
    expect(ward.told).toEqual([]);
  });

  it('is in this test', () => expect(tested).toEqual(new Set(FAULT_KINDS)));
});

describe('faults', () => {
  it('are told of and noted when they begin and when they end', () => {
    const ward = new Ward([{ fault: 'crash', node: 1, ...at }]);
    ward.until(after);
    expect(ward.told).toEqual(['crash on', 'crash off']);
    expect(ward.entries.map(({ atUs, kind, node, what }) => [atUs / US_PER_MS, kind, node, what])).toEqual([
      [10_000, 'fault', 1, 'crash'],
      [20_000, 'heal', 1, 'crash'],
    ]);
  });

  it('of one node that overlap keep it down until the last has ended', () => {
    const ward = new Ward([
      { fault: 'crash', node: 1, atMs: 10_000, forMs: 10_000 },
      { fault: 'crash', node: 1, atMs: 15_000, forMs: 10_000 },
      { fault: 'diskError', node: 1, atMs: 24_000, forMs: 10_000 },
    ]);
    const runs = [12_000, 22_000, 28_000, 35_000].map((ms) => {
      ward.until(ms);
      return ward.patients[1]?.isRunning;
    });
    expect(runs).toEqual([false, false, false, true]);
  });

  it('on one link that overlap keep it cut until the last has ended', () => {
    const ward = new Ward([
      { fault: 'partition', side: [0], direction: 'both', atMs: 10_000, forMs: 10_000 },
      { fault: 'partition', side: [0, 1], direction: 'out', atMs: 15_000, forMs: 10_000 },
    ]);
    ward.until(17_000);
    expect(ward.cut()).toEqual(['0>1', '0>2', '0>3', '1>0', '1>2', '1>3', '2>0', '3>0']);
    ward.until(22_000);
    expect(ward.cut()).toEqual(['0>2', '0>3', '1>2', '1>3']);
    ward.until(26_000);
    expect(ward.cut()).toEqual([]);
  });

  it('of one kind that overlap add up: offsets as a sum, factors as a product, noise as the last that came', () => {
    const ward = new Ward([
      { fault: 'clock', node: 1, offsetMs: 500, atMs: 10_000, forMs: 20_000 },
      { fault: 'clock', node: 1, offsetMs: -200, atMs: 15_000, forMs: 5_000 },
      { fault: 'slowDisk', node: 1, factor: 10, atMs: 10_000, forMs: 20_000 },
      { fault: 'slowDisk', node: 1, factor: 10, atMs: 15_000, forMs: 5_000 },
      { fault: 'noise', loss: 1, duplicate: 0, reorder: 0, atMs: 10_000, forMs: 20_000 },
      { fault: 'noise', loss: 0, duplicate: 1, reorder: 0, atMs: 15_000, forMs: 5_000 },
    ]);
    const look = () => {
      const [offsetMs, latencyUs] = [ward.patients[1]?.clock.offsetMs ?? 0, ward.patients[1]?.disk.latencyUs() ?? 0];
      return [offsetMs, 10 ** Math.floor(Math.log10(latencyUs)), ward.passed(0, 1)];
    };
    const seen = [12_000, 17_000, 22_000, 32_000].map((ms) => {
      ward.until(ms);
      return look();
    });
    expect(seen).toEqual([
      [500, 10_000, 0],
      [300, 100_000, 2],
      [500, 10_000, 0],
      [0, 1_000, 1],
    ]);
  });

  it('that begin after the end of the faults never begin', () => {
    const ward = new Ward([{ fault: 'crash', node: 1, atMs: FAULTS_MS + 1, forMs: 10 }]);
    ward.until(FAULTS_MS);
    ward.injector.calm();
    ward.until(2 * FAULTS_MS);
    expect(ward.told).toEqual([]);
  });
});

describe('the calm', () => {
  const LONG = { atMs: 10_000, forMs: 1e9 };
  const SCHEDULE: readonly Fault[] = [
    { fault: 'crash', node: 1, ...LONG },
    { fault: 'crash', node: 3, ...LONG },
    { fault: 'partition', side: [0], direction: 'both', ...LONG },
    { fault: 'cutLink', from: 1, to: 2, ...LONG },
    { fault: 'clog', node: 2, ...LONG },
    { fault: 'noise', loss: 1, duplicate: 0, reorder: 0, ...LONG },
    { fault: 'clock', node: 0, offsetMs: 500, ...LONG },
    { fault: 'drift', node: 0, factor: 1.5, ...LONG },
    { fault: 'slowDisk', node: 0, factor: 10, ...LONG },
    { fault: 'diskError', node: 0, ...LONG },
  ];
  let ward: Ward;
  beforeEach(() => {
    ward = new Ward(SCHEDULE);
    ward.until(FAULTS_MS);
  });

  it('ends every fault where all survive', () => {
    ward.injector.calm();
    expect(ward.running()).toEqual([0, 1, 2, 3]);
    expect(ward.cut()).toEqual([]);
    expect(ward.patients[0]?.clock.wallMs()).toBe(BEGIN_MS + FAULTS_MS);
    expect(ward.patients[0]?.disk.isFailing).toBe(false);
    expect(ward.patients[0]?.disk.latencyUs()).toBeLessThan(3_000);
    ward.until(FAULTS_MS + 20_000);
    expect([ward.passed(0, 1), ward.passed(1, 2), ward.passed(2, 3)]).toEqual([1, 1, 1]);
    expect(ward.told.filter((line) => line.endsWith('off'))).toHaveLength(SCHEDULE.length);
  });

  it('leaves those dead that are not to survive, and cut off for ever', () => {
    const lost = new Ward(SCHEDULE, [0, 1, 2]);
    lost.until(FAULTS_MS);
    lost.injector.calm();
    lost.until(10 * FAULTS_MS);
    expect(lost.running()).toEqual([0, 1, 2]);
    expect(lost.injector.holdsDown(3)).toBe(true);
    expect(lost.cut()).toEqual(expect.arrayContaining(['0>3', '1>3', '2>3', '3>0', '3>1', '3>2']));
    expect(lost.cut().filter((link) => !link.includes('3'))).toEqual([]);
  });

  it('comes once: nothing begins or ends after it', () => {
    ward.injector.calm();
    const told = [...ward.told];
    ward.until(FAULTS_MS + 1e6);
    expect(ward.told).toEqual(told);
  });
});
