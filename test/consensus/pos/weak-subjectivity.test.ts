/** The period in which a state can be trusted: the published figures, and what follows from this engine's churn. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { churnLimit } from '../../../src/consensus/pos/registry.ts';
import { GWEI_PER_ETHER, parseSettings } from '../../../src/consensus/pos/settings.ts';
import type { StakeState } from '../../../src/consensus/pos/types.ts';
import { isWithinPeriod, periodOf, weakSubjectivityPeriod } from '../../../src/consensus/pos/weak-subjectivity.ts';
import { StakeChain } from './stake-chain.ts';

/** consensus-specs electra/weak-subjectivity.md, its table for a safety decay of 10: total stake in ether, period in epochs. */
const PUBLISHED: readonly [ether: bigint, epochs: number][] = [
  [1_048_576n, 665],
  [2_097_152n, 1_075],
  [4_194_304n, 1_894],
  [8_388_608n, 3_532],
  [16_777_216n, 3_532],
  [33_554_432n, 3_532],
];
/** electra's constants: its least churn is 128 ether, and as much may enter as may leave. */
const ELECTRA = { minimumChurn: 128n * GWEI_PER_ETHER, churnQuotient: 65_536n };
const ELECTRA_UNBONDING = 256;

/** The validators of the chain, each with so much stake. */
function withStake({ state }: StakeChain, ether: bigint): StakeState {
  const effectiveBalance = ether * GWEI_PER_ETHER;
  return { ...state, validators: state.validators.map((validator) => ({ ...validator, effectiveBalance })) };
}

describe('consensus/pos weak subjectivity: the period', () => {
  it.each(PUBLISHED)('of %d ether in the network of the specs is %d epochs', (ether, epochs) => {
    const { settings } = new StakeChain(4).rules;
    const stake = ether * GWEI_PER_ETHER;
    const churn = churnLimit({ ...settings, ...ELECTRA }, stake);
    expect(periodOf(ELECTRA_UNBONDING, stake, 2n * churn)).toBe(epochs);
  });

  it('is that of unbonding where the whole set may change in one epoch', () => {
    const { rules, state } = new StakeChain(4);
    expect(weakSubjectivityPeriod(rules.settings, state)).toBe(rules.settings.unbondingEpochs);
  });

  it('counts a churn limit each for entering, growing and leaving', () => {
    const chain = new StakeChain(8, { minimumChurnEther: 32, maximumEffectiveEther: 4_096 });
    // A tenth of 8 x 3000 ether, 3 x 32 of them an epoch.
    expect(weakSubjectivityPeriod(chain.rules.settings, withStake(chain, 3_000n))).toBe(256 + 2_400 / 96);
  });

  it('never falls as stake grows, and is never below unbonding', () => {
    const chain = new StakeChain(4, { maximumEffectiveEther: 2 ** 32 });
    let last = chain.rules.settings.unbondingEpochs;
    for (let ether = 32n; ether < 2n ** 30n; ether *= 2n) {
      const period = weakSubjectivityPeriod(chain.rules.settings, withStake(chain, ether));
      expect(period).toBeGreaterThanOrEqual(last);
      last = period;
    }
    // From there on the churn limit grows with the stake: a tenth of it in 65536 / 3 epochs.
    expect(last).toBe(256 + Math.floor(6_553.6 / 3));
  });

  it('is what the genesis file says, if it does', () => {
    const { rules, state } = new StakeChain(4, { weakSubjectivityEpochs: 7 });
    expect(weakSubjectivityPeriod(rules.settings, state)).toBe(7);
  });

  it('begins with the epoch of the state, and its last epoch is within it', () => {
    const chain = new StakeChain(4, { weakSubjectivityEpochs: 7 });
    chain.run(4 * 3 + 1);
    const isWithin = (epoch: number) => isWithinPeriod(chain.rules.settings, chain.state, epoch);
    expect([3, 10, 11].map(isWithin)).toEqual([true, true, false]);
  });

  it('is longer than anybody will run the dev network, whose genesis is years old', () => {
    const { config, timestamp } = JSON.parse(readFileSync(new URL('../../../genesis/pos.json', import.meta.url), 'utf8'));
    const { name: _, ...engine } = config.engine;
    const { weakSubjectivityEpochs, slotsPerEpoch, slotSeconds } = parseSettings(engine);
    const seconds = (weakSubjectivityEpochs ?? 0) * slotsPerEpoch * slotSeconds;
    const century = Date.UTC(2124, 0) / 1_000;
    expect(Number(timestamp) + seconds).toBeGreaterThan(century);
  });
});
