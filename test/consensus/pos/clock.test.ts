/** Duties under a clock that cannot be trusted. */
import { describe, expect, it } from 'vitest';
import { StakeChain } from './stake-chain.ts';
import { World } from './world.ts';

const ALL = [0, 1, 2, 3, 4, 5, 6, 7];
const OURS = [0, 1];
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

  it('signs nothing with a clock that is ahead of everybody, however few they are, and signs again once it is right', () => {
    const { world, live } = follower();
    live(12);
    expect(signatures(world)).toBeGreaterThan(0);
    world.jump(HOUR_MS);
    const signed = signatures(world);
    live(10 * SLOTS);
    expect(signatures(world)).toBe(signed);
    expect(world.traces('otherTime').length).toBeGreaterThan(0);
    world.jump(-HOUR_MS);
    live(4 * SLOTS);
    expect(signatures(world)).toBeGreaterThan(signed);
    expect(world.offences()).toEqual([]);
  });

  it('listens before it signs after a long pause, and so sees that it is its clock that is ahead', () => {
    const { world, live, stake } = follower();
    live(12);
    const { chain, records } = world;
    const ahead = new World(stake, { keys: OURS, chain, records, slot: 3_600 });
    for (let i = 0; i < 6 * SLOTS; i++) {
      ahead.receive(stake.extend());
      ahead.advance(1_000);
    }
    expect(signatures(ahead)).toBe(0);
    const alone = new World(new StakeChain(8), { keys: ALL, slot: 3_600 });
    alone.advance(4_000);
    expect(signatures(alone)).toBeGreaterThan(0);
  });
});

/** A node with a quarter of the stake, and the others, who are always in time. */
function follower() {
  const stake = new StakeChain(8);
  const world = new World(stake, { keys: OURS });
  const live = (slots: number) => {
    for (let i = 0; i < slots; i++) {
      world.advance(1_000);
      world.receive(stake.extend());
    }
  };
  return { world, live, stake };
}

function signatures({ state: { counts } }: World): number {
  return counts.proposed + counts.voted;
}
