import { sha256 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex, toHex } from '../../../src/base/bytes.ts';
import { COMMITTEE_SEED, littleEndian, PROPOSER_SEED, randaoMix, seedOf, withReveal } from '../../../src/consensus/pos/randao.ts';
import { RANDAO_EPOCHS } from '../../../src/consensus/pos/settings.ts';
import { StakeChain, someHash } from './stake-chain.ts';

const MIXES = Array.from({ length: RANDAO_EPOCHS }, (_, i) => someHash(i + 1));

describe('consensus/pos randao', () => {
  it('mixes the hash of a reveal into its epoch, and taking it in twice undoes it', () => {
    const reveal = new Uint8Array(96).fill(7);
    const once = withReveal(MIXES, 11, reveal);
    const expected = sha256(reveal).map((byte, i) => byte ^ (fromHex(someHash(4))[i] ?? 0));
    expect(fromHex(randaoMix({ randaoMixes: once }, 11))).toEqual(expected);
    expect(once.filter((mix, i) => mix !== MIXES[i])).toHaveLength(1);
    expect(withReveal(once, 11, reveal)).toEqual(MIXES);
  });

  it('takes the seed of an epoch from the mix at the end of the epoch before the last', () => {
    const { state } = new StakeChain();
    const seed = seedOf({ ...state, randaoMixes: MIXES }, 12, COMMITTEE_SEED);
    expect(seed).toEqual(sha256(concatBytes(littleEndian(1, 4), littleEndian(12, 8), fromHex(someHash(3)))));
    const others = [
      seedOf({ ...state, randaoMixes: MIXES }, 12, PROPOSER_SEED),
      seedOf({ ...state, randaoMixes: MIXES }, 20, COMMITTEE_SEED),
    ];
    expect(new Set([seed, ...others].map(toHex)).size).toBe(3);
  });

  it('changes what comes two epochs later, and nothing before', () => {
    const chain = new StakeChain();
    chain.run(9);
    const other = { ...chain.state, randaoMixes: withReveal(chain.state.randaoMixes, 2, new Uint8Array(96)) };
    const seeds = (state: typeof other, epochs: readonly number[]): string[] =>
      epochs.map((epoch) => toHex(seedOf(state, epoch, COMMITTEE_SEED)));
    expect(seeds(other, [1, 2, 3])).toEqual(seeds(chain.state, [1, 2, 3]));
    expect(seeds(other, [4])).not.toEqual(seeds(chain.state, [4]));
  });

  it('writes little-endian numbers', () => {
    fc.assert(
      fc.property(fc.nat(), (value) => {
        const view = new DataView(littleEndian(value, 8).buffer);
        expect(view.getBigUint64(0, true)).toBe(BigInt(value));
      }),
    );
  });
});
