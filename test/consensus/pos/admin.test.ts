/** What a running engine answers about the state from which light verification begins. */
import { describe, expect, it } from 'vitest';
import { present } from '../../../src/base/assert.ts';
import { fromHex } from '../../../src/base/bytes.ts';
import { lightFrom } from '../../../src/consensus/pos/light.ts';
import { type EngineNode, followed } from './engine-node.ts';
import { StakeChain, someHash } from './stake-chain.ts';

const SLOTS = 4;

function codeOf(node: EngineNode, block: unknown): string {
  return (node.ask('getState', { block: block as string }) as { code?: string }).code ?? 'none';
}

describe('consensus/pos admin: the state before a block', () => {
  it('is had for the final blocks of late and for those above, and is what light verification begins with', () => {
    const stake = new StakeChain(8);
    const node = followed(stake, SLOTS * 6);
    expect(node.chain.finalized.header.number).toBe(SLOTS * 4);
    const numbers = [SLOTS * 2, SLOTS * 3, SLOTS * 4, SLOTS * 4 + 1, SLOTS * 6];
    for (const number of numbers) {
      const hash = present(node.chain.canonical(number), 'a block');
      const block = present(node.chain.block(hash), 'a block');
      const state = fromHex(node.ask('getState', { block: hash }) as string);
      expect(lightFrom(stake.rules, stake.genesis, hash, block, state).tip.hash).toBe(hash);
    }
  });

  it('is not computed for others, nor for what is no block', () => {
    const node = followed(new StakeChain(8), SLOTS * 6);
    expect(codeOf(node, node.chain.canonical(SLOTS * 2 + 1))).toBe('pos/no-state');
    expect(codeOf(node, node.chain.genesis.hash)).toBe('pos/no-state');
    for (const block of [someHash(1), 'nonsense', 7, null]) expect(codeOf(node, block)).toBe('pos/no-state');
  });
});
