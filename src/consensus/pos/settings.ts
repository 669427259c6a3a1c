/**
 * The proof-of-stake settings of a genesis file: `config.engine = { "name": "pos", ... }`, and the constants of the engine. All
 * of them are consensus rules. Names in capitals are those of consensus-specs where it has the constant.
 */
import { assert } from '../../base/assert.ts';
import { toHex } from '../../base/bytes.ts';
import { PUBLIC_KEY_BYTES, type PublicKey, SIGNATURE_BYTES, type Signature } from '../../base/signatures.ts';
import { Address, type Json } from '../../base/types.ts';
import { SettingsReader } from '../settings-reader.ts';
import type { Gwei } from './types.ts';

export interface PosSettings {
  readonly slotSeconds: number;
  readonly slotsPerEpoch: number;
  /** Least first deposit of a validator. */
  readonly minimumDeposit: Gwei;
  /** Stake above this has no weight. */
  readonly maximumEffectiveBalance: Gwei;
  /** From a validator's exit until its stake can be withdrawn; until then it can be slashed. */
  readonly unbondingEpochs: number;
  /** Least weight that may enter, and that may leave, in one epoch. */
  readonly minimumChurn: Gwei;
  /** In larger networks: this part of the active stake. */
  readonly churnQuotient: bigint;
  /** Epochs without finality before those who do not vote begin to leak. */
  readonly leakAfterEpochs: number;
  readonly leakQuotient: bigint;
  /** Fixed period of weak subjectivity; null: as the specs compute it. */
  readonly weakSubjectivityEpochs: number | null;
  readonly validators: readonly GenesisValidator[];
}

export interface GenesisValidator {
  readonly publicKey: PublicKey;
  readonly depositor: Address;
  readonly stake: Gwei;
  /** Proof of possession as for a deposit (`contract.ts`, `proofMessage`). Without one whoever wrote the file vouches for the key. */
  readonly signature: Signature | null;
}

export const GWEI_PER_ETHER: Gwei = 1_000_000_000n;
export const WEI_PER_GWEI = 1_000_000_000n;

/** "EFFECTIVE_BALANCE_INCREMENT" */
export const BALANCE_INCREMENT: Gwei = GWEI_PER_ETHER;
/** "MIN_SEED_LOOKAHEAD": committees of an epoch are known one epoch before it begins. */
export const SEED_LOOKAHEAD_EPOCHS = 1;
/** "MAX_SEED_LOOKAHEAD": who enters or leaves does so two epochs after the block that says so. */
export const SET_LOOKAHEAD_EPOCHS = 1;
/** "EPOCHS_PER_HISTORICAL_VECTOR"; here as many as seeds need, and a few more for who reads. */
export const RANDAO_EPOCHS = 8;
/** "EPOCHS_PER_SLASHINGS_VECTOR": what is slashed in this many epochs is one event. */
export const SLASHING_EPOCHS = 64;
/** Epochs whose block roots a state keeps: of two epochs for votes, and to see which of the last three had blocks. */
export const ROOT_EPOCHS = 4;

/** "TARGET_COMMITTEE_SIZE" */
export const TARGET_COMMITTEE_SIZE = 128;
/** "MAX_COMMITTEES_PER_SLOT" */
export const MAX_COMMITTEES_PER_SLOT = 64;
/** "MAX_VALIDATORS_PER_COMMITTEE" */
export const MAX_COMMITTEE_SIZE = 2_048;
/** "TARGET_AGGREGATORS_PER_COMMITTEE" */
export const AGGREGATORS_PER_COMMITTEE = 16;

/** Keys that the registry ever takes; places are never given again. */
export const MAX_VALIDATORS = 262_144;
export const MAX_ATTESTATIONS = 128;
export const MAX_OFFENCES = 16;
/** Stakes paid in one block. What is due beyond waits for the next. */
export const MAX_PAID_STAKES = 16;
/** Reports in one block that are looked at. */
export const MAX_REPORTS = 16;
/** Stakes, and what reporters are owed. */
export const MAX_WITHDRAWALS = MAX_PAID_STAKES + MAX_REPORTS;
/**
 * A top-up costs 10,600 gas and a wish to withdraw 5,600 (measured: test/execution/staking-contract.test.ts), so blocks of 60
 * million gas hold fewer, and of 100 million fewer deposits and top-ups. Where a network's blocks are larger, what the contract says
 * beyond this many has no effect; it makes no block invalid.
 */
export const MAX_REQUESTS = 12_288;

/** "MIN_SLASHING_PENALTY_QUOTIENT" */
export const SLASHING_QUOTIENT = 32n;
/** "PROPORTIONAL_SLASHING_MULTIPLIER": a third of the stake, slashed together, loses all. */
export const SLASHING_MULTIPLIER = 3n;
/** "WHISTLEBLOWER_REWARD_QUOTIENT" */
export const WHISTLEBLOWER_QUOTIENT = 512n;

export const MAX_SLOT_SECONDS = 60;
const MIN_SLOTS_PER_EPOCH = 2;
/**
 * A slashed validator pays for what was slashed up to half of SLASHING_EPOCHS later, and must not be gone by then; nor may anybody be
 * paid out who could still sign what a node that wakes up takes for the present (`trust.ts`, PRESENT_EPOCHS).
 */
export const MIN_UNBONDING_EPOCHS = SLASHING_EPOCHS;
export const MAX_SLOTS_PER_EPOCH = 64;
const MAX_EFFECTIVE_ETHER = 2 ** 32;
const MAX_EPOCHS = 2 ** 24;
/** For ever: a dev network's genesis may be years old, and its epochs may take two seconds. */
const MAX_TRUST_EPOCHS = 2 ** 32;
const MAX_QUOTIENT = 2 ** 32;
/** Of one validator, far above all ether that there is; sums of 2^18 of them still fit 64 bits of gwei. */
const MAX_STAKE_ETHER = 2 ** 32;
/** What a genesis file may name. */
const MAX_GENESIS_VALIDATORS = 4_096;
const ADDRESS_BYTES = 20;

assert(MAX_VALIDATORS <= MIN_SLOTS_PER_EPOCH * MAX_COMMITTEES_PER_SLOT * MAX_COMMITTEE_SIZE, 'a full registry fits its committees');
assert(RANDAO_EPOCHS >= SEED_LOOKAHEAD_EPOCHS + 3, 'the seeds of the previous and of the next epoch are in the ring');
assert(ROOT_EPOCHS >= 4, 'the last slot before the epoch before the previous one is in the ring');
assert(SLASHING_QUOTIENT < WHISTLEBLOWER_QUOTIENT, 'who is slashed loses more than its reporter gains');

const DEFAULTS = {
  slotSeconds: 2,
  slotsPerEpoch: 8,
  minimumDepositEther: 32,
  maximumEffectiveEther: 2_048,
  unbondingEpochs: 256,
  /** Four of the smallest validators ("MIN_PER_EPOCH_CHURN_LIMIT"). */
  minimumChurnDeposits: 4,
  churnQuotient: 65_536,
  leakAfterEpochs: 4,
  leakQuotient: 4_096,
} as const;

const KNOWN = [
  'slotSeconds',
  'slotsPerEpoch',
  'minimumDepositEther',
  'maximumEffectiveEther',
  'unbondingEpochs',
  'minimumChurnEther',
  'churnQuotient',
  'leakAfterEpochs',
  'leakQuotient',
  'weakSubjectivityEpochs',
  'validators',
];
const KNOWN_OF_VALIDATOR = ['publicKey', 'depositor', 'stakeEther', 'signature'];

/** Throws UsageError `genesis/pos` that names the bad field. */
export function parseSettings(settings: { readonly [key: string]: Json }): PosSettings {
  const reader = new SettingsReader('pos', settings, KNOWN);
  const minimumDepositEther = reader.integer('minimumDepositEther', DEFAULTS.minimumDepositEther, 1, MAX_EFFECTIVE_ETHER);
  const maximumEffectiveEther = reader.integer(
    'maximumEffectiveEther',
    Math.max(DEFAULTS.maximumEffectiveEther, minimumDepositEther),
    minimumDepositEther,
    MAX_EFFECTIVE_ETHER,
  );
  const minimumChurnEther = reader.integer(
    'minimumChurnEther',
    DEFAULTS.minimumChurnDeposits * minimumDepositEther,
    minimumDepositEther,
    MAX_STAKE_ETHER,
  );
  return {
    slotSeconds: reader.integer('slotSeconds', DEFAULTS.slotSeconds, 1, MAX_SLOT_SECONDS),
    slotsPerEpoch: reader.integer('slotsPerEpoch', DEFAULTS.slotsPerEpoch, MIN_SLOTS_PER_EPOCH, MAX_SLOTS_PER_EPOCH),
    minimumDeposit: inGwei(minimumDepositEther),
    maximumEffectiveBalance: inGwei(maximumEffectiveEther),
    unbondingEpochs: reader.integer('unbondingEpochs', DEFAULTS.unbondingEpochs, MIN_UNBONDING_EPOCHS, MAX_EPOCHS),
    minimumChurn: inGwei(minimumChurnEther),
    churnQuotient: BigInt(reader.integer('churnQuotient', DEFAULTS.churnQuotient, 1, MAX_QUOTIENT)),
    leakAfterEpochs: reader.integer('leakAfterEpochs', DEFAULTS.leakAfterEpochs, 1, MAX_EPOCHS),
    leakQuotient: BigInt(reader.integer('leakQuotient', DEFAULTS.leakQuotient, 1, MAX_QUOTIENT)),
    weakSubjectivityEpochs: reader.has('weakSubjectivityEpochs') ? reader.integer('weakSubjectivityEpochs', 0, 1, MAX_TRUST_EPOCHS) : null,
    validators: validatorsOf(reader, minimumDepositEther),
  };
}

function validatorsOf(reader: SettingsReader, minimumDepositEther: number): GenesisValidator[] {
  const readers = reader.list('validators', MAX_GENESIS_VALIDATORS, KNOWN_OF_VALIDATOR);
  if (readers.length === 0) reader.refuse('validators', 'at least one validator');
  const known = new Set<PublicKey>();
  return readers.map((each) => {
    const validator = validatorOf(each, minimumDepositEther);
    if (known.has(validator.publicKey)) each.refuse('publicKey', 'a key that no other validator has');
    known.add(validator.publicKey);
    return validator;
  });
}

function validatorOf(reader: SettingsReader, minimumDepositEther: number): GenesisValidator {
  return {
    publicKey: toHex(reader.bytes('publicKey', PUBLIC_KEY_BYTES)),
    depositor: Address(toHex(reader.bytes('depositor', ADDRESS_BYTES))),
    stake: inGwei(reader.integer('stakeEther', minimumDepositEther, minimumDepositEther, MAX_STAKE_ETHER)),
    signature: reader.has('signature') ? reader.bytes('signature', SIGNATURE_BYTES) : null,
  };
}

function inGwei(ether: number): Gwei {
  return BigInt(ether) * GWEI_PER_ETHER;
}
