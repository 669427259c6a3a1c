/** What is drawn from a seed: the options of a run and its schedule of faults, always within the declared ranges. */
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/base/random.ts';
import { TWIN, twin } from '../../src/simulator/behaviours/common.ts';
import { byzantineNodes, FAULT_KINDS, type Fault, type FaultKind } from '../../src/simulator/faults.ts';
import { drawOptions, type Options, RANGES, type Range } from '../../src/simulator/options.ts';
import { placeId } from '../../src/simulator/places.ts';
import { badNodes } from '../../src/simulator/roles.ts';
import { drawSchedule, FAULT_RANGES, FOR_EVER_MS } from '../../src/simulator/schedule.ts';
import type { Subject } from '../../src/simulator/subject.ts';
import { powSubject } from '../../src/simulator/subjects/pow.ts';

const SEEDS = Array.from({ length: 200 }, (_, seed) => String(seed));

const drawAnew = (seed: string, subject: Subject, fixed: Partial<Options>) => {
  const random = new Random(seed);
  const options = drawOptions(random.stream('options'), subject, fixed);
  return { options, schedule: drawSchedule(random.stream('schedule'), options, subject) };
};

/** Drawn once and looked at by many tests. */
const drawn = new Map(SEEDS.map((seed) => [seed, drawAnew(seed, powSubject, {})]));

const draw = (seed: string, subject = powSubject, fixed: Partial<Options> = {}) => {
  const known = subject === powSubject && Object.keys(fixed).length === 0 ? drawn.get(seed) : undefined;
  return known ?? drawAnew(seed, subject, fixed);
};

/** Asked so often that `expect` would cost seconds. */
function within(value: number, { low, high }: Range): void {
  if (!(value >= low && value <= high)) expect.fail(`${value} is not within ${low} to ${high}`);
}

const withinOrNone = (value: number, range: Range) => (value === 0 ? undefined : within(value, range));
const isGone = (fault: Fault) => fault.fault === 'crash' && fault.forMs === FOR_EVER_MS;
const roles = (schedule: readonly Fault[]) => schedule.flatMap((fault) => (fault.fault === 'byzantine' ? [fault] : []));

/** Bears a third, as a protocol of validators does, and needs all others. */
const quorumSubject: Subject = {
  ...powSubject,
  tolerates: (nodes) => Math.floor((nodes - 1) / 3),
  quorum: (nodes) => nodes - Math.floor((nodes - 1) / 3),
  behaviours: new Map([...powSubject.behaviours, [TWIN, twin]]),
};

describe('options', () => {
  it('are within their ranges, whatever the seed', () => {
    for (const seed of SEEDS) {
      const { options } = draw(seed);
      for (const [name, range] of Object.entries(RANGES)) {
        if (name !== 'hashRate') within(Number(options[name as keyof Options]), range);
      }
      expect(options.hashRates).toHaveLength(options.nodes);
      for (const rate of options.hashRates) within(rate, RANGES.hashRate);
      for (const value of [options.nodes, options.accounts, ...options.hashRates]) expect(Number.isInteger(value)).toBe(true);
    }
  });

  it('reach both ends of a short range', () => {
    const nodes = new Set(SEEDS.map((seed) => draw(seed).options.nodes));
    expect([...nodes].sort()).toEqual([2, 3, 4, 5, 6, 7]);
  });

  it('are the same for the same seed, and others for another', () => {
    expect(drawAnew('1', powSubject, {}).options).toEqual(draw('1').options);
    expect(draw('2').options).not.toEqual(draw('1').options);
  });

  it('are the same but for what is given', () => {
    const { nodes, survivors, hashRates, ...rest } = draw('1').options;
    expect(draw('1', powSubject, { nodes: nodes + 1 }).options).toMatchObject(rest);
    expect(draw('1', powSubject, { nodes: nodes + 1 }).options.hashRates.slice(0, nodes)).toEqual(hashRates);
    const { engine, ...others } = draw('1').options;
    expect(draw('1', powSubject, { engine: {} }).options).toMatchObject(others);
    expect([survivors.length, engine]).not.toEqual([0, {}]);
  });

  it('are what is given where something is given, and the number of nodes is that of the settings', () => {
    const { options } = draw('1', powSubject, { nodes: 5, latencyMs: 7, engine: { blockTimeSeconds: 3 } });
    expect(options).toMatchObject({ nodes: 5, latencyMs: 7, engine: { blockTimeSeconds: 3 } });
    expect(options.hashRates).toHaveLength(5);
    const ids: string[] = [];
    const drawSettings: Subject['drawSettings'] = (_random, nodes) => {
      ids.push(...nodes);
      return {};
    };
    drawOptions(new Random('1'), { ...powSubject, drawSettings }, { nodes: 3 });
    expect(ids).toEqual([0, 1, 2].map(placeId));
  });
});

describe('a schedule', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(drawAnew('1', powSubject, {}).schedule).toEqual(draw('1').schedule);
    expect(new Set(SEEDS.map((seed) => JSON.stringify(draw(seed).schedule))).size).toBeGreaterThan(0.75 * SEEDS.length);
  });

  it('is in the order of time, with whole milliseconds', () => {
    for (const seed of SEEDS) {
      const { schedule } = draw(seed);
      expect(schedule).toEqual(schedule.toSorted((a, b) => a.atMs - b.atMs));
      expect(schedule.every(({ atMs, forMs }) => Number.isInteger(atMs) && Number.isInteger(forMs))).toBe(true);
    }
  });

  it('has every kind of fault over many seeds, and never all of them in each', () => {
    const counts = new Map<FaultKind, number>(FAULT_KINDS.map((kind) => [kind, 0]));
    for (const seed of SEEDS) {
      for (const kind of new Set(draw(seed).schedule.map(({ fault }) => fault))) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
    for (const count of counts.values()) within(count, { low: 10, high: SEEDS.length - 10 });
  });

  it('has every value within its declared range, whatever the seed', () => {
    for (const seed of SEEDS) {
      const { options, schedule } = draw(seed);
      for (const fault of schedule) checkRanges(fault, options);
    }
  });

  it('has only the kinds that are asked for, and every one of them', () => {
    const options = { ...draw('1').options, faultsMs: 10 * FAULT_RANGES.intervalMs.high };
    for (const kinds of [['crash'], ['noise', 'clock']] as const) {
      const schedule = drawSchedule(new Random('1'), options, powSubject, kinds);
      expect(new Set(schedule.map(({ fault }) => fault))).toEqual(new Set(kinds));
      expect(schedule.filter(isGone)).toEqual([]);
    }
    expect(drawSchedule(new Random('1'), options, powSubject, [])).toEqual([]);
  });

  it('draws each kind on its own: leaving one out changes no other', () => {
    const { options } = draw('1');
    const both = drawSchedule(new Random('1'), options, powSubject, ['crash', 'noise']);
    const alone = drawSchedule(new Random('1'), options, powSubject, ['noise']);
    expect(both.filter(({ fault }) => fault === 'noise')).toEqual(alone);
  });
});

function checkRanges(fault: Fault, { nodes, faultsMs }: Options): void {
  const place = { low: 0, high: nodes - 1 };
  // A swizzle clogs its nodes one after another.
  within(fault.atMs, { low: 0, high: faultsMs + (fault.fault === 'clog' ? FAULT_RANGES.clogMs.high : 0) });
  if ('node' in fault) within(fault.node, place);
  switch (fault.fault) {
    case 'crash':
      return isGone(fault) ? undefined : within(fault.forMs, FAULT_RANGES.crashMs);
    case 'partition':
      within(fault.side.length, { low: 1, high: nodes - 1 });
      expect(new Set(fault.side).size).toBe(fault.side.length);
      for (const member of fault.side) within(member, place);
      return within(fault.forMs, FAULT_RANGES.partitionMs);
    case 'clog':
      return within(fault.forMs, FAULT_RANGES.clogMs);
    case 'cutLink':
      expect(fault.from).not.toBe(fault.to);
      return within(fault.forMs, FAULT_RANGES.partitionMs);
    case 'clogLink':
      expect(fault.from).not.toBe(fault.to);
      within(fault.from, place);
      within(fault.to, place);
      return within(fault.forMs, FAULT_RANGES.clogMs);
    case 'noise':
      for (const name of ['loss', 'duplicate', 'reorder'] as const) withinOrNone(fault[name], FAULT_RANGES[name]);
      return within(fault.forMs, FAULT_RANGES.noiseMs);
    case 'clock':
      within(Math.abs(fault.offsetMs), FAULT_RANGES.clockOffsetMs);
      return within(fault.forMs, FAULT_RANGES.clockMs);
    case 'drift':
      within(Math.round(1_000_000 * Math.abs(fault.factor - 1)), FAULT_RANGES.driftPpm);
      return within(fault.forMs, FAULT_RANGES.driftMs);
    case 'slowDisk':
      within(fault.factor, FAULT_RANGES.slowDiskFactor);
      return within(fault.forMs, FAULT_RANGES.slowDiskMs);
    case 'diskError':
      return within(fault.forMs, FAULT_RANGES.diskErrorMs);
    case 'hashRate':
      within(fault.factor, FAULT_RANGES.hashRateFactor);
      return within(fault.forMs, FAULT_RANGES.hashRateMs);
    case 'byzantine':
      return expect([fault.atMs, fault.forMs]).toEqual([0, FOR_EVER_MS]);
  }
}

describe('roles', () => {
  const counted = (subject: Subject, fixed: Partial<Options>) => SEEDS.map((seed) => ({ ...draw(seed, subject, fixed) }));

  it('go to different nodes, no more than the engine bears, and to none where it bears none', () => {
    for (const { options, schedule } of counted(powSubject, {})) {
      const nodes = roles(schedule).map(({ node }) => node);
      expect(new Set(nodes).size).toBe(nodes.length);
      expect(nodes.length).toBeLessThanOrEqual(powSubject.tolerates(options.nodes));
    }
    for (const { schedule } of counted({ ...powSubject, tolerates: () => 0 }, { nodes: 7 })) expect(roles(schedule)).toEqual([]);
  });

  it('are of every sort over many seeds, and of as many nodes as the engine bears', () => {
    const drawn = counted({ ...quorumSubject, tolerates: () => 3 }, { nodes: 7 }).map(({ schedule }) => roles(schedule));
    expect(new Set(drawn.flat().map(({ behaviour }) => behaviour))).toEqual(new Set(quorumSubject.behaviours.keys()));
    expect(Math.max(...drawn.map(({ length }) => length))).toBe(3);
  });

  it('count a twin as two: it has no identity of its own, and takes that of another', () => {
    let twins = 0;
    for (const { schedule } of counted(quorumSubject, { nodes: 7 })) {
      const drawn = roles(schedule).filter(({ behaviour }) => behaviour === TWIN).length;
      twins += drawn;
      expect(roles(schedule).length + drawn).toBeLessThanOrEqual(2);
    }
    expect(twins).toBeGreaterThan(0);
    // Of four nodes one may be bad, so there is no room for a twin.
    for (const { schedule } of counted(quorumSubject, { nodes: 4 })) {
      expect(roles(schedule).filter(({ behaviour }) => behaviour === TWIN)).toEqual([]);
    }
  });
});

describe('survivors', () => {
  const drawn = (subject: Subject, nodes: number) => SEEDS.map((seed) => draw(seed, subject, { nodes }));

  it('are all nodes, any quorum of them, or fewer than that', () => {
    const sizes = new Map<number, number>();
    const sets = new Set<string>();
    for (const { options } of drawn(quorumSubject, 7)) {
      const { length } = options.survivors;
      expect(options.survivors).toEqual([...new Set(options.survivors)].sort());
      sizes.set(length, (sizes.get(length) ?? 0) + 1);
      sets.add(options.survivors.join());
    }
    expect([...sizes.keys()].sort()).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(sizes.get(7)).toBeGreaterThan(70);
    expect((sizes.get(5) ?? 0) + (sizes.get(6) ?? 0)).toBeGreaterThan(40);
    expect(sets.size).toBeGreaterThan(40);
  });

  it('are two at least where one would do, since one alone agrees with itself', () => {
    for (const { options } of drawn(powSubject, 2)) expect(options.survivors).toEqual([0, 1]);
    expect(Math.min(...drawn(powSubject, 5).map(({ options }) => options.survivors.length))).toBe(2);
  });

  it('that are a quorum have one of nodes that follow the protocol', () => {
    let both = 0;
    for (const { options, schedule } of drawn(quorumSubject, 7)) {
      const bad = badNodes(byzantineNodes(schedule), 7);
      const good = options.survivors.filter((place) => !bad.has(place));
      if (options.survivors.length < 5) continue;
      if (bad.size > 0 && options.survivors.length < 7) both++;
      expect(good.length).toBeGreaterThanOrEqual(5);
    }
    expect(both).toBeGreaterThan(0);
  });

  it('are none of those that crash for good', () => {
    let gone = 0;
    for (const { options, schedule } of drawn(quorumSubject, 7)) {
      for (const fault of schedule.filter(isGone)) {
        gone++;
        expect(fault).toMatchObject({ node: expect.toSatisfy((node: number) => !options.survivors.includes(node)) });
      }
    }
    expect(gone).toBeGreaterThan(20);
  });
});
