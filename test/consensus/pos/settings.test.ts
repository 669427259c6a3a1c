import { describe, expect, it } from 'vitest';
import type { Json } from '../../../src/base/types.ts';
import { parseSettings } from '../../../src/consensus/pos/settings.ts';
import { codeOf, depositorAt, ETHER, signerAt } from './stake-chain.ts';

const VALIDATOR = { publicKey: signerAt(0).publicKey, depositor: depositorAt(0) };
const OTHER = { publicKey: signerAt(1).publicKey, depositor: depositorAt(1) };

function parse(settings: { [key: string]: Json }) {
  return parseSettings({ validators: [VALIDATOR], ...settings });
}

describe('consensus/pos settings', () => {
  it('has the defaults of the specification', () => {
    expect(parse({})).toEqual({
      slotSeconds: 2,
      slotsPerEpoch: 8,
      minimumDeposit: 32n * ETHER,
      maximumEffectiveBalance: 2_048n * ETHER,
      unbondingEpochs: 256,
      minimumChurn: 128n * ETHER,
      churnQuotient: 65_536n,
      leakAfterEpochs: 4,
      leakQuotient: 4_096n,
      weakSubjectivityEpochs: null,
      validators: [{ ...VALIDATOR, stake: 32n * ETHER, signature: null }],
    });
  });

  it('lets the churn and the greatest weight follow the least deposit', () => {
    const { minimumChurn, maximumEffectiveBalance, validators } = parse({ minimumDepositEther: 5_000 });
    expect([minimumChurn, maximumEffectiveBalance, validators[0]?.stake]).toEqual([20_000n * ETHER, 5_000n * ETHER, 5_000n * ETHER]);
  });

  it('reads a dev network', () => {
    const validators = [{ ...VALIDATOR, stakeEther: 64, signature: `0x${'ab'.repeat(96)}` }, OTHER];
    const settings = parse({ slotSeconds: 1, slotsPerEpoch: 4, weakSubjectivityEpochs: 10, validators });
    expect(settings).toMatchObject({ slotSeconds: 1, slotsPerEpoch: 4, weakSubjectivityEpochs: 10 });
    expect(settings.validators[0]).toMatchObject({ stake: 64n * ETHER, signature: new Uint8Array(96).fill(0xab) });
  });

  it('takes addresses and keys in any case, and keeps them in lower case', () => {
    const shouted = { publicKey: `0x${VALIDATOR.publicKey.slice(2).toUpperCase()}`, depositor: `0x${'AB'.repeat(20)}` };
    const [validator] = parse({ validators: [shouted] }).validators;
    expect([validator?.publicKey, validator?.depositor]).toEqual([VALIDATOR.publicKey, `0x${'ab'.repeat(20)}`]);
  });

  it.each<[string, { [key: string]: Json }]>([
    ['slotSeconds', { slotSeconds: 0 }],
    ['slotSeconds', { slotSeconds: 0.5 }],
    ['slotSeconds', { slotSeconds: '2' }],
    ['slotSeconds', { slotSeconds: 61 }],
    ['slotsPerEpoch', { slotsPerEpoch: 1 }],
    ['slotsPerEpoch', { slotsPerEpoch: 65 }],
    ['minimumDepositEther', { minimumDepositEther: 0 }],
    ['maximumEffectiveEther', { maximumEffectiveEther: 31 }],
    ['maximumEffectiveEther', { maximumEffectiveEther: 2 ** 33 }],
    ['unbondingEpochs', { unbondingEpochs: 63 }],
    ['minimumChurnEther', { minimumChurnEther: 31 }],
    ['churnQuotient', { churnQuotient: 0 }],
    ['leakAfterEpochs', { leakAfterEpochs: -1 }],
    ['leakQuotient', { leakQuotient: 2 ** 40 }],
    ['weakSubjectivityEpochs', { weakSubjectivityEpochs: 0 }],
    ['weakSubjectivityEpochs', { weakSubjectivityEpochs: 'never' }],
    ['slotMilliseconds', { slotMilliseconds: 500 }],
    ['validators', { validators: [] }],
    ['validators', { validators: {} }],
    ['validators', { validators: null }],
    ['validators[0]', { validators: ['me'] }],
    ['validators[0]', { validators: [null] }],
    ['validators[0].publicKey', { validators: [{ depositor: depositorAt(0) }] }],
    ['validators[0].publicKey', { validators: [{ ...VALIDATOR, publicKey: '0x1234' }] }],
    ['validators[0].publicKey', { validators: [{ ...VALIDATOR, publicKey: `0x${'zz'.repeat(48)}` }] }],
    ['validators[0].depositor', { validators: [{ ...VALIDATOR, depositor: '0x12' }] }],
    ['validators[0].depositor', { validators: [{ ...VALIDATOR, depositor: 12 }] }],
    ['validators[0].stakeEther', { validators: [{ ...VALIDATOR, stakeEther: 31 }] }],
    ['validators[0].stakeEther', { validators: [{ ...VALIDATOR, stakeEther: 2 ** 40 }] }],
    ['validators[0].signature', { validators: [{ ...VALIDATOR, signature: '0x' }] }],
    ['validators[0].name', { validators: [{ ...VALIDATOR, name: 'me' }] }],
    ['validators[1].publicKey', { validators: [VALIDATOR, { ...OTHER, publicKey: VALIDATOR.publicKey }] }],
  ])('names the bad field %s', (field, settings) => {
    expect(codeOf(() => parse(settings))).toBe('genesis/pos');
    expect(() => parse(settings)).toThrow(`'${field}'`);
  });

  it('keeps its message short however long the bad value is', () => {
    expect(() => parse({ slotSeconds: '9'.repeat(100_000) })).toThrow(/^.{1,300}$/);
  });
});
