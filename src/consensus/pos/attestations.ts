/**
 * A block's votes (consensus-specs altair "process_attestation", "get_attestation_participation_flag_indices"; deneb's window of
 * inclusion, EIP-7045): which of them a block may carry, and what parts of them were right and in time.
 */
import { RuleError } from '../../base/errors.ts';
import type { SignedBy } from '../../base/signatures.ts';
import { dutiesOf, indexedAttestation, signedVote } from './committees.ts';
import { blockRootAt } from './history.ts';
import { balanceOf, validatorAt, withBalance } from './registry.ts';
import { baseRewardPerEther, FLAG_WEIGHTS, proposerReward } from './rewards.ts';
import { BALANCE_INCREMENT, type PosSettings } from './settings.ts';
import type { ChainName } from './signing.ts';
import { epochOf, firstSlot } from './time.ts';
import {
  type Attestation,
  type AttestationData,
  type Gwei,
  type Participation,
  type StakeState,
  TIMELY_HEAD,
  TIMELY_SOURCE,
  TIMELY_TARGET,
  type ValidatorIndex,
} from './types.ts';

/** "MIN_ATTESTATION_INCLUSION_DELAY" */
const MIN_DELAY_SLOTS = 1;

export interface Included {
  /** The same as before where the vote brings nothing that was not counted yet. */
  readonly state: StakeState;
  /** What must be verified. */
  readonly statement: SignedBy;
}

/**
 * "process_attestation" in a block of the state's slot. Throws RuleError `pos/attestation-...` (also those of `indexedAttestation`)
 * for a vote that the block may not carry.
 */
export function includeAttestation(
  settings: PosSettings,
  chain: ChainName,
  state: StakeState,
  attestation: Attestation,
  proposer: ValidatorIndex,
): Included {
  const { data } = attestation;
  const vote = indexedAttestation(settings, state, attestation);
  checkInclusion(settings, state, data);
  const flags = participationFlags(settings, state, data);
  const isCurrent = data.target.epoch === epochOf(settings, state.slot);
  const participation = [...(isCurrent ? state.currentParticipation : state.previousParticipation)];
  const perEther = baseRewardPerEther(settings, dutiesOf(settings, state, epochOf(settings, state.slot)).activeBalance);
  const parts: { baseReward: Gwei; weight: bigint }[] = [];
  for (const index of vote.indices) {
    const { slashed, effectiveBalance } = validatorAt(state, index);
    // Its earlier votes go on counting (`justification.ts`), later ones do not.
    if (slashed) continue;
    const known = participation[index] ?? 0;
    const baseReward = (effectiveBalance / BALANCE_INCREMENT) * perEther;
    for (const { flag, weight } of FLAG_WEIGHTS) if ((flags & ~known & flag) !== 0) parts.push({ baseReward, weight });
    participation[index] = known | flags;
  }
  const statement = signedVote(chain, state.validators, vote);
  if (parts.length === 0) return { state, statement };
  const counted = { ...state, [isCurrent ? 'currentParticipation' : 'previousParticipation']: participation };
  return {
    state: withBalance(counted, proposer, balanceOf(state, proposer) + proposerReward(parts)),
    statement,
  };
}

/**
 * Whether a block of the state's slot may carry the vote, as far as its data says. Unlike in the specs its target must be the
 * block's own ancestor: on another branch the epoch may have other committees, and the vote would be read as other voters'.
 */
function checkInclusion(settings: PosSettings, state: StakeState, data: AttestationData): void {
  const current = epochOf(settings, state.slot);
  if (data.target.epoch > current || data.slot + MIN_DELAY_SLOTS > state.slot) {
    throw new RuleError('pos/attestation-slot', `A vote of slot ${data.slot} is in a block of slot ${state.slot}; expected a later block.`);
  }
  const source = data.target.epoch === current ? state.currentJustified : state.previousJustified;
  if (data.source.epoch !== source.epoch || data.source.root !== source.root) {
    throw new RuleError(
      'pos/attestation-source',
      `A vote for epoch ${data.target.epoch} starts at epoch ${data.source.epoch} (${data.source.root}); justified was epoch ${source.epoch} (${source.root}).`,
    );
  }
  const target = blockRootAt(state, firstSlot(settings, data.target.epoch));
  if (data.target.root !== target) {
    throw new RuleError(
      'pos/attestation-target',
      `A vote for epoch ${data.target.epoch} has the target ${data.target.root}; on this branch it is ${target}.`,
    );
  }
}

/**
 * "get_attestation_participation_flag_indices". The source is right, or the block could not carry the vote; it is timely within the
 * root of an epoch's slots, a target (which is right, too) whenever it can be carried, a head in the next slot.
 */
function participationFlags(settings: PosSettings, state: StakeState, data: AttestationData): Participation {
  const delay = state.slot - data.slot;
  const isHead = data.head === blockRootAt(state, data.slot);
  return (
    (delay <= Math.floor(Math.sqrt(settings.slotsPerEpoch)) ? TIMELY_SOURCE : 0) |
    TIMELY_TARGET |
    (isHead && delay === MIN_DELAY_SLOTS ? TIMELY_HEAD : 0)
  );
}
