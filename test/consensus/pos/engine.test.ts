/** The engine as a whole, in a world of one node: what it does on its own, and in which order. */
import { describe, expect, it } from 'vitest';
import { StakeChain } from './stake-chain.ts';
import { of, World } from './world.ts';

const ALL = [0, 1, 2, 3, 4, 5, 6, 7];

describe('consensus/pos alone with all validators', () => {
  it('proposes, votes and finalizes, with one validator as well as with eight', () => {
    for (const count of [1, 3, 8]) {
      const world = new World(new StakeChain(count), { keys: ALL.slice(0, count) });
      world.advanceTo(24);
      expect(world.chain.head.header.number).toBeGreaterThanOrEqual(23);
      expect(world.chain.finalized.header.number).toBeGreaterThanOrEqual(8);
      expect(world.offences()).toEqual([]);
    }
  });

  it('lets nothing leave that it signed before the record is durable: neither a vote, nor a sum of votes, nor a block', () => {
    const world = new World(new StakeChain(8), { keys: ALL, manual: ['persisted'] });
    world.advanceTo(1, 999);
    const sums = of(world.effects, 'send');
    expect(sums.length).toBeGreaterThan(1);
    const recorded = Math.min(...world.all('persist').map(({ lsn }) => lsn));
    for (const { after } of sums) expect(after).toBeGreaterThanOrEqual(recorded);
    expect(world.all('announce')).toEqual([]);
    expect(world.all('insert')).toEqual([]);
  });

  it('proposes and votes by the clock when its timers are late', () => {
    const world = new World(new StakeChain(8), { keys: ALL });
    world.advanceTo(4, 999);
    world.timers.clear();
    for (const ms of [10, 400, 600, 400]) {
      world.nowMs += ms;
      world.wallMs += ms;
      world.step({ type: 'mempool', pending: 0 });
    }
    expect(world.chain.head.facts.carried).toBe(6n);
    expect(world.sentVotes().at(-1)?.data.slot).toBe(6);
    expect(world.timers.size).toBe(3);
  });
});
