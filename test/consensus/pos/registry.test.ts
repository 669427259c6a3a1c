/** Entering, growing, leaving, being paid: when, how fast, and that stake is never made or lost on the way. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addValidator,
  changeEpoch,
  churnLimit,
  dueWithdrawals,
  ejectLowBalances,
  findValidator,
  nextEffectiveBalances,
  payWithdrawals,
  startExit,
  wholeEther,
  withBalance,
} from '../../../src/consensus/pos/registry.ts';
import { MAX_PAID_STAKES } from '../../../src/consensus/pos/settings.ts';
import { type Epoch, FAR_FUTURE_EPOCH, type Gwei, type StakeState } from '../../../src/consensus/pos/types.ts';
import { depositorAt, ETHER, StakeChain, signerAt } from './stake-chain.ts';

const ACTIVE = 256n * ETHER;
const chain = new StakeChain(8);
chain.run(21);
const { settings } = chain.rules;
const NOW = chain.epoch;

function add(state: StakeState, key: number, ether: number): StakeState {
  const { publicKey } = signerAt(key);
  return addValidator(settings, state, ACTIVE, { publicKey, depositor: depositorAt(key), amount: BigInt(ether) * ETHER });
}

/** Weight by the epoch in which it enters or leaves. */
function weights(state: StakeState, epochOf: (index: number) => Epoch | undefined): Map<Epoch, Gwei> {
  const found = new Map<Epoch, Gwei>();
  for (const [index, { effectiveBalance }] of state.validators.entries()) {
    const epoch = epochOf(index) ?? FAR_FUTURE_EPOCH;
    if (epoch > NOW && epoch < FAR_FUTURE_EPOCH) found.set(epoch, (found.get(epoch) ?? 0n) + effectiveBalance);
  }
  return found;
}

describe('consensus/pos registry', () => {
  it('activates two epochs after the deposit', () => {
    const state = add(chain.state, 20, 40);
    expect(state.validators[8]).toEqual({
      publicKey: signerAt(20).publicKey,
      depositor: depositorAt(20),
      effectiveBalance: 32n * ETHER,
      slashed: false,
      activationEpoch: NOW + 2,
      exitEpoch: FAR_FUTURE_EPOCH,
      withdrawableEpoch: FAR_FUTURE_EPOCH,
    });
    expect([state.balances[8], state.previousParticipation[8], state.currentParticipation[8]]).toEqual([40n * ETHER, 0, 0]);
    expect(findValidator(state.validators, signerAt(20).publicKey)).toBe(8);
    expect(findValidator(state.validators, signerAt(21).publicKey)).toBeUndefined();
  });

  it('lets four of the smallest enter and leave in an epoch, and more in a large network', () => {
    expect(churnLimit(settings, ACTIVE)).toBe(128n * ETHER);
    expect(churnLimit({ ...settings, churnQuotient: 4n }, 4_003n * ETHER)).toBe(1_000n * ETHER);
    let state = chain.state;
    for (let key = 20; key < 30; key++) state = add(state, key, 32);
    const epochs = state.validators.slice(8).map(({ activationEpoch }) => activationEpoch - NOW);
    expect(epochs).toEqual([2, 2, 2, 2, 3, 3, 3, 3, 4, 4]);
  });

  it('lets leave two epochs later, and be paid after the unbonding period', () => {
    const { validators } = startExit(settings, chain.state, ACTIVE, 3);
    expect(validators[3]).toMatchObject({ exitEpoch: NOW + 2, withdrawableEpoch: NOW + 2 + settings.unbondingEpochs });
    const state = { ...chain.state, validators };
    expect(startExit(settings, state, ACTIVE, 3)).toBe(state);
    expect(changeEpoch(NOW)).toBe(NOW + 2);
  });

  it('does not let leave who is not there yet', () => {
    let state = chain.state;
    for (let key = 20; key < 25; key++) state = add(state, key, 32);
    const { activationEpoch } = state.validators[12] ?? {};
    expect(startExit(settings, state, ACTIVE, 12).validators[12]?.exitEpoch).toBe(activationEpoch);
  });

  it('keeps to the churn limit over every stretch of epochs, in the order of requests', () => {
    const stakes = fc.array(fc.integer({ min: 32, max: 600 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(stakes, (ether) => {
        const big = ether.reduce((state, each, i) => {
          const next = add(state, 20 + i, each);
          return {
            ...next,
            validators: next.validators.with(-1, {
              ...(next.validators.at(-1) as never as object),
              effectiveBalance: BigInt(each) * ETHER,
            } as never),
          };
        }, chain.state);
        const later = { ...big, slot: 4 * (NOW + 60) };
        const left = ether.reduce((state, _, i) => startExit(settings, state, ACTIVE, 8 + i), later);
        const exits = ether.map((_, i) => left.validators[8 + i]?.exitEpoch ?? 0);
        expect([...exits].sort((a, b) => a - b)).toEqual(exits);
        const byEpoch = weights(left, (index) => left.validators[index]?.exitEpoch);
        let gone = 0n;
        for (const epoch of [...byEpoch.keys()].sort((a, b) => a - b)) {
          gone += byEpoch.get(epoch) ?? 0n;
          // From the first epoch in which anybody may leave.
          expect(gone).toBeLessThanOrEqual(BigInt(epoch - (NOW + 62) + 1) * churnLimit(settings, ACTIVE));
        }
      }),
      { numRuns: 50 },
    );
  });

  it('lets a validator of twenty times the limit leave after twenty epochs, and the next one after it', () => {
    const whale = {
      ...chain.state,
      validators: chain.state.validators.with(0, { ...chain.state.validators[0], effectiveBalance: 2_048n * ETHER } as never),
    };
    const first = startExit(settings, whale, ACTIVE, 0);
    const second = startExit(settings, first, ACTIVE, 1);
    expect([first.validators[0]?.exitEpoch, second.validators[1]?.exitEpoch]).toEqual([NOW + 2 + 15, NOW + 2 + 16]);
  });

  it('does not count those who were slashed among those who queue', () => {
    const slashed = chain.state.validators.map((each, i) => (i < 4 ? { ...each, slashed: true, exitEpoch: NOW + 2 } : each));
    const state = startExit(settings, { ...chain.state, validators: slashed }, ACTIVE, 5);
    expect(state.validators[5]?.exitEpoch).toBe(NOW + 2);
  });

  it('ejects those whose stake has shrunk to half of the least deposit', () => {
    const shrunk = chain.state.validators.with(2, { ...chain.state.validators[2], effectiveBalance: 16n * ETHER } as never);
    const enough = shrunk.with(3, { ...shrunk[3], effectiveBalance: 17n * ETHER } as never);
    const state = ejectLowBalances(settings, { ...chain.state, validators: enough }, ACTIVE);
    expect(state.validators.map(({ exitEpoch }) => exitEpoch !== FAR_FUTURE_EPOCH)).toEqual([
      false,
      false,
      true,
      false,
      false,
      false,
      false,
      false,
    ]);
  });

  it.each([
    ['as it is', 32n * ETHER, 32n * ETHER],
    ['a little less', 32n * ETHER - 250_000_000n, 32n * ETHER],
    ['less by more than a quarter', 32n * ETHER - 250_000_001n, 31n * ETHER],
    ['a little more', 33n * ETHER + 250_000_000n, 32n * ETHER],
    ['more by more than five quarters', 33n * ETHER + 250_000_001n, 33n * ETHER],
    ['nothing left', 0n, 0n],
  ])('weighs a balance with hysteresis: %s', (_, balance, expected) => {
    expect(nextEffectiveBalances(settings, withBalance(chain.state, 1, balance), ACTIVE)[1]?.effectiveBalance).toBe(expected);
  });

  it('keeps the registry as it is when no weight changes', () => {
    const even = { ...chain.state, balances: chain.state.validators.map(({ effectiveBalance }) => effectiveBalance) };
    expect(nextEffectiveBalances(settings, even, ACTIVE)).toBe(even.validators);
  });

  it('lets weights grow no faster than the churn limit, those of active validators only, up to the greatest weight', () => {
    const pending = add(chain.state, 20, 5_000);
    let state: StakeState = { ...pending, balances: pending.balances.map((balance, i) => (i === 1 || i === 2 ? 5_000n * ETHER : balance)) };
    const grow = (): bigint[] => {
      state = { ...state, validators: nextEffectiveBalances(settings, state, ACTIVE) };
      return [1, 2, 8].map((index) => (state.validators[index]?.effectiveBalance ?? 0n) / ETHER);
    };
    expect(grow()).toEqual([160n, 32n, 32n]);
    for (let epoch = 0; epoch < 14; epoch++) grow();
    expect(grow()).toEqual([2_048n, 64n, 32n]);
  });

  it('pays whom it is due, the oldest wish first, at most 16 at once, and once', () => {
    const crowd = new StakeChain(20);
    const validators = crowd.state.validators.map((each, i) => ({ ...each, exitEpoch: 1, withdrawableEpoch: i === 19 ? 5 : 2 }));
    const order = [19, ...Array.from({ length: 19 }, (_, i) => 18 - i)];
    const state: StakeState = { ...crowd.state, validators, slot: 9, withdrawals: order };
    const first = dueWithdrawals(settings, state);
    expect(first.map(({ validator }) => validator)).toEqual(order.slice(1, 1 + MAX_PAID_STAKES));
    expect(first[0]).toEqual({ validator: 18, to: depositorAt(18), amount: 32n * ETHER });
    const after = payWithdrawals(state, first);
    expect(after.withdrawals).toEqual([19, 2, 1, 0]);
    expect(dueWithdrawals(settings, after).map(({ validator }) => validator)).toEqual([2, 1, 0]);
    expect(dueWithdrawals(settings, payWithdrawals(after, dueWithdrawals(settings, after)))).toEqual([]);
  });

  it('neither makes nor loses stake when it pays', () => {
    const crowd = new StakeChain(12);
    const wishes = fc.uniqueArray(fc.integer({ min: 0, max: 11 }));
    const balances = fc.array(fc.bigInt({ min: 0n, max: 100n * ETHER }), { minLength: 12, maxLength: 12 });
    fc.assert(
      fc.property(wishes, balances, fc.integer({ min: 0, max: 5 }), (withdrawals, given, epoch) => {
        const validators = crowd.state.validators.map((each, i) => ({ ...each, exitEpoch: 1, withdrawableEpoch: i % 6 }));
        const state: StakeState = { ...crowd.state, validators, balances: given, withdrawals, slot: epoch * 4 };
        const paid = dueWithdrawals(settings, state);
        const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((all, each) => all + each, 0n);
        const after = payWithdrawals(state, paid);
        expect(sum(after.balances) + sum(paid.map(({ amount }) => amount))).toBe(sum(given));
        expect(paid.every(({ validator }) => (state.validators[validator]?.withdrawableEpoch ?? 9) <= epoch)).toBe(true);
        expect([...after.withdrawals, ...paid.map(({ validator }) => validator)].sort()).toEqual([...withdrawals].sort());
      }),
    );
  });

  it('rounds down to whole ether', () => {
    expect([wholeEther(ETHER - 1n), wholeEther(ETHER), wholeEther(3n * ETHER + 7n)]).toEqual([0n, ETHER, 3n * ETHER]);
  });
});
