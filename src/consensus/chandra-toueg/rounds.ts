/**
 * Rounds of an instance, and what a member does in them whom nobody coordinates but others. Source: Chandra and Toueg, figure 6,
 * phases 1 and 3. From Aguilera, Chen and Toueg (DISC 1998) is that a message of a later round takes a member there at once
 * (skipping rounds is like suspecting their coordinators), and that everything is said again until it has had its effect.
 *
 * The paper's processes go on to the next round as soon as they have acknowledged one. Here they wait for the decision, until
 * they suspect the coordinator or lose patience: with a coordinator that is well there is one round.
 */
import { RuleError } from '../../base/errors.ts';
import type { NodeId } from '../../base/types.ts';
import { blame, keep } from '../members/decisions.ts';
import { checkLeap } from '../members/leaps.ts';
import { checkChild } from '../members/runs.ts';
import { takeBlock } from './deciding.ts';
import type { ChandraTouegMessage, RoundMessage, Value } from './messages.ts';
import { noteEstimate, noteOf, noteRound, send, tell } from './notes.ts';
import { type Attempt, blockOf, coordinates, coordinatorOf, type Estimate, nextHeight, type Turn, trace } from './state.ts';

/** A round waits so many times the suspicion time-out for its coordinator, and twice as long with every round. */
const PATIENCE = 2;
/** Beyond, doubling has no meaning in numbers of this size. */
const MAX_DOUBLINGS = 30;
/** What nobody answers is said again after so many heartbeats; then after twice as many, up to the longest suspicion. */
const HEARTBEATS_PER_REPETITION = 3;

/** `isSilent`: the estimate is not sent, since the proposal of this round is here already. */
export function enterRound(turn: Turn, round: number, reason: string, isSilent = false): void {
  const { state, settings, nowMs } = turn;
  const height = nextHeight(state);
  const note = noteOf(state, height);
  const backOffMs = HEARTBEATS_PER_REPETITION * settings.heartbeatMs;
  noteRound(turn, note, round);
  state.attempt = {
    height,
    round,
    deadlineMs: nowMs + patienceMs(turn, round),
    repeatMs: nowMs + backOffMs,
    backOffMs,
    offer: null,
    estimates: new Map(),
    acks: new Set(),
    nacks: new Set(),
  };
  trace(turn, 'round', { height, round, reason, timestamp: note.timestamp, isCoordinator: coordinates(turn, state.attempt) });
  if (!isSilent) speak(turn, state.attempt, true);
}

function patienceMs({ settings }: Turn, round: number): number {
  return Math.min(settings.maxSuspicionMs, PATIENCE * settings.suspicionMs * 2 ** Math.min(round - 1, MAX_DOUBLINGS));
}

/** What this member has to say in this round, to those who have not answered yet. Blocks are whole the first time only. */
export function speak(turn: Turn, attempt: Attempt, isFirst: boolean): void {
  const { state, council, self } = turn;
  const { height, round, estimates, acks, nacks } = attempt;
  const note = noteOf(state, height);
  const coordinator = coordinatorOf(council.membership, height, round);
  if (coordinator !== self) {
    if (note.timestamp === round) tell(turn, coordinator, { type: 'ack', height, round }, note);
    else tell(turn, coordinator, estimateMessage(turn, attempt, isFirst), note);
    return;
  }
  for (const to of council.membership.others(self)) {
    if (note.timestamp === round) {
      if (!acks.has(to) && !nacks.has(to)) sendProposal(turn, attempt, to, isFirst);
    } else if (round > 1 && !estimates.has(to)) send(turn, to, { type: 'newRound', height, round });
  }
}

/** Phase 2: whole, unless the member has the block or can be expected to have got it. */
export function sendProposal(turn: Turn, { height, round, estimates }: Attempt, to: NodeId, isFirst: boolean): void {
  const note = noteOf(turn.state, height);
  const { hash, block } = note;
  if (hash === null) return;
  const isWhole = isFirst && estimates.get(to)?.value?.hash !== hash;
  tell(turn, to, { type: 'proposal', height, round, value: { hash, block: isWhole ? block : null } }, note);
}

function estimateMessage(turn: Turn, { height, round }: Attempt, isFirst: boolean): ChandraTouegMessage {
  const { timestamp, value } = ownEstimate(turn, height);
  // A first value is in nobody's chain, to be fetched from there.
  const isWhole = isFirst || timestamp === 0;
  const sent: Value | null = value === null || isWhole ? value : { hash: value.hash, block: null };
  return { type: 'estimate', height, round, timestamp, value: sent };
}

/** Figure 6, line 3: what this member would decide now, and since which round. */
export function ownEstimate({ state }: Turn, height: number): Estimate {
  const { timestamp, hash, block } = noteOf(state, height);
  if (timestamp > 0 && hash !== null) return { timestamp, value: { hash, block } };
  return { timestamp: 0, value: state.initial?.height === height ? state.initial.value : null };
}

/** Phase 3, the other branch: a coordinator that is suspected, or takes too long, is not waited for. */
export function leaveSuspected(turn: Turn): void {
  const { state, council, nowMs } = turn;
  const { attempt } = state;
  if (attempt === null || coordinates(turn, attempt)) return;
  const { height, round } = attempt;
  const coordinator = coordinatorOf(council.membership, height, round);
  const isSuspected = state.suspected.has(coordinator);
  if (!isSuspected && nowMs < attempt.deadlineMs) return;
  let reached = round + 1;
  // A member never suspects itself, so this ends.
  while (state.suspected.has(coordinatorOf(council.membership, height, reached))) reached++;
  enterRound(turn, reached, isSuspected ? 'suspected' : 'patience');
  tell(turn, coordinator, { type: 'nack', height, round, reached }, noteOf(state, height));
}

/** At every heartbeat: links lose messages. */
export function repeat(turn: Turn): void {
  const { state, settings, nowMs } = turn;
  const { attempt } = state;
  if (attempt === null || nowMs < attempt.repeatMs) return;
  attempt.backOffMs = Math.min(settings.maxSuspicionMs, 2 * attempt.backOffMs);
  attempt.repeatMs = nowMs + attempt.backOffMs;
  speak(turn, attempt, false);
}

/** A message of the instance that is not decided yet. Another member has begun, or is in another round. Throws RuleError. */
export function receiveInRound(turn: Turn, from: NodeId, message: RoundMessage): void {
  const { state } = turn;
  const { height, type } = message;
  const before = state.attempt;
  const reached = before?.round ?? state.notes.get(height)?.round ?? 1;
  checkLawful(turn, from, message, reached);
  const round = Math.max(message.round, reached);
  if (before === null || round > reached) enterRound(turn, round, 'heard', type === 'proposal' && message.round === round);
  const { attempt } = state;
  if (attempt === null) return;
  if (type === 'nack') return receiveNack(turn, from, attempt, message);
  if (message.round < round) {
    if (type !== 'ack') tell(turn, from, { type: 'nack', height, round: message.round, reached: round }, noteOf(state, height));
    return;
  }
  receiveNow(turn, from, attempt, message, before !== attempt);
}

function receiveNow(turn: Turn, from: NodeId, attempt: Attempt, message: RoundMessage, isNew: boolean): void {
  const { height, round } = attempt;
  const note = noteOf(turn.state, height);
  switch (message.type) {
    case 'newRound':
      // Who has just entered the round has spoken.
      if (!isNew) speak(turn, attempt, false);
      return;
    case 'estimate':
      return receiveEstimate(turn, from, attempt, message);
    case 'proposal':
      if (note.timestamp === round) return tell(turn, from, { type: 'ack', height, round }, note);
      attempt.offer = { value: message.value, from };
      return fetchOffer(turn, attempt);
    case 'ack':
      attempt.acks.add(from);
      return;
  }
}

/**
 * Only a coordinator proposes, only to it are estimates and answers sent, and an estimate was adopted in an earlier round. Throws
 * RuleError `chandra-toueg/round`, `chandra-toueg/timestamp`.
 */
function checkLawful(turn: Turn, from: NodeId, message: RoundMessage, reached: number): void {
  const { council, self } = turn;
  const { type, height, round } = message;
  const coordinator = coordinatorOf(council.membership, height, round);
  const expected = type === 'newRound' || type === 'proposal' ? from : self;
  checkLeap('chandra-toueg/round', 'the round', reached, type === 'nack' ? Math.max(round, message.reached) : round);
  // A nack also answers whoever speaks of a round that is over.
  if (type !== 'nack' && coordinator !== expected) {
    const text = `A message (${type}) of height ${height} and round ${round}, in which ${coordinator} coordinates.`;
    throw new RuleError('chandra-toueg/round', text, { height, round });
  }
  if (type !== 'estimate' || (message.timestamp < round && (message.timestamp === 0 || message.value !== null))) return;
  const text = `An estimate in round ${round} that was adopted in round ${message.timestamp}; expected an earlier one, and a value.`;
  throw new RuleError('chandra-toueg/timestamp', text, { height, round });
}

function receiveEstimate(turn: Turn, from: NodeId, attempt: Attempt, message: Extract<RoundMessage, { type: 'estimate' }>): void {
  const { timestamp, value, height, round } = message;
  if (value !== null && value.block !== null && takeBlock(turn, from, height, value) === null) return;
  const known = attempt.estimates.get(from)?.value;
  // Said again, it has only the hash.
  const isKnown = known?.hash === value?.hash && known !== undefined;
  attempt.estimates.set(from, { timestamp, value: isKnown ? known : value });
  if (noteOf(turn.state, height).timestamp === round && !attempt.acks.has(from)) sendProposal(turn, attempt, from, true);
}

/** The sender is in a later round. As long as a majority may still acknowledge, the coordinator waits for it; else it follows. */
function receiveNack(turn: Turn, from: NodeId, attempt: Attempt, { round, reached }: Extract<RoundMessage, { type: 'nack' }>): void {
  const { council, state } = turn;
  if (reached <= attempt.round) return;
  if (coordinates(turn, attempt) && round === attempt.round && noteOf(state, attempt.height).timestamp === round) {
    attempt.nacks.add(from);
    trace(turn, 'nack', { height: attempt.height, round, from });
    if (council.membership.size - attempt.nacks.size >= council.membership.quorum) return;
  }
  enterRound(turn, reached, 'nack');
}

function fetchOffer(turn: Turn, { height, offer }: Attempt): void {
  if (offer === null || offer.value.block !== null || blockOf(turn, height, offer.value.hash) !== null) return;
  turn.effects.push({ type: 'fetch', hash: offer.value.hash, from: offer.from });
}

/** Phase 3, the first branch: adopt what the coordinator proposes, write it down, and say so. */
export function adoptOffer(turn: Turn): void {
  const { state, chain, nowMs } = turn;
  const { attempt } = state;
  if (attempt === null || attempt.offer === null) return;
  const { height, round } = attempt;
  const { value, from } = attempt.offer;
  const block = takeBlock(turn, from, height, value);
  if (block === null) {
    if (value.block !== null) attempt.offer = null;
    return;
  }
  try {
    checkChild('chandra-toueg', block, state.decided);
  } catch (error) {
    attempt.offer = null;
    return blame(turn, from, error);
  }
  // It can neither be checked nor kept.
  if (chain.get(state.decided.hash) === undefined) return;
  attempt.offer = null;
  attempt.deadlineMs = nowMs + patienceMs(turn, round);
  const note = noteOf(state, height);
  noteEstimate(turn, note, round, block);
  // It is executed at once: should this node begin the next instance, it builds on it.
  keep(turn, block, from);
  tell(turn, from, { type: 'ack', height, round }, note);
}
