/** Duties under a clock that cannot be trusted. */
import { describe, expect, it } from 'vitest';
import { present } from '../../../src/base/assert.ts';
import { decodePayload, decodeSeal } from '../../../src/consensus/pos/codec.ts';
import { GENESIS_TIME, StakeChain } from './stake-chain.ts';
import { World } from './world.ts';

const ALL = [0, 1, 2, 3, 4, 5, 6, 7];
const OURS = [0, 1];
const SLOTS = 4;
const HOUR_MS = 3_600_000;
/** The slot in which a network wakes up. */
const PAUSE = 3_600;

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

  // With the shorter period of weak subjectivity, what the others make is refused as a history that was slept through.
  it.each([100_000, 256])('signs nothing with a clock that is ahead of everybody, and signs again once it is right (%i)', (period) => {
    const others = new Others({ weakSubjectivityEpochs: period });
    const world = new World(others.stake, { keys: OURS });
    others.live(world, 12);
    expect(signatures(world)).toBeGreaterThan(0);
    world.jump(HOUR_MS);
    const signed = signatures(world);
    others.live(world, 12 * SLOTS);
    expect(signatures(world)).toBe(signed);
    expect(world.traces('notSigned').map(({ reason }) => reason)).toContain('others live in another slot');
    world.jump(-HOUR_MS);
    others.live(world, 4 * SLOTS);
    expect(signatures(world)).toBeGreaterThan(signed);
    expect(world.offences()).toEqual([]);
  });

  it('listens before it signs after a long pause, and so sees that it is its clock that is ahead', () => {
    const others = new Others({ weakSubjectivityEpochs: 100_000 });
    const before = new World(others.stake, { keys: OURS });
    others.live(before, 12);
    const { chain, records } = before;
    const world = new World(others.stake, { keys: OURS, chain, records, slot: 3_600 });
    others.live(world, 12 * SLOTS);
    expect(signatures(world)).toBe(0);
    const alone = new World(new StakeChain(8), { keys: ALL, slot: 3_600 });
    alone.advance(4_000);
    expect(signatures(alone)).toBeGreaterThan(0);
  });

  it('is not silenced for long by one validator that fills the past with blocks, one every few epochs', () => {
    const stake = new StakeChain(8, { weakSubjectivityEpochs: 100_000 });
    const before = new World(stake, { keys: ALL });
    before.advanceTo(12);
    const { chain, records } = before;
    const head = new StakeChain(8, { weakSubjectivityEpochs: 100_000 });
    for (let number = 1; number <= chain.head.header.number; number++) {
      const block = present(chain.block(present(chain.canonical(number), 'a hash')), 'a block');
      const { timestamp } = block.header;
      head.state = head.apply({
        slot: timestamp - GENESIS_TIME,
        header: block.header,
        payload: decodePayload(block.payload),
        seal: decodeSeal(block.seal),
      });
      head.head = block.header;
    }
    head.waiting = [];
    const world = new World(stake, { keys: ALL.slice(0, -1), chain, records, slot: PAUSE });
    let past = 100;
    for (let epoch = 0; epoch < 24; epoch++) {
      let block = head.draft(past);
      while (block.seal.proposer !== ALL.length - 1) block = head.draft(++past);
      past++;
      world.receive(block, 'mallory');
      world.advance(SLOTS * 1_000);
    }
    expect(world.traces('notSigned').map(({ reason }) => reason)).toContain('others live in another slot');
    expect(world.chain.finalized.facts.carried).toBeGreaterThan(PAUSE);
  });
});

/** All validators but ours, who are always in time. */
class Others {
  readonly stake: StakeChain;
  #slot = 0;

  constructor(settings: ConstructorParameters<typeof StakeChain>[1]) {
    this.stake = new StakeChain(8, settings);
  }

  /** For so many slots, while this node does what it wants. */
  live(world: World, slots: number): void {
    const isOther = (index: number) => !OURS.includes(index);
    for (const end = this.#slot + slots; this.#slot < end; ) {
      this.#slot++;
      world.advance(1_000);
      if (isOther(this.stake.draft(this.#slot).seal.proposer)) world.receive(this.stake.extend(this.#slot, { votes: isOther }));
      else this.stake.skip(this.#slot, isOther);
    }
  }
}

function signatures({ state: { counts } }: World): number {
  return counts.proposed + counts.voted;
}
