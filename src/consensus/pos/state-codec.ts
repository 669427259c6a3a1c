/**
 * RLP of the state, for snapshots, and its root, to which every block commits for its parent. The root is a hash over hashes of
 * validators, each made once: most of them are the same objects from block to block.
 */
import { concatBytes, fromHex, hashOf } from '../../base/bytes.ts';
import { DecodeError } from '../../base/errors.ts';
import { keccak256 } from '../../base/keccak.ts';
import type { Hash } from '../../base/types.ts';
import { bytesField, encodeRlp, type RlpValue } from '../../chain/rlp.ts';
import { address, decode, fields, gwei, hash, list, number, publicKey } from './codec.ts';
import { remembered } from './memo.ts';
import { MAX_SLOTS_PER_EPOCH, MAX_VALIDATORS, RANDAO_EPOCHS, ROOT_EPOCHS, SLASHING_EPOCHS } from './settings.ts';
import type { Checkpoint, Participation, StakeState, Validator } from './types.ts';

/** A full registry, at some 150 bytes a validator. */
const MAX_STATE_BYTES = 64 * 1024 * 1024;
const ALL_FLAGS = 0b111;
const ALL_JUSTIFIED = 0b1111;

export function encodeState(state: StakeState): Uint8Array {
  return encodeRlp([state.validators.map(validatorFields), ...otherFields(state)]);
}

/** Throws DecodeError for what is not the encoding of a state. Whether it is the right one, `stateRoot` says. */
export function decodeState(encoded: Uint8Array): StakeState {
  const found = fields(decode(encoded, 'state', MAX_STATE_BYTES), 'a state', 15);
  const [validators, slot, block, balances, randaoMixes, slashings, blockRoots, previous, current] = found;
  const [bits, previousJustified, currentJustified, finalized, epochsSinceFinality, withdrawals] = found.slice(9);
  const state: StakeState = {
    slot: number(slot, 'slot'),
    block: hash(block, 'block'),
    validators: list(validators, 'validators', MAX_VALIDATORS, validatorFrom),
    balances: list(balances, 'balances', MAX_VALIDATORS, (balance) => gwei(balance, 'balance')),
    randaoMixes: list(randaoMixes, 'RANDAO mixes', RANDAO_EPOCHS, (mix) => hash(mix, 'RANDAO mix')),
    slashings: list(slashings, 'slashings', SLASHING_EPOCHS, (amount) => gwei(amount, 'slashings')),
    blockRoots: list(blockRoots, 'block roots', ROOT_EPOCHS * MAX_SLOTS_PER_EPOCH, (root) => hash(root, 'block root')),
    previousParticipation: participationFrom(previous),
    currentParticipation: participationFrom(current),
    justificationBits: number(bits, 'justification bits'),
    previousJustified: checkpointFrom(previousJustified),
    currentJustified: checkpointFrom(currentJustified),
    finalized: checkpointFrom(finalized),
    epochsSinceFinality: number(epochsSinceFinality, 'epochs since finality'),
    withdrawals: list(withdrawals, 'withdrawals', MAX_VALIDATORS, (index) => number(index, 'validator')),
  };
  checkShape(state);
  return state;
}

/** What a block says of the state after its parent: 32 bytes. */
export const stateRoot = remembered((state: StakeState): Hash => {
  return hashOf(keccak256(encodeRlp([registryRoot(state.validators), ...otherFields(state)])));
});

const leafOf = remembered((validator: Validator) => keccak256(encodeRlp(validatorFields(validator))));
const registryRoot = remembered((validators: readonly Validator[]) => keccak256(concatBytes(...validators.map(leafOf))));

function otherFields(state: StakeState): RlpValue[] {
  return [
    state.slot,
    fromHex(state.block),
    state.balances,
    state.randaoMixes.map(fromHex),
    state.slashings,
    state.blockRoots.map(fromHex),
    Uint8Array.from(state.previousParticipation),
    Uint8Array.from(state.currentParticipation),
    state.justificationBits,
    checkpointFields(state.previousJustified),
    checkpointFields(state.currentJustified),
    checkpointFields(state.finalized),
    state.epochsSinceFinality,
    state.withdrawals,
  ];
}

function validatorFields(validator: Validator): RlpValue[] {
  return [
    fromHex(validator.publicKey),
    fromHex(validator.depositor),
    validator.effectiveBalance,
    validator.slashed ? 1 : 0,
    validator.activationEpoch,
    validator.exitEpoch,
    validator.withdrawableEpoch,
  ];
}

function validatorFrom(value: unknown): Validator {
  const [key, depositor, effectiveBalance, slashed, activationEpoch, exitEpoch, withdrawableEpoch] = fields(value, 'a validator', 7);
  const isSlashed = number(slashed, 'slashed');
  if (isSlashed > 1) throw malformed('whether a validator is slashed is 0 or 1');
  return {
    publicKey: publicKey(key),
    depositor: address(depositor, 'depositor'),
    effectiveBalance: gwei(effectiveBalance, 'effective balance'),
    slashed: isSlashed === 1,
    activationEpoch: number(activationEpoch, 'activation epoch'),
    exitEpoch: number(exitEpoch, 'exit epoch'),
    withdrawableEpoch: number(withdrawableEpoch, 'withdrawable epoch'),
  };
}

function checkpointFields({ epoch, root }: Checkpoint): RlpValue[] {
  return [epoch, fromHex(root)];
}

function checkpointFrom(value: unknown): Checkpoint {
  const [epoch, root] = fields(value, 'a checkpoint', 2);
  return { epoch: number(epoch, 'epoch'), root: hash(root, 'root') };
}

function participationFrom(value: unknown): Participation[] {
  const flags = bytesField(value, 'participation');
  if (flags.some((each) => each > ALL_FLAGS)) throw malformed('participation has three flags');
  return [...flags];
}

/** Lengths that depend on each other, so that nothing later reads beside an array. */
function checkShape(state: StakeState): void {
  const { length } = state.validators;
  const perValidator = [state.balances, state.previousParticipation, state.currentParticipation];
  if (perValidator.some((array) => array.length !== length)) throw malformed('every validator has a balance and participation');
  if (state.randaoMixes.length !== RANDAO_EPOCHS) throw malformed(`there are ${RANDAO_EPOCHS} RANDAO mixes`);
  if (state.slashings.length !== SLASHING_EPOCHS) throw malformed(`there are ${SLASHING_EPOCHS} sums of slashings`);
  if (state.blockRoots.length === 0 || state.blockRoots.length % ROOT_EPOCHS !== 0) {
    throw malformed(`block roots are of ${ROOT_EPOCHS} epochs`);
  }
  if (state.justificationBits > ALL_JUSTIFIED) throw malformed('there are four justification bits');
  if (state.withdrawals.some((index) => index >= length)) throw malformed('withdrawals are of validators');
}

function malformed(rule: string): DecodeError {
  return new DecodeError('decode/pos-state', `This is not a state of proof-of-stake: ${rule}.`);
}
