/**
 * Questions about validators, duties, votes, checkpoints, participation and offences: for RPC (`synod_get...`), commands and
 * dashboards. Answers are of the head's chain, moved on to the current slot; amounts are in gwei, in decimal.
 */
import { toHex } from '../../base/bytes.ts';
import { UsageError } from '../../base/errors.ts';
import { type Hash, type Json, quote } from '../../base/types.ts';
import type { AdminCommand, RequestId } from '../engine.ts';
import { currentSlot } from './clock.ts';
import { committeeOf, dutiesOf, isActive, proposerOf } from './committees.ts';
import { processSlots } from './epochs.ts';
import { convictedBy } from './offences.ts';
import { aggregates, countBits } from './pool.ts';
import type { Turn } from './state.ts';
import { encodeState } from './state-codec.ts';
import { stateAfter } from './states.ts';
import { epochOf, firstSlot, previousEpoch } from './time.ts';
import {
  type Checkpoint,
  type Epoch,
  FAR_FUTURE_EPOCH,
  type Gwei,
  type StakeState,
  TIMELY_TARGET,
  type Validator,
  type ValidatorIndex,
} from './types.ts';

type Arguments = AdminCommand['arguments'];

/** Some 100 bytes each, twice as many in hex. */
const MAX_SERVED_VALIDATORS = 65_536;

const ANSWERS: { readonly [name: string]: (turn: Turn, given: Arguments) => Json } = {
  getValidators: (turn) => validators(turn, stateNow(turn)),
  getDuties: (turn, given) => duties(turn, stateNow(turn), given),
  getVotes: (turn) => votes(turn),
  getCheckpoints: (turn) => checkpoints(turn),
  getParticipation: (turn) => participation(turn, stateNow(turn)),
  getSlashings: (turn) => slashings(turn, stateNow(turn)),
  getState: (turn, given) => stateBefore(turn, given),
};

export function answerAdmin(turn: Turn, request: RequestId, { name, arguments: given }: AdminCommand): void {
  turn.effects.push({ type: 'reply', request, result: answer(turn, name, given) });
}

function answer(turn: Turn, name: string, given: Arguments): Json | UsageError {
  const known = Object.hasOwn(ANSWERS, name) ? ANSWERS[name] : undefined;
  if (known === undefined) {
    const names = Object.keys(ANSWERS).join(', ');
    return new UsageError('admin/unknown-command', `Unknown command ${quote(name)}; proof-of-stake knows ${names}.`);
  }
  try {
    return known(turn, given);
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
}

function stateNow(turn: Turn): StakeState {
  const after = stateAfter(turn, turn.state.head.hash) ?? turn.state.anchor.state;
  return processSlots(turn.rules.settings, after, Math.max(after.slot, currentSlot(turn)));
}

function validators(turn: Turn, state: StakeState): Json {
  const epoch = epochOf(turn.rules.settings, state.slot);
  return state.validators.map((validator, index) => ({
    index,
    publicKey: validator.publicKey,
    status: statusOf(validator, epoch),
    depositor: validator.depositor,
    balance: (state.balances[index] ?? 0n).toString(),
    effectiveBalance: validator.effectiveBalance.toString(),
    slashed: validator.slashed,
    activationEpoch: validator.activationEpoch,
    exitEpoch: orNull(validator.exitEpoch),
    withdrawableEpoch: orNull(validator.withdrawableEpoch),
    isOurs: turn.state.signers.has(validator.publicKey),
  }));
}

/** The words of the beacon node API. */
function statusOf(validator: Validator, epoch: Epoch): string {
  const { slashed, activationEpoch, exitEpoch, withdrawableEpoch } = validator;
  if (epoch < activationEpoch) return 'pending_queued';
  if (isActive(validator, epoch)) return slashed ? 'active_slashed' : exitEpoch === FAR_FUTURE_EPOCH ? 'active_ongoing' : 'active_exiting';
  if (epoch < withdrawableEpoch) return slashed ? 'exited_slashed' : 'exited_unslashed';
  return 'withdrawal_possible';
}

/** Of the current epoch (proposers and committees) or of the next (committees). */
function duties(turn: Turn, state: StakeState, { epoch: wanted }: Arguments): Json {
  const { settings } = turn.rules;
  const current = epochOf(settings, state.slot);
  const epoch = wanted ?? current;
  if (epoch !== current && epoch !== current + 1) {
    throw new UsageError(
      'pos/duties-epoch',
      `Duties are known for epochs ${current} and ${current + 1}; asked was ${JSON.stringify(epoch)}.`,
    );
  }
  const known = dutiesOf(settings, state, epoch);
  const slots = Array.from({ length: settings.slotsPerEpoch }, (_, i) => firstSlot(settings, epoch) + i);
  return {
    epoch,
    slots: slots.map((slot) => ({
      slot,
      proposer: epoch === current ? (proposerOf(settings, state, slot) ?? null) : null,
      committees: Array.from({ length: known.committeesPerSlot }, (_, committee) => [...committeeOf(settings, known, slot, committee)]),
    })),
  };
}

/** Votes that this node holds, the newest first: those that wait for a block, and those that blocks have taken lately. */
function votes(turn: Turn): Json {
  return [...aggregates(turn.state.pool)].map(({ data, bits }) => ({
    slot: data.slot,
    committee: data.committee,
    head: data.head,
    source: pointOf(data.source),
    target: pointOf(data.target),
    voters: countBits(bits),
  }));
}

function checkpoints(turn: Turn): Json {
  const { store } = turn.state;
  return {
    slot: currentSlot(turn),
    epoch: epochOf(turn.rules.settings, currentSlot(turn)),
    justified: pointOf(store.justified),
    unrealizedJustified: pointOf(store.unrealizedJustified),
    finalized: pointOf(store.finalized),
  };
}

/** What part of the stake voted for the right target, in this epoch so far and in the one before. */
function participation(turn: Turn, state: StakeState): Json {
  const { settings } = turn.rules;
  const current = epochOf(settings, state.slot);
  const of = (epoch: Epoch, flags: StakeState['currentParticipation']): Json => {
    const known = dutiesOf(settings, state, epoch);
    const voted = known.active.reduce(
      (sum, index) => sum + (((flags[index] ?? 0) & TIMELY_TARGET) === 0 ? 0n : weightOf(state, index)),
      0n,
    );
    return { epoch, voted: voted.toString(), active: known.activeBalance.toString(), share: Number(voted) / Number(known.activeBalance) };
  };
  return {
    previous: of(previousEpoch(current), state.previousParticipation),
    current: of(current, state.currentParticipation),
    epochsSinceFinality: state.epochsSinceFinality,
  };
}

function weightOf({ validators }: StakeState, index: ValidatorIndex): Gwei {
  const validator = validators[index];
  return validator === undefined || validator.slashed ? 0n : validator.effectiveBalance;
}

function slashings(turn: Turn, state: StakeState): Json {
  return {
    slashed: state.validators.flatMap(({ slashed }, index) => (slashed ? [index] : [])),
    waiting: [...turn.state.offences.values()].map((offence) => ({ type: offence.type, validators: convictedBy(offence) })),
  };
}

/** The state after a block's parent, encoded: what light verification begins with. Nothing is computed for it. */
function stateBefore({ state, context }: Turn, { block }: Arguments): Json {
  const node = typeof block === 'string' ? context.chain.get(block as Hash) : undefined;
  const parent = node?.header.parentHash;
  const kept = parent === undefined ? undefined : parent === state.anchor.hash ? state.anchor.state : state.states.get(parent);
  const found = kept ?? (node && state.served.get(node.hash));
  if (found === undefined) {
    const named = quote(JSON.stringify(block) ?? 'nothing');
    throw new UsageError(
      'pos/no-state',
      `This node does not have the state before block ${named} at hand; it has those of the last blocks.`,
    );
  }
  const { length } = found.validators;
  if (length > MAX_SERVED_VALIDATORS) {
    throw new UsageError('pos/state-size', `The state has ${length} validators; at most ${MAX_SERVED_VALIDATORS} are sent at once.`);
  }
  return toHex(encodeState(found));
}

function pointOf({ epoch, root }: Checkpoint): Json {
  return { epoch, root };
}

function orNull(epoch: Epoch): number | null {
  return epoch === FAR_FUTURE_EPOCH ? null : epoch;
}
