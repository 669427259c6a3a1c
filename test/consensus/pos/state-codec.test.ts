/** The state as bytes and as a root. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../../src/base/errors.ts';
import { decodeRlp, encodeRlp, type RlpValue } from '../../../src/chain/rlp.ts';
import { decodeState, encodeState, stateRoot } from '../../../src/consensus/pos/state-codec.ts';
import type { StakeState } from '../../../src/consensus/pos/types.ts';
import { codeOf, StakeChain, someHash } from './stake-chain.ts';

const chain = new StakeChain(6);
chain.run(11, { votes: (index) => index !== 4 });
chain.extend(12, {
  said: [
    chain.deposit(20, 100),
    { type: 'withdraw', publicKey: chain.state.validators[2]?.publicKey ?? '0x', sender: `0x${'03'.repeat(20)}` as never },
  ],
});
const state: StakeState = { ...chain.state, slashings: chain.state.slashings.with(3, 32_000_000_000n) };

/** The fields of a state's encoding, one of them changed. */
function withField(index: number, change: (value: RlpValue) => RlpValue): Uint8Array {
  const fields = decodeRlp(encodeState(state), 'state') as RlpValue[];
  return encodeRlp(fields.with(index, change(fields[index] ?? [])));
}

const list = (value: RlpValue): readonly RlpValue[] => value as readonly RlpValue[];

describe('consensus/pos state codec', () => {
  it('brings a state back, with the same root', () => {
    const back = decodeState(encodeState(state));
    expect(back).toEqual(state);
    expect(stateRoot(back)).toBe(stateRoot(state));
  });

  it.each<[string, Partial<StakeState>]>([
    ['slot', { slot: state.slot + 1 }],
    ['block', { block: someHash(1) }],
    ['a validator', { validators: state.validators.with(1, { ...state.validators[1], slashed: true } as never) }],
    ['their order', { validators: state.validators.toReversed() }],
    ['a balance', { balances: state.balances.with(1, 1n) }],
    ['a mix', { randaoMixes: state.randaoMixes.with(1, someHash(1)) }],
    ['slashings', { slashings: state.slashings.with(1, 1n) }],
    ['a block root', { blockRoots: state.blockRoots.with(1, someHash(1)) }],
    ['participation', { previousParticipation: state.previousParticipation.with(1, 1) }],
    ['current participation', { currentParticipation: state.currentParticipation.with(1, 5) }],
    ['justification bits', { justificationBits: 9 }],
    ['previously justified', { previousJustified: { epoch: 9, root: someHash(1) } }],
    ['justified', { currentJustified: { epoch: 9, root: someHash(1) } }],
    ['finalized', { finalized: { epoch: 9, root: someHash(1) } }],
    ['epochs since finality', { epochsSinceFinality: 9 }],
    ['withdrawals', { withdrawals: [] }],
  ])('has another root when %s differs', (_, changes) => {
    const other = { ...state, ...changes };
    expect(stateRoot(other)).not.toBe(stateRoot(state));
    expect(decodeState(encodeState(other))).toEqual(other);
  });

  it.each<[string, Uint8Array]>([
    ['balances of fewer validators', withField(3, (value) => list(value).slice(1))],
    ['participation of fewer validators', withField(7, () => new Uint8Array(2))],
    ['participation of an unknown kind', withField(8, () => new Uint8Array(7).fill(8))],
    ['too few mixes', withField(4, (value) => list(value).slice(1))],
    ['too few slashings', withField(5, (value) => list(value).slice(1))],
    ['no block roots', withField(6, () => [])],
    ['block roots of part of an epoch', withField(6, (value) => list(value).slice(1))],
    ['five justification bits', withField(9, () => 16)],
    ['a withdrawal of nobody', withField(14, () => [99])],
  ])('refuses %s', (_, encoded) => {
    expect(codeOf(() => decodeState(encoded))).toBe('decode/pos-state');
  });

  it('refuses hostile bytes with a DecodeError, or takes what encodes to them', () => {
    const encoded = encodeState(state);
    fc.assert(
      fc.property(fc.nat(encoded.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean(), (at, flip, isCut) => {
        const hostile = isCut ? encoded.slice(0, at) : encoded.with(at, (encoded[at] ?? 0) ^ flip);
        try {
          expect(encodeState(decodeState(hostile))).toEqual(hostile);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }),
      { numRuns: 300 },
    );
  });
});
