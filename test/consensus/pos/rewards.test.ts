/** What validators gain and lose, by the table in `rewards.ts`, and that nothing else changes balances. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dutiesOf } from '../../../src/consensus/pos/committees.ts';
import { integerSquareRoot } from '../../../src/consensus/pos/gwei.ts';
import { slash } from '../../../src/consensus/pos/offences.ts';
import { baseRewardPerEther, isLeaking, proposerReward, settleVotes, voteDeltas } from '../../../src/consensus/pos/rewards.ts';
import type { Participation, StakeState } from '../../../src/consensus/pos/types.ts';
import { TIMELY_HEAD, TIMELY_SOURCE, TIMELY_TARGET } from '../../../src/consensus/pos/types.ts';
import { ETHER, StakeChain } from './stake-chain.ts';

const ALL = TIMELY_SOURCE | TIMELY_TARGET | TIMELY_HEAD;
const chain = new StakeChain(8);
chain.run(15);
const { settings } = chain.rules;
const PER_ETHER = baseRewardPerEther(settings, 256n * ETHER);
const BASE = 32n * PER_ETHER;

/** The end of epoch 3, with this participation in epoch 2. */
function ended(previousParticipation: readonly Participation[], changes: Partial<StakeState> = {}): StakeState {
  return { ...chain.state, previousParticipation, ...changes };
}

function deltas(state: StakeState): readonly bigint[] {
  const found = voteDeltas(settings, state);
  return state.validators.map((_, index) => (found?.rewards[index] ?? 0n) - (found?.penalties[index] ?? 0n));
}

const eight = (flags: Participation): Participation[] => Array.from({ length: 8 }, () => flags);

describe('consensus/pos rewards', () => {
  it('gives each ether of stake 64 gwei-ether over the root of the stake, for 384 s', () => {
    expect(PER_ETHER).toBe((ETHER * 64n * 4n) / (384n * integerSquareRoot(256n * ETHER)));
    const spec = { ...settings, slotSeconds: 12, slotsPerEpoch: 32 };
    // 2^24 ether staked, as in the specs' own figures: 64 x 10^9 / floor(sqrt(2^24 x 10^9)).
    expect(baseRewardPerEther(spec, 2n ** 24n * ETHER)).toBe((64n * ETHER) / integerSquareRoot(2n ** 24n * ETHER));
  });

  it('gives 54 of 64 parts of the base reward when all votes are right', () => {
    const each = (BASE * 14n) / 64n + (BASE * 26n) / 64n + (BASE * 14n) / 64n;
    expect(deltas(ended(eight(ALL)))).toEqual(Array.from({ length: 8 }, () => each));
  });

  it.each<[string, Participation, bigint]>([
    ['nothing right', 0, -((BASE * 14n) / 64n) - (BASE * 26n) / 64n],
    ['a late head', TIMELY_SOURCE | TIMELY_TARGET, (BASE * 14n) / 64n + (BASE * 26n) / 64n],
    ['a late source', TIMELY_TARGET, (BASE * 26n) / 64n - (BASE * 14n) / 64n],
    ['a wrong target', TIMELY_SOURCE, (BASE * 14n) / 64n - (BASE * 26n) / 64n],
  ])('%s', (_, flags, expected) => {
    expect(deltas(ended(eight(flags)))[0]).toBe(expected);
  });

  it('scales gains by the part of the stake that was right too, and losses not', () => {
    const [right, , , , wrong] = deltas(ended([ALL, ALL, ALL, ALL, 0, 0, 0, 0]));
    const half = [14n, 26n, 14n].reduce((sum, weight) => sum + (BASE * weight * 128n) / (256n * 64n), 0n);
    expect(right).toBe(half);
    expect(wrong).toBe(-((BASE * 14n) / 64n) - (BASE * 26n) / 64n);
  });

  it('leaks after four epochs without finality: no gains, and losses that grow', () => {
    const leaking = (epochsSinceFinality: number): StakeState => ended([ALL, 0, TIMELY_SOURCE, 0, 0, 0, 0, 0], { epochsSinceFinality });
    expect([4, 5].map((epochs) => isLeaking(settings, leaking(epochs)))).toEqual([false, true]);
    const [right, missing, late] = deltas(leaking(10));
    const leak = (32n * ETHER * 10n) / 4_096n;
    expect(right).toBe(0n);
    expect(missing).toBe(-((BASE * 14n) / 64n) - (BASE * 26n) / 64n - leak);
    expect(late).toBe(-((BASE * 26n) / 64n) - leak);
  });

  it('lets offenders pay as if they had not voted, until they can be paid out', () => {
    const slashed = slash(settings, ended(eight(ALL)), 2, 0, false).state;
    const [other, , offender] = deltas(slashed);
    expect(offender).toBe(-((BASE * 14n) / 64n) - (BASE * 26n) / 64n);
    expect(other).toBeLessThan(deltas(ended(eight(ALL)))[0] ?? 0n);
    const paidOut = { ...slashed, validators: slashed.validators.map((each) => ({ ...each, exitEpoch: 1, withdrawableEpoch: 3 })) };
    expect(deltas({ ...paidOut, validators: paidOut.validators.with(0, chain.state.validators[0] as never) })[2]).toBe(0n);
  });

  it('pays nobody who was not active', () => {
    const { validators } = chain.state;
    const late = validators.with(1, { ...validators[1], activationEpoch: 3 } as never);
    expect(deltas(ended([ALL, 0, ALL, ALL, ALL, ALL, ALL, ALL], { validators: late }))[1]).toBe(0n);
  });

  it('settles no votes of epoch 0, of empty epochs, nor in empty epochs', () => {
    const early = new StakeChain(8);
    early.run(7);
    expect(voteDeltas(settings, early.state)).toBeNull();
    expect(voteDeltas(settings, early.at(11))).toBeNull();
    early.run(8);
    early.extend(17);
    expect(voteDeltas(settings, early.state)).toBeNull();
  });

  it('changes balances by the deltas, and by nothing else', () => {
    const flags = fc.array(fc.integer({ min: 0, max: ALL }), { minLength: 8, maxLength: 8 });
    const balances = fc.array(fc.bigInt({ min: 0n, max: 40n * ETHER }), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(flags, balances, fc.integer({ min: 0, max: 2_000 }), (previousParticipation, given, epochsSinceFinality) => {
        const before = ended(previousParticipation, { balances: given, epochsSinceFinality });
        const after = settleVotes(settings, before);
        const expected = deltas(before).map((delta, i) => {
          const sum = (given[i] ?? 0n) + delta;
          return sum > 0n ? sum : 0n;
        });
        expect(after.balances).toEqual(expected);
        expect({ ...after, balances: given }).toEqual(before);
      }),
      { numRuns: 50 },
    );
  });

  it('pays the proposer a seventh of what the parts that it brings are worth', () => {
    const parts = [14n, 26n, 14n].map((weight) => ({ baseReward: BASE, weight }));
    expect(proposerReward(parts)).toBe((BASE * 54n) / 448n);
    expect(proposerReward([])).toBe(0n);
  });

  it('counts the stake of the epoch that was voted in', () => {
    expect(dutiesOf(settings, chain.state, 2).activeBalance).toBe(256n * ETHER);
  });
});
