/** What a running engine answers about the state from which light verification begins. */
import { describe, expect, it } from 'vitest';
import { present } from '../../../src/base/assert.ts';
import { fromHex } from '../../../src/base/bytes.ts';
import type { Json } from '../../../src/base/types.ts';
import { lightFrom } from '../../../src/consensus/pos/light.ts';
import { followed } from './followed.ts';
import { StakeChain, someHash } from './stake-chain.ts';
import { of, type World } from './world.ts';

const SLOTS = 4;

function stateBefore(world: World, block: Json): unknown {
  const effects = world.step({ type: 'admin', request: 1, command: { name: 'getState', arguments: { block } } });
  return of(effects, 'reply')[0]?.result;
}

describe('consensus/pos admin: the state before a block', () => {
  it('is had for the final blocks of late and for those above, and is what light verification begins with', () => {
    const stake = new StakeChain(8);
    const world = followed(stake, SLOTS * 6);
    expect(world.chain.finalized.header.number).toBe(SLOTS * 4);
    for (const number of [SLOTS * 2, SLOTS * 3, SLOTS * 4, SLOTS * 4 + 1, SLOTS * 6]) {
      const hash = present(world.chain.canonical(number), 'a block');
      const block = present(world.chain.block(hash), 'a block');
      const state = fromHex(stateBefore(world, hash) as string);
      expect(lightFrom(stake.rules, stake.genesis, hash, block, state).tip.hash).toBe(hash);
    }
  });

  it('is not computed for others, nor for what is no block', () => {
    const world = followed(new StakeChain(8), SLOTS * 6);
    const old = present(world.chain.canonical(SLOTS * 2 + 1), 'a block');
    for (const block of [old, world.chain.genesis.hash, someHash(1), 'nonsense', 7, null]) {
      expect(stateBefore(world, block)).toMatchObject({ code: 'pos/no-state' });
    }
  });
});
