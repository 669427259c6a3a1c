/**
 * Who votes and who proposes (consensus-specs phase0 "get_beacon_committee", "get_committee_count_per_slot",
 * "compute_proposer_index", "is_aggregator", "get_indexed_attestation", "is_valid_indexed_attestation").
 *
 * Of the current epoch and of its neighbours the committees are known: who is active was fixed two epochs ahead, and
 * the seed one. Proposers are known for the current epoch only, since effective balances change between epochs.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { assert, present } from '../../base/assert.ts';
import { BoundedMap } from '../../base/bounded.ts';
import { bytesToBig, concatBytes, toHex } from '../../base/bytes.ts';
import { RuleError } from '../../base/errors.ts';
import type { Signature, SignedBy } from '../../base/signatures.ts';
import { larger } from './gwei.ts';
import { remembered } from './memo.ts';
import { countBits, hasBit } from './pool.ts';
import { COMMITTEE_SEED, littleEndian, PROPOSER_SEED, seedMix, seedOf } from './randao.ts';
import {
  AGGREGATORS_PER_COMMITTEE,
  BALANCE_INCREMENT,
  MAX_COMMITTEES_PER_SLOT,
  type PosSettings,
  TARGET_COMMITTEE_SIZE,
} from './settings.ts';
import { shuffledIndices } from './shuffle.ts';
import { attestationRoot, type ChainName } from './signing.ts';
import { epochOf } from './time.ts';
import type { Attestation, Epoch, Gwei, IndexedAttestation, Slot, StakeState, Validator, ValidatorIndex } from './types.ts';

/** Epochs that are kept for one registry: the previous, the current and the next one, on a few branches. */
const MAX_CACHED_EPOCHS = 8;
/** Of a few branches. */
const MAX_CACHED_SHUFFLES = 16;

/** "is_active_validator" */
export function isActive(validator: Validator, epoch: Epoch): boolean {
  return validator.activationEpoch <= epoch && epoch < validator.exitEpoch;
}

/** "get_total_active_balance": at least one increment, since it divides. Cheap beside the committees, where they are not needed. */
export function activeBalanceIn(validators: readonly Validator[], epoch: Epoch): Gwei {
  let sum = 0n;
  for (const validator of validators) if (isActive(validator, epoch)) sum += validator.effectiveBalance;
  return larger(sum, BALANCE_INCREMENT);
}

/** One epoch's voters, in their committees. */
export interface EpochDuties {
  readonly epoch: Epoch;
  /** Ascending. */
  readonly active: readonly ValidatorIndex[];
  /** Their effective balance now (`activeBalanceIn`). */
  readonly activeBalance: Gwei;
  readonly committeesPerSlot: number;
  /** All voters, in the order in which committees take them. */
  readonly shuffled: readonly ValidatorIndex[];
  readonly proposers: Map<Slot, ValidatorIndex>;
}

const shuffles = new BoundedMap<string, readonly number[]>(MAX_CACHED_SHUFFLES);

/** A registry is never changed in place, so what follows from it is computed once. */
const dutiesByRegistry = remembered((_: readonly Validator[]) => new BoundedMap<string, EpochDuties>(MAX_CACHED_EPOCHS));

/** `epoch` is the state's, the previous or the next one. */
export function dutiesOf(settings: PosSettings, state: StakeState, epoch: Epoch): EpochDuties {
  const current = epochOf(settings, state.slot);
  assert(Math.abs(epoch - current) <= 1, 'duties are known of the current epoch and of its neighbours');
  const cache = dutiesByRegistry(state.validators);
  const key = `${epoch}:${seedMix(state, epoch)}`;
  const cached = cache.get(key);
  if (cached !== undefined) return cached;
  const duties = computeDuties(settings, state.validators, epoch, seedOf(state, epoch, COMMITTEE_SEED));
  cache.set(key, duties);
  return duties;
}

function computeDuties(settings: PosSettings, validators: readonly Validator[], epoch: Epoch, seed: Uint8Array): EpochDuties {
  const active = validators.flatMap((validator, index) => (isActive(validator, epoch) ? index : []));
  const perSlot = Math.floor(active.length / settings.slotsPerEpoch / TARGET_COMMITTEE_SIZE);
  return {
    epoch,
    active,
    activeBalance: activeBalanceIn(validators, epoch),
    committeesPerSlot: Math.max(1, Math.min(MAX_COMMITTEES_PER_SLOT, perSlot)),
    shuffled: shuffleOf(active.length, seed).map((place) => active[place] ?? 0),
    proposers: new Map(),
  };
}

/** A registry changes more often than the number of who is active, and a shuffle is 180 hashes. */
function shuffleOf(count: number, seed: Uint8Array): readonly number[] {
  const key = `${count}:${toHex(seed)}`;
  const known = shuffles.get(key);
  if (known !== undefined) return known;
  const shuffled = shuffledIndices(count, seed);
  shuffles.set(key, shuffled);
  return shuffled;
}

/** "get_beacon_committee": may be empty where there are fewer voters than slots. The committee exists. */
export function committeeOf(settings: PosSettings, duties: EpochDuties, slot: Slot, committee: number): readonly ValidatorIndex[] {
  const { shuffled, committeesPerSlot } = duties;
  assert(epochOf(settings, slot) === duties.epoch && committee < committeesPerSlot, 'the committee is one of the epoch');
  const place = (slot % settings.slotsPerEpoch) * committeesPerSlot + committee;
  const places = committeesPerSlot * settings.slotsPerEpoch;
  return shuffled.slice(Math.floor((shuffled.length * place) / places), Math.floor((shuffled.length * (place + 1)) / places));
}

/** "get_beacon_proposer_index", for a slot of the state's epoch. Undefined when nobody is active. */
export function proposerOf(settings: PosSettings, state: StakeState, slot: Slot): ValidatorIndex | undefined {
  const epoch = epochOf(settings, slot);
  assert(epoch === epochOf(settings, state.slot), 'proposers are known of the current epoch');
  const duties = dutiesOf(settings, state, epoch);
  if (duties.active.length === 0) return undefined;
  const cached = duties.proposers.get(slot);
  if (cached !== undefined) return cached;
  const seed = sha256(concatBytes(seedOf(state, epoch, PROPOSER_SEED), littleEndian(slot, 8)));
  const proposer = drawByBalance(state.validators, duties.active, seed);
  duties.proposers.set(slot, proposer);
  return proposer;
}

/**
 * "compute_proposer_index": draws validators until one is taken, each with the probability of its effective balance as a part of the
 * largest one. Two things differ from the specs. They draw in the order of a shuffle, so without replacement, which among ten validators
 * gives one with half of the stake 62% of the slots; here every draw is of all. And they compare with the largest balance that
 * there can be, 64 times the usual one, for the same odds after 64 times as many draws.
 */
function drawByBalance(validators: readonly Validator[], active: readonly ValidatorIndex[], seed: Uint8Array): ValidatorIndex {
  const balanceOf = (index: ValidatorIndex): Gwei => present(validators[index], 'an active validator').effectiveBalance;
  let largest = 0n;
  for (const index of active) largest = larger(largest, balanceOf(index));
  for (let i = 0; ; i++) {
    const random = sha256(concatBytes(seed, littleEndian(i, 8)));
    const place = bytesToBig(random.subarray(0, 8)) % BigInt(active.length);
    const candidate = present(active[Number(place)], 'a candidate');
    const chance = bytesToBig(random.subarray(8, 16));
    if (balanceOf(candidate) << 64n >= largest * chance) return candidate;
  }
}

/** "is_aggregator": whether this signature of `selectionRoot` makes its validator add up the votes of its committee. */
export function isAggregator(committeeSize: number, selection: Signature): boolean {
  const modulo = BigInt(Math.max(1, Math.floor(committeeSize / AGGREGATORS_PER_COMMITTEE)));
  return bytesToBig(sha256(selection).slice(0, 8).reverse()) % modulo === 0n;
}

// Votes

/**
 * "get_indexed_attestation": who voted. Throws RuleError `pos/attestation-epoch` unless the vote's target epoch is the state's, the
 * previous or the next one; `pos/attestation-committee`; `pos/attestation-bits`.
 */
export function indexedAttestation(settings: PosSettings, state: StakeState, { data, bits, signature }: Attestation): IndexedAttestation {
  const { slot, committee, target } = data;
  const current = epochOf(settings, state.slot);
  if (Math.abs(target.epoch - current) > 1 || epochOf(settings, slot) !== target.epoch) {
    throw new RuleError('pos/attestation-epoch', `A vote in slot ${slot} is for epoch ${target.epoch}; here it is epoch ${current}.`);
  }
  const duties = dutiesOf(settings, state, target.epoch);
  if (committee >= duties.committeesPerSlot) {
    throw new RuleError(
      'pos/attestation-committee',
      `A vote is of committee ${committee}; epoch ${target.epoch} has ${duties.committeesPerSlot} for each slot.`,
    );
  }
  return { data, indices: membersOf(committeeOf(settings, duties, slot, committee), bits), signature };
}

/** The members whose bits are set, ascending. Throws RuleError `pos/attestation-bits`. */
export function membersOf(committee: readonly ValidatorIndex[], bits: Uint8Array): ValidatorIndex[] {
  const members = committee.filter((_, i) => hasBit(bits, i));
  const set = countBits(bits);
  if (bits.length !== Math.ceil(committee.length / 8) || set !== members.length || members.length === 0) {
    throw new RuleError(
      'pos/attestation-bits',
      `A vote of a committee of ${committee.length} has ${bits.length} bytes with ${set} bits; expected a bit for each member, at least one set and none beyond.`,
    );
  }
  return members.sort((a, b) => a - b);
}

/** The bits of these members: the inverse of `membersOf`. */
export function bitsOf(committee: readonly ValidatorIndex[], members: ReadonlySet<ValidatorIndex>): Uint8Array {
  const bits = new Uint8Array(Math.ceil(committee.length / 8));
  for (const [i, member] of committee.entries()) if (members.has(member)) bits[i >> 3] = (bits[i >> 3] ?? 0) | (1 << (i & 7));
  return bits;
}

/**
 * The form of "is_valid_indexed_attestation": indices of the registry, ascending, at least one. What is left of it is to verify
 * `signedVote`.
 */
export function isWellFormed({ indices }: IndexedAttestation, validators: readonly Validator[]): boolean {
  return indices.length > 0 && indices.every((index, i) => index < validators.length && (i === 0 || index > (indices[i - 1] ?? index)));
}

/** The statement that a vote's signature makes. The vote is well-formed. */
export function signedVote(chain: ChainName, validators: readonly Validator[], vote: IndexedAttestation): SignedBy {
  return {
    publicKeys: vote.indices.map((index) => present(validators[index], 'a voter').publicKey),
    message: attestationRoot(chain, vote.data),
    signature: vote.signature,
  };
}
