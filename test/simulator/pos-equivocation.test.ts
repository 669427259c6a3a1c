/** Validators that contradict themselves: below a third of the stake they only lose it, above they can be named. */
import { describe, expect, it } from 'vitest';
import { isDouble, surrounds } from '../../src/consensus/pos/detector.ts';
import type { Offence } from '../../src/consensus/pos/types.ts';
import { accusing, LATE_EVIDENCE } from '../../src/simulator/behaviours/pos-wrong-evidence.ts';
import type { Fault } from '../../src/simulator/faults.ts';
import { byzantine, EPOCH_MS, type Played, play, SLOTS } from './pos-play.ts';

/** With four keys each, those of node 3. */
const BAD = 3;
const GUILTY = [12, 13, 14, 15];
const HONEST = [0, 1, 2];

/** At the end of a run without a calm, finality is as near as it is without faults: two epochs, and the one that goes on. */
const NEAR = 3;

function expectFinality(played: Played, places: readonly number[]): void {
  expect(played.unexpected).toEqual([]);
  for (const place of places) expect(played.lateEpochs(place)).toBeLessThanOrEqual(NEAR);
}

describe('a quarter of the stake', () => {
  it.each([
    ['two blocks for a slot', 'doubleProposing', (offence: Offence) => offence.type === 'proposals'],
    ['two votes for an epoch', 'doubleVoting', ({ type, first, second }: Offence) => type === 'votes' && isDouble(first.data, second.data)],
    [
      'votes around its votes',
      'surroundVoting',
      ({ type, first, second }: Offence) => type === 'votes' && surrounds(first.data, second.data),
    ],
  ] as const)('that signs %s is found out by everybody, slashed, and holds nobody up', (_what, behaviour, isOfKind) => {
    const played = play({ schedule: [byzantine(behaviour, BAD)], epochs: 30, untilFaultsEnd: true });
    expectFinality(played, HONEST);
    for (const place of HONEST) {
      expect(played.evidence(place).every(isOfKind)).toBe(true);
      expect(played.convicted(place).length).toBeGreaterThan(0);
      expect(GUILTY).toEqual(expect.arrayContaining([...played.convicted(place)]));
      expect(played.slashed(place)).toEqual(played.convicted(place));
    }
    // Each message was a good one by itself: nobody is to blame for having passed it on.
    expect(played.of('offence')).toEqual([]);
  });

  it('that accuses itself again and again is slashed once, and blamed by nobody', () => {
    const played = play({ schedule: [byzantine('lateEvidence', BAD)], epochs: 75, untilFaultsEnd: true });
    expectFinality(played, HONEST);
    expect(played.slashed(0).length).toBe(1);
    expect(played.traces('offence', 0)).toHaveLength(1);
    expect(played.of('offence')).toEqual([]);
  });
});

describe('evidence that is older than stake is bound', () => {
  it('is refused, and nobody is blamed for it', () => {
    const old = accusing([LATE_EVIDENCE.get('of long ago') ?? expect.unreachable('there is such evidence')]);
    const played = play({ schedule: [byzantine('old', BAD)], behaviours: { old }, epochs: 75, untilFaultsEnd: true });
    expectFinality(played, HONEST);
    expect(played.codes('refusedEvidence')).toEqual(new Set(['pos/offence-stale']));
    expect(played.of('offence')).toEqual([]);
    expect(played.slashed(0)).toEqual([]);
  });
});

describe('twins with less than a third', () => {
  /** Of seven, places 5 and 6 have one name; the others are parted now and then, with one of the twins on each side. */
  const partitions = [
    [0, 1, 5],
    [2, 5],
    [0, 2, 4, 6],
  ].map((side, i): Fault => ({ fault: 'partition', side, direction: 'both', atMs: (3 + 9 * i) * EPOCH_MS, forMs: 4 * EPOCH_MS }));

  it.each(['1', '2', '3'])('violate nothing, and finality comes back after each partition (seed %s)', (seed) => {
    const played = play({ nodes: 7, schedule: [byzantine('twin', 5), ...partitions], epochs: 36, seed });
    expect(played.violations).toEqual([]);
    expect(played.convicted(0).length).toBeGreaterThan(0);
    // Of place 5 nobody ever hears its own keys: those of place 6 are 24 to 27.
    expect([24, 25, 26, 27]).toEqual(expect.arrayContaining([...played.convicted(0)]));
  });
});

describe('more than a third of the stake', () => {
  const partition: Fault = { fault: 'partition', side: [0, 2], direction: 'both', atMs: 0, forMs: 12 * EPOCH_MS };
  /** Two honest nodes with 30% each; the twins, at places 2 and 3, have 40%: with either honest node more than two thirds. */
  const stakes = [[48, 48, 48, 48], [48, 48, 48, 48], [], [64, 64, 64, 64]];
  const TWINS = [8, 9, 10, 11];

  it('on both sides of a partition finalizes two chains, which is reported as expected, and everybody can name it once the sides meet', () => {
    const played = play({ stakes, schedule: [byzantine('twin', 2), partition], epochs: 36, untilFaultsEnd: true });
    expect(played.unexpected).toEqual([]);
    const safety = played.violations.filter(({ checker }) => checker === 'AccountableSafety');
    expect(safety).toMatchObject([{ expected: true, message: expect.stringMatching(/What was seen convicts 40% of the stake\.$/) }]);
    expect(new Set(played.violations.map(({ checker }) => checker))).toEqual(new Set(['Agreement', 'AccountableSafety']));
    const heights = [0, 1].map((place) => played.finalized(place).header.number);
    expect(Math.min(...heights)).toBeGreaterThan(5 * SLOTS);
    for (const place of [0, 1]) {
      const found = played.traces('offence', place);
      expect(Math.min(...found.map(({ atMs }) => atMs))).toBeGreaterThan(partition.forMs);
      // A third of the stake and more, nobody else, and no side lets it pass.
      expect(played.convicted(place)).toEqual(TWINS);
      expect(played.slashed(place)).toEqual(TWINS);
    }
  });
});
