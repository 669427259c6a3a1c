/** Chandra-Toueg as a state machine: one event in, effects out. What each does is in the file that is named for it. */
import { unreachable } from '../../base/assert.ts';
import { RuleError } from '../../base/errors.ts';
import type { NodeId } from '../../base/types.ts';
import type { Event } from '../engine.ts';
import { ATTEST_TIMER, attestHead, blockStored, receiveDecision } from '../members/attestations.ts';
import { blockChecked, receiveBlock, settle, toOthers } from '../members/decisions.ts';
import { answerAdmin } from './admin.ts';
import { coordinate } from './coordinator.ts';
import { answerDecided, askFor, fetchMissing, followChain, learnDecision, receiveDecide, repeatDecision } from './deciding.ts';
import { BUILD_TIMER, beginWhenDue, blockBuilt, workHasCome } from './initiating.ts';
import type { ChandraTouegMessage, RoundMessage } from './messages.ts';
import { dropNotes, restore } from './notes.ts';
import { answerQuery, finishReads, repeatReads, takeAnswer } from './reads.ts';
import { adoptOffer, enterRound, leaveSuspected, receiveInRound, repeat } from './rounds.ts';
import { type ChandraTouegEffect, nextHeight, type Turn, trace } from './state.ts';

export const HEARTBEAT_TIMER = 'heartbeat';

export function step(turn: Turn, event: Event<ChandraTouegMessage>): readonly ChandraTouegEffect[] {
  followChain(turn);
  handle(turn, event);
  if (turn.place !== null) {
    leaveSuspected(turn);
    adoptOffer(turn);
    coordinate(turn);
    beginWhenDue(turn);
    finishReads(turn);
  }
  settle(turn);
  return turn.effects;
}

function handle(turn: Turn, event: Event<ChandraTouegMessage>): void {
  const { state } = turn;
  switch (event.type) {
    case 'start':
      restore(turn, event);
      return heartbeat(turn);
    case 'message':
      return receiveMessage(turn, event.from, event.message);
    case 'timer':
      return timerFired(turn, event.id);
    case 'persisted':
      state.persisted = event.lsn;
      return;
    case 'stored':
      state.stored = Math.max(state.stored, turn.chain.get(event.head)?.header.number ?? 0);
      dropNotes(state);
      return blockStored(turn, event);
    case 'built':
      if (blockBuilt(turn, event)) enterRound(turn, 1, 'work');
      return;
    case 'checked':
      return blockChecked(turn, event.hash);
    case 'block':
      return receiveBlock(turn, event);
    case 'mempool':
      if (event.pending > 0) workHasCome(turn);
      return;
    case 'admin':
      return answerAdmin(turn, event.request, event.command);
    case 'sealed':
      // Nothing is mined here.
      return;
    default:
      return unreachable(event);
  }
}

function timerFired(turn: Turn, id: string): void {
  switch (id) {
    case HEARTBEAT_TIMER:
      return heartbeat(turn);
    case BUILD_TIMER:
      // What is due is looked at at the end of the step.
      turn.state.buildAtMs = null;
      return;
    case ATTEST_TIMER:
      return attestHead(turn);
  }
}

/** The one clock of the protocol: it shows that this member lives, who is suspected, and what has to be said again. */
function heartbeat(turn: Turn): void {
  const { state, settings, effects } = turn;
  if (turn.place === null) return;
  toOthers<ChandraTouegMessage>(turn, { type: 'heartbeat', decided: state.decided.height });
  suspectSilent(turn);
  fetchMissing(turn);
  repeat(turn);
  repeatReads(turn);
  effects.push({ type: 'setTimer', id: HEARTBEAT_TIMER, delayMs: settings.heartbeatMs });
}

function suspectSilent(turn: Turn): void {
  const { suspected, detector } = turn.state;
  for (const node of detector.suspected(turn.nowMs)) {
    if (suspected.has(node)) continue;
    suspected.add(node);
    trace(turn, 'suspected', { node, patienceMs: detector.patienceMs(node) ?? 0 });
  }
}

function receiveMessage(turn: Turn, from: NodeId, message: ChandraTouegMessage): void {
  const { council, state, effects, nowMs } = turn;
  if (council.membership.placeOf(from) === undefined) {
    const error = new RuleError('members/stranger', `Node ${from} is no member, and has no part in what members decide.`);
    effects.push({ type: 'offence', from, error });
    return;
  }
  // This node only follows the chain.
  if (state.place === null) return;
  state.detector.heard(from, nowMs);
  if (state.suspected.delete(from)) trace(turn, 'trusted', { node: from });
  switch (message.type) {
    case 'attestation':
    case 'certificate':
      return receiveDecision(turn, from, message);
    case 'heartbeat':
      if (message.decided > state.decided.height) askFor(turn, from);
      return;
    case 'decide':
      return receiveDecide(turn, from, message);
    case 'ask':
      return answerDecided(turn, from, message.height);
    case 'query':
      return answerQuery(turn, from, message);
    case 'answer':
      return takeAnswer(turn, from, message);
    default:
      return receiveOfInstance(turn, from, message);
  }
}

function receiveOfInstance(turn: Turn, from: NodeId, message: RoundMessage): void {
  const { state } = turn;
  const { height, type } = message;
  if (height < nextHeight(state)) {
    if (type === 'ack') repeatDecision(turn, from, height);
    else if (type !== 'nack') answerDecided(turn, from, height);
    return;
  }
  // Whoever proposes a block knows that its parent is decided.
  if (height > nextHeight(state) && type === 'proposal' && message.value.block !== null) {
    learnDecision(turn, { height: height - 1, hash: message.value.block.header.parentHash }, from, true);
    fetchMissing(turn);
  }
  if (height > nextHeight(state)) return askFor(turn, from);
  receiveInRound(turn, from, message);
}
