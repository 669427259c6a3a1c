/** Evidence of offences: found here, sent by peers, or carried by blocks. It waits for a block, and its validators count for nobody. */
import { RuleError } from '../../base/errors.ts';
import type { NodeId } from '../../base/types.ts';
import { encodeOffence, MAX_EVIDENCE_BYTES } from './codec.ts';
import { processSlots } from './epochs.ts';
import { discount } from './forkchoice.ts';
import { checkOffence, convictedBy } from './offences.ts';
import { orNull } from './requests.ts';
import { type Turn, trace } from './state.ts';
import { stateAfter } from './states.ts';
import type { Offence, StakeState, ValidatorIndex } from './types.ts';

/** That wait for a block. */
export const MAX_WAITING_OFFENCES = 128;
/** Of one peer in one epoch, false for all we know, against validators that other branches may know differently. */
export const MAX_UNSETTLED_EVIDENCE = 256;

/** Evidence whose signatures were checked, found here or in a block: told to others once, and left to the next block. */
export function convict(turn: Turn, offence: Offence): void {
  const accused = convictedBy(offence);
  discount(turn.state.store, accused);
  if (!isNews(turn, accused) || encodeOffence(offence).length > MAX_EVIDENCE_BYTES) return;
  keepEvidence(turn, offence, accused);
  turn.effects.push({ type: 'send', to: '*', message: { type: 'evidence', offence } });
}

/**
 * From gossip. Stale evidence, and what the chain has dealt with, is nobody's fault; nor is evidence against validators that only an
 * unfinished branch knows, as another branch may have given their places to others.
 */
export function receiveEvidence(turn: Turn, from: NodeId, offence: Offence): void {
  const accused = convictedBy(offence);
  try {
    if (isNews(turn, accused)) {
      const guilty = checkOffence(turn.rules, stateNow(turn), offence);
      discount(turn.state.store, accused);
      return keepEvidence(turn, offence, guilty);
    }
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    trace(turn, 'refusedEvidence', { code: error.code });
    const isLate = error.code === 'pos/offence-known' || error.code === 'pos/offence-stale';
    if (error.blame && !isLate && (areSettled(turn, offence) || isFlood(turn, from)))
      return void turn.effects.push({ type: 'offence', from, error });
  }
  turn.effects.push({ type: 'ignore' });
}

/** After a restart: what waited for a block waits again. */
export function restoreEvidence({ state }: Turn, offences: readonly Offence[]): void {
  for (const offence of offences) {
    const accused = convictedBy(offence);
    discount(state.store, accused);
    state.offences.set(accused.join(), offence);
  }
}

/**
 * Forgets what the final chain has dealt with, and what it never will: who is accused has left, or it was too long ago, or the place of
 * who signed is another's now.
 */
export function forgetSettled(turn: Turn): void {
  const { state, rules } = turn;
  const final = state.anchor.state;
  for (const [key, offence] of state.offences) {
    const isOpen = !areSettled(turn, offence) || orNull(() => checkOffence(rules, final, offence)) !== null;
    if (!isOpen) state.offences.delete(key);
  }
}

function keepEvidence({ state, effects }: Turn, offence: Offence, guilty: readonly ValidatorIndex[]): void {
  state.offences.set(convictedBy(offence).join(), offence);
  state.counts.offences++;
  effects.push({ type: 'trace', name: 'offence', data: { type: offence.type, validators: [...guilty] } });
}

/** Whether it accuses somebody who is neither slashed in our chain nor about to be. */
function isNews(turn: Turn, accused: readonly ValidatorIndex[]): boolean {
  const { state } = turn;
  if (state.offences.size >= MAX_WAITING_OFFENCES) return false;
  const waiting = new Set([...state.offences.values()].flatMap(convictedBy));
  const { validators } = stateNow(turn);
  return accused.some((index) => validators[index]?.slashed === false && !waiting.has(index));
}

/** Each piece costs two verifications, and those who follow the protocol have one against each validator. */
function isFlood({ state }: Turn, from: NodeId): boolean {
  const count = (state.unsettled.get(from) ?? 0) + 1;
  state.unsettled.set(from, count);
  return count > MAX_UNSETTLED_EVIDENCE;
}

/** Whether all whom it names have their places for good. */
function areSettled({ state: { anchor } }: Turn, { type, first, second }: Offence): boolean {
  const named = type === 'proposals' ? [first.proposer, second.proposer] : [...first.indices, ...second.indices];
  return named.every((index) => index < anchor.state.validators.length);
}

function stateNow(turn: Turn): StakeState {
  const after = stateAfter(turn, turn.state.head.hash) ?? turn.state.anchor.state;
  return processSlots(turn.rules.settings, after, Math.max(after.slot, turn.state.slot));
}
