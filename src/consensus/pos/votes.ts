/**
 * Votes of others (consensus-specs phase0/p2p-interface.md, topic beacon_attestation; fork-choice "validate_on_attestation").
 * Cheap questions come first, and nothing is computed for a vote of an old epoch.
 *
 *   what arrives                                     what is done
 *   more than an epoch old, or of a slot to come     ignored; too many of them from one peer, while others live in our time:
 *                                                    counted against it
 *   epochs that contradict each other                counted against its sender
 *   known                                            ignored
 *   for a block that is not here                     held for a while, the block asked for
 *   target or source that its head does not have     counted against its sender
 *   wrong committee, bits, signature                 counted against its sender
 *   of convicted validators only                     ignored; too many: as above
 *   right                                            pooled, watched for offences, counted from the next slot on, passed on
 */
import { RuleError } from '../../base/errors.ts';
import type { NodeId } from '../../base/types.ts';
import { indexedAttestation, signedVote } from './committees.ts';
import { seeVote } from './detector.ts';
import { convict } from './evidence.ts';
import { fetchBlock } from './fetches.ts';
import { addVote, checkpointOf } from './forkchoice.ts';
import { addToPool, forgetVotesBefore, isKnown } from './pool.ts';
import { MAX_CLOCK_DISPARITY_MS } from './rules.ts';
import { genesisSeconds, type Turn, trace } from './state.ts';
import { stateInEpoch } from './states.ts';
import { epochOf, slotStartMs } from './time.ts';
import type { Attestation, AttestationData, IndexedAttestation, Slot, StakeState } from './types.ts';

export const MAX_WAITING_VOTES = 512;
/** Of one peer: nobody has looked at their signatures, so anybody can make them up. */
export const MAX_WAITING_VOTES_OF_PEER = 64;
const MAX_QUEUED_VOTES = 8_192;
/** Of blocks that are applied again to judge a vote. Targets of those who are in time are closer to what is kept. */
const MAX_REPLAYED_EPOCHS = 2;
/** Of one peer in one epoch: of slots that are not ours, or of those who have no voice any more. */
export const MAX_USELESS_VOTES = 256;

export function receiveVote(turn: Turn, from: NodeId, vote: Attestation): void {
  if (!judgeVote(turn, from, vote)) turn.effects.push({ type: 'ignore' });
}

/** A vote of ours from before a restart. If its block was lost it waits for it as others do. */
export function recallVote(turn: Turn, vote: Attestation): void {
  judgeVote(turn, turn.context.self, vote);
}

/** Whether it is to be passed on. */
function judgeVote(turn: Turn, from: NodeId, vote: Attestation): boolean {
  try {
    return takeVote(turn, from, vote);
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    turn.state.counts.refusedVotes++;
    trace(turn, 'refusedVote', { code: error.code });
    if (error.blame && from !== turn.context.self) turn.effects.push({ type: 'offence', from, error });
    return false;
  }
}

/**
 * A block came: votes that waited for it are looked at again. Whoever brought one is to blame for it still: what makes a vote wrong
 * follows from its own branch, and those who follow the protocol pass on only what they have judged.
 */
export function retryVotes(turn: Turn): void {
  const held = turn.state.waiting;
  if (held.length === 0) return;
  const { blocks } = turn.state.store;
  const ready = held.filter(({ attestation }) => blocks.has(attestation.data.head));
  if (ready.length === 0) return;
  turn.state.waiting = held.filter(({ attestation }) => !blocks.has(attestation.data.head));
  for (const { from, attestation } of ready) judgeVote(turn, from, attestation);
}

/** At each slot that is reached, after `since`: votes of earlier slots count from now on, and old ones are forgotten. */
export function countQueued(turn: Turn, since: Slot): void {
  const { state } = turn;
  for (const { slot, indices, epoch, head } of state.queued) {
    if (slot < state.slot) addVote(state.store, indices, epoch, head);
  }
  state.queued = state.queued.filter(({ slot }) => slot >= state.slot);
  const { slotsPerEpoch } = turn.rules.settings;
  forgetVotesBefore(state.pool, state.slot - 2 * slotsPerEpoch);
  state.waiting = state.waiting.filter(({ attestation }) => attestation.data.slot + slotsPerEpoch >= state.slot);
  if (epochOf(turn.rules.settings, since) !== epochOf(turn.rules.settings, state.slot)) state.useless.clear();
}

/** A vote that is right in everything, ours or another's, by the state that `judge`s it: pooled, watched, and queued for the fork choice. */
export function keepVote(turn: Turn, attestation: Attestation, vote: IndexedAttestation, judge: StakeState): boolean {
  const { state, rules } = turn;
  if (!addToPool(state.pool, attestation, rules.signatures)) return false;
  for (const offence of seeVote(state.detector, vote, judge.validators)) convict(turn, offence);
  const { slot, target, head } = vote.data;
  if (slot < state.slot) addVote(state.store, vote.indices, target.epoch, head);
  else if (state.queued.length < MAX_QUEUED_VOTES)
    state.queued = [...state.queued, { slot, indices: vote.indices, epoch: target.epoch, head }];
  return true;
}

/** Whether it is to be passed on. Throws RuleError `pos/attestation-...`. */
function takeVote(turn: Turn, from: NodeId, attestation: Attestation): boolean {
  const { state, rules } = turn;
  const { data } = attestation;
  if (!isOfNow(turn, data)) {
    countUseless(turn, from, 'slot', `of other times (in slot ${state.slot} one of slot ${data.slot})`);
    return false;
  }
  if (isKnown(state.pool, attestation)) return false;
  if (!state.store.blocks.has(data.head)) {
    holdVote(turn, from, attestation);
    return false;
  }
  const judge = checkLink(turn, data);
  if (judge === null) return false;
  const vote = indexedAttestation(rules.settings, judge, attestation);
  // They count for nobody, and there is no end to what somebody may sign who has nothing to lose.
  if (vote.indices.every((index) => state.store.equivocating.has(index))) {
    countUseless(turn, from, 'convicted', 'of validators that contradict themselves');
    return false;
  }
  if (!rules.signatures.verify(signedVote(rules.params, judge.validators, vote))) {
    throw new RuleError(
      'pos/attestation-signature',
      `A vote of slot ${data.slot} is not signed by those ${vote.indices.length} whom it names.`,
    );
  }
  if (from !== turn.context.self) state.timelySlot = state.slot;
  return keepVote(turn, attestation, vote, judge);
}

/**
 * Votes of another time come from peers whose clock is wrong, or whose messages took long; votes of who was convicted from those who have
 * not heard of it. Some are nobody's fault, a flood of them is; it costs no signatures. Nobody is blamed while no vote of others is of
 * our time: then it is our clock that is wrong, and all whom we hear are right. Throws RuleError `pos/attestation-` and the rule.
 */
function countUseless({ state, rules }: Turn, from: NodeId, rule: 'slot' | 'convicted', what: string): void {
  const count = (state.useless.get(from) ?? 0) + 1;
  state.useless.set(from, count);
  if (count <= MAX_USELESS_VOTES || Math.abs(state.slot - state.timelySlot) > rules.settings.slotsPerEpoch) return;
  throw new RuleError(
    `pos/attestation-${rule}`,
    `The peer has sent ${count} useless votes in this epoch, the last ${what}; at most ${MAX_USELESS_VOTES} are borne.`,
  );
}

/** Of the last epoch's slots, or of one that has begun by a clock that is a little ahead of ours: it was voted in at once. */
function isOfNow(turn: Turn, { slot, target, source }: AttestationData): boolean {
  const { settings } = turn.rules;
  if (target.epoch !== epochOf(settings, slot) || source.epoch > target.epoch) {
    throw new RuleError(
      'pos/attestation-epoch',
      `A vote of slot ${slot} links epoch ${source.epoch} to ${target.epoch}; expected a target of epoch ${epochOf(settings, slot)}, not before its source.`,
    );
  }
  const earlyMs = slotStartMs(settings, genesisSeconds(turn), slot) - turn.context.wallMs;
  return earlyMs <= MAX_CLOCK_DISPARITY_MS && slot + settings.slotsPerEpoch >= turn.state.slot;
}

/** The state that judges it; null where its target is below what is final, or too old. Throws where head and link contradict each other. */
function checkLink(turn: Turn, { head, slot, source, target }: AttestationData): StakeState | null {
  const { store } = turn.state;
  const block = store.blocks.get(head);
  const expected = checkpointOf(store, head, target.epoch);
  if (block === undefined || expected === undefined) return null;
  if (block.slot > slot || expected !== target.root) {
    throw new RuleError(
      'pos/attestation-target',
      `A vote of slot ${slot} for ${head} has the target ${target.root}; that branch has ${expected}.`,
    );
  }
  // Nobody has signed it yet, as far as we know: only a little may be computed for it.
  const judge = stateInEpoch(turn, target.root, target.epoch, MAX_REPLAYED_EPOCHS * turn.rules.settings.slotsPerEpoch);
  if (judge === undefined) return null;
  const { epoch, root } = judge.currentJustified;
  if (source.epoch !== epoch || source.root !== root) {
    throw new RuleError(
      'pos/attestation-source',
      `A vote has the source ${source.epoch} (${source.root}); its target justifies ${epoch} (${root}).`,
    );
  }
  return judge;
}

function holdVote(turn: Turn, from: NodeId, attestation: Attestation): void {
  const { state, context } = turn;
  const { head } = attestation.data;
  // A block that is stored and not in the fork choice is invalid, or of a branch that finality left behind.
  if (context.chain.status(head) !== undefined || state.invalid.has(head)) return;
  const ofPeer = state.waiting.filter((held) => held.from === from).length;
  if (state.waiting.length >= MAX_WAITING_VOTES || ofPeer >= MAX_WAITING_VOTES_OF_PEER) return;
  state.waiting = [...state.waiting, { from, attestation }];
  if (!state.orphans.has(head)) fetchBlock(turn, head, from, false);
}
