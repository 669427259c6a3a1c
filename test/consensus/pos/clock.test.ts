/** Duties under a clock that cannot be trusted. */
import { describe, expect, it } from 'vitest';
import { StakeChain } from './stake-chain.ts';
import { World } from './world.ts';

const ALL = [0, 1, 2, 3, 4, 5, 6, 7];
const SLOTS = 4;
const HOUR_MS = 3_600_000;

describe('consensus/pos clock', () => {
  it('signs nothing for two epochs after a jump, and goes on from the slot that the clock says then, forward or back', () => {
    for (const jumps of [[HOUR_MS], [HOUR_MS, -HOUR_MS], [-3 * SLOTS * 1_000]]) {
      const world = new World(new StakeChain(8), { keys: ALL });
      world.advanceTo(30);
      for (const jump of jumps) {
        world.jump(jump);
        world.advance(1_500);
      }
      const signed = world.records.length;
      world.advance(2 * SLOTS * 1_000 - 2_000);
      expect(world.records.length).toBe(signed);
      expect(world.traces('clockJump').length).toBe(jumps.length);
      // After the last of these jumps the keys may not sign before the slots that they have signed for.
      const { number } = world.chain.head.header;
      world.advance(8 * SLOTS * 1_000);
      expect(world.chain.head.header.number).toBeGreaterThan(number + 2 * SLOTS);
      expect(world.chain.finalized.header.number).toBeGreaterThan(number);
      expect(Number(world.chain.head.facts.carried)).toBeLessThanOrEqual((world.wallMs - 1_700_000_000_000) / 1_000);
    }
  });
});
