import { describe, expect, it } from 'vitest';
import { StakeChain } from './stake-chain.ts';

describe('consensus/pos transition', () => {
  it('justifies and finalizes while everybody votes', () => {
    const chain = new StakeChain();
    chain.run(4 * 5);
    expect(chain.state.currentJustified.epoch).toBe(4);
    expect(chain.state.finalized.epoch).toBe(3);
  });
});
