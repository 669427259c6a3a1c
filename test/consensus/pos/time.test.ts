import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  aggregateDueMs,
  epochOf,
  firstSlot,
  previousEpoch,
  slotAt,
  slotOfTimestamp,
  slotStartMs,
  timestampOf,
  voteDueMs,
} from '../../../src/consensus/pos/time.ts';

const GENESIS = 1_700_000_000;
const settings = fc.record({ slotSeconds: fc.integer({ min: 1, max: 60 }), slotsPerEpoch: fc.integer({ min: 2, max: 64 }) });
const slots = fc.integer({ min: 0, max: 2 ** 31 });

describe('consensus/pos time', () => {
  it('finds the slot of a timestamp again, and none for times between slots', () => {
    fc.assert(
      fc.property(settings, slots, (each, slot) => {
        const timestamp = timestampOf(each, GENESIS, slot);
        expect(slotOfTimestamp(each, GENESIS, timestamp)).toBe(slot);
        if (each.slotSeconds > 1) expect(slotOfTimestamp(each, GENESIS, timestamp + 1)).toBeNull();
      }),
    );
  });

  it('has no slot before genesis, nor one for what is no number', () => {
    expect(slotOfTimestamp({ slotSeconds: 2 }, GENESIS, GENESIS - 2)).toBeNull();
    expect(slotOfTimestamp({ slotSeconds: 2 }, GENESIS, Number.NaN)).toBeNull();
    expect(slotAt({ slotSeconds: 2 }, GENESIS, (GENESIS - 1) * 1_000)).toBe(-1);
  });

  it('is in a slot from its beginning until the next one begins', () => {
    fc.assert(
      fc.property(settings, slots, (each, slot) => {
        const start = slotStartMs(each, GENESIS, slot);
        expect([start - 1, start, start + each.slotSeconds * 1_000 - 1].map((ms) => slotAt(each, GENESIS, ms))).toEqual([
          slot - 1,
          slot,
          slot,
        ]);
      }),
    );
  });

  it('has votes due after a third of the slot and sums after two, in whole milliseconds', () => {
    const start = slotStartMs({ slotSeconds: 1 }, GENESIS, 7);
    expect(voteDueMs({ slotSeconds: 1 }, GENESIS, 7) - start).toBe(333);
    expect(aggregateDueMs({ slotSeconds: 1 }, GENESIS, 7) - start).toBe(666);
  });

  it('divides slots into epochs', () => {
    fc.assert(
      fc.property(settings, slots, (each, slot) => {
        const epoch = epochOf(each, slot);
        expect(firstSlot(each, epoch)).toBeLessThanOrEqual(slot);
        expect(firstSlot(each, epoch + 1)).toBeGreaterThan(slot);
      }),
    );
    expect([previousEpoch(0), previousEpoch(1), previousEpoch(9)]).toEqual([0, 0, 8]);
  });
});
