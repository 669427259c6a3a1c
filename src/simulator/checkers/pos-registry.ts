/**
 * RegistryRules. What a block that a correct node stores does to the registry: nobody enters or leaves sooner than two epochs later, whoever
 * leaves waits for the stake, nobody is slashed twice, and whoever is slashed loses its part at once (consensus-specs phase0
 * "compute_activation_exit_epoch", "slash_validator").
 *
 * Leak. After four epochs with blocks and without finality nobody gains by votes, and whose target is missing loses by the time that it
 * has been missing; as long as things become final nobody loses whose vote was right ("process_inactivity_updates" as of phase0).
 */
import type { Hash } from '../../base/types.ts';
import { decodeSeal } from '../../consensus/pos/codec.ts';
import { processSlots } from '../../consensus/pos/epochs.ts';
import type { PosSettings } from '../../consensus/pos/settings.ts';
import { type Epoch, FAR_FUTURE_EPOCH, type Gwei, type StakeState, TIMELY_TARGET, type ValidatorIndex } from '../../consensus/pos/types.ts';
import type { CheckerFactory } from './checker.ts';
import { type StakeReference, stakeReference } from './pos-reference.ts';
import { talliesOf } from './pos-tally.ts';

/** A change takes effect so many epochs after the one in which it was decided. */
const CHANGE_EPOCHS = 2;
const SLASHED_PART = 32n;

export const registryRules: CheckerFactory = (setting) => {
  const { isCorrect, report } = setting;
  const reference = stakeReference(setting);
  const { settings } = reference.rules;
  const checked = new Set<Hash>();

  function problemOf(hash: Hash): string | null {
    const block = reference.block(hash);
    const before = block && reference.state(block.header.parentHash);
    const after = reference.state(hash);
    if (block === undefined || before === undefined || after === undefined) return null;
    const moved = processSlots(settings, before, after.slot);
    const epoch = Math.floor(after.slot / settings.slotsPerEpoch);
    const ended = Math.floor(before.slot / settings.slotsPerEpoch);
    return (
      changeProblem(settings, before, moved, ended) ??
      changeProblem(settings, moved, after, epoch) ??
      slashingProblem(moved, after, decodeSeal(block.seal).proposer)
    );
  }

  return {
    name: 'RegistryRules',
    sees: ['inserted'],
    observe(observation) {
      if (observation.type !== 'inserted' || !isCorrect(observation.node) || checked.has(observation.hash)) return;
      const { node, hash, block } = observation;
      checked.add(hash);
      reference.learn(hash, block);
      const problem = problemOf(hash);
      if (problem !== null) report({ node, message: `Stored block ${block.header.number} (${hash}): ${problem}.` });
    },
  };
};

/** Null, or who enters or leaves too soon. `epoch`: in which it was decided. */
export function changeProblem(
  { unbondingEpochs }: Pick<PosSettings, 'unbondingEpochs'>,
  { validators }: StakeState,
  after: StakeState,
  epoch: Epoch,
): string | null {
  const earliest = epoch + CHANGE_EPOCHS;
  for (const [index, { activationEpoch, exitEpoch, withdrawableEpoch, slashed }] of after.validators.entries()) {
    const known = validators[index];
    if (known === undefined && activationEpoch < earliest)
      return `validator ${index} enters in epoch ${activationEpoch}, not allowed before ${earliest}`;
    const left = known?.exitEpoch ?? FAR_FUTURE_EPOCH;
    if (exitEpoch === left) continue;
    if (exitEpoch < earliest) return `validator ${index} leaves in epoch ${exitEpoch}, not allowed before ${earliest}`;
    const due = slashed ? epoch + unbondingEpochs : exitEpoch + unbondingEpochs;
    if (withdrawableEpoch < due) return `validator ${index} may have its stake in epoch ${withdrawableEpoch}, not allowed before ${due}`;
  }
  return null;
}

/** Null, or who is slashed again, or for nothing, between these two states of one slot. The proposer may gain in the same block. */
export function slashingProblem(before: StakeState, after: StakeState, proposer: ValidatorIndex): string | null {
  let slashed: Gwei = 0n;
  for (const [index, validator] of before.validators.entries()) {
    if (validator.slashed || after.validators[index]?.slashed !== true) continue;
    slashed += validator.effectiveBalance;
    const most = (before.balances[index] ?? 0n) - validator.effectiveBalance / SLASHED_PART;
    if (index !== proposer && (after.balances[index] ?? 0n) > (most > 0n ? most : 0n))
      return `validator ${index} is slashed and keeps ${after.balances[index]} gwei, at most ${most}`;
  }
  const sum = ({ slashings }: StakeState) => slashings.reduce((all, each) => all + each, 0n);
  const counted = sum(after) - sum(before);
  return counted === slashed ? null : `${counted} gwei count as slashed, of validators with ${slashed} who were not slashed before`;
}

export const leak: CheckerFactory = (setting) => {
  const { isCorrect, report } = setting;
  const reference = stakeReference(setting);
  const tallies = talliesOf(reference);
  const { settings } = reference.rules;
  const checked = new Set<Hash>();

  function problemOf(parent: Hash, slot: number): string | null {
    const before = reference.state(parent);
    const final = tallies.ended(parent)?.final.epoch;
    if (before === undefined || final === undefined) return null;
    const ended = Math.floor(before.slot / settings.slotsPerEpoch);
    if (ended < 2 || Math.floor(slot / settings.slotsPerEpoch) === ended) return null;
    const epochs = epochsOf(reference, parent, final);
    // Votes are settled for an epoch that had blocks, at the end of the next one, if that had some.
    if (final < ended - 1 && !epochs.has(ended - 1)) return null;
    epochs.delete(ended);
    return leakProblem(settings, before, processSlots(settings, before, (ended + 1) * settings.slotsPerEpoch), ended, epochs.size);
  }

  return {
    name: 'Leak',
    sees: ['inserted'],
    observe(observation) {
      if (observation.type !== 'inserted' || !isCorrect(observation.node) || checked.has(observation.hash)) return;
      const { node, hash, block } = observation;
      checked.add(hash);
      reference.learn(hash, block);
      const problem = problemOf(block.header.parentHash, reference.slotOf(block));
      if (problem !== null) report({ node, message: `Stored block ${block.header.number} (${hash}): ${problem}.` });
    },
  };
};

/** In which a chain had blocks since the one that is final. */
function epochsOf(reference: StakeReference, tip: Hash, final: Epoch): Set<Epoch> {
  const found = new Set<Epoch>();
  for (let block = reference.block(tip); block !== undefined; block = reference.block(block.header.parentHash)) {
    const epoch = Math.floor(reference.slotOf(block) / reference.rules.settings.slotsPerEpoch);
    if (epoch <= final) break;
    found.add(epoch);
  }
  return found;
}

/** Null, or who gained or lost at the end of an epoch who must not. `since`: earlier epochs with blocks and without finality. */
export function leakProblem(
  { leakAfterEpochs, leakQuotient }: Pick<PosSettings, 'leakAfterEpochs' | 'leakQuotient'>,
  before: StakeState,
  after: StakeState,
  ended: Epoch,
  since: number,
): string | null {
  const isLeaking = since > leakAfterEpochs;
  for (const [index, { activationEpoch, exitEpoch, effectiveBalance, slashed }] of before.validators.entries()) {
    if (slashed || activationEpoch > ended - 1 || ended - 1 >= exitEpoch) continue;
    const change = (after.balances[index] ?? 0n) - (before.balances[index] ?? 0n);
    const flags = before.previousParticipation[index] ?? 0;
    if (isLeaking && change > 0n) return `validator ${index} gains ${change} gwei after ${since} epochs without finality`;
    const lost = (effectiveBalance * BigInt(since)) / leakQuotient;
    if (isLeaking && (flags & TIMELY_TARGET) === 0 && -change < lost && (after.balances[index] ?? 0n) > 0n)
      return `validator ${index}, who did not vote, loses ${-change} gwei after ${since} epochs without finality; it must lose ${lost}`;
    if (!isLeaking && flags === ALL_RIGHT && change <= 0n) return `validator ${index}, whose vote was right, loses ${-change} gwei`;
  }
  return null;
}

/** Source, target and head. */
const ALL_RIGHT = 7;
