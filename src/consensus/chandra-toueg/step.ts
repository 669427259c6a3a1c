/** Chandra-Toueg as a state machine: one event in, effects out. What each does is in the file that is named for it. */
import type { NodeId } from '../../base/types.ts';
import type { Event } from '../engine.ts';
import { answerAdmin } from '../members/admin.ts';
import { ATTEST_TIMER, attestHead, blockStored, receiveDecision } from '../members/attestations.ts';
import { settle, toOthers } from '../members/decisions.ts';
import { dispatch, type Handlers } from '../members/dispatch.ts';
import { BUILD_TIMER, draftIsDue } from '../members/drafting.ts';
import { checkLeap } from '../members/leaps.ts';
import { finishReads, READ_TIMER, retryReads } from '../members/reads.ts';
import { commandsOf } from './admin.ts';
import { coordinate } from './coordinator.ts';
import { answerDecided, askFor, fetchMissing, followChain, learnDecision, receiveDecide, repeatDecision } from './deciding.ts';
import { beginWhenDue, blockBuilt, workHasCome } from './initiating.ts';
import type { ChandraTouegMessage, RoundMessage } from './messages.ts';
import { dropNotes, restore } from './notes.ts';
import { answerQuery, readPolicy, takeAnswer } from './reads.ts';
import { adoptOffer, enterRound, leaveSuspected, receiveInRound, repeat } from './rounds.ts';
import { type ChandraTouegEffect, nextHeight, type Turn, trace } from './state.ts';

export const HEARTBEAT_TIMER = 'heartbeat';

export function step(turn: Turn, event: Event<ChandraTouegMessage>): readonly ChandraTouegEffect[] {
  followChain(turn);
  dispatch(turn, event, HANDLERS);
  if (turn.place !== null) {
    leaveSuspected(turn);
    adoptOffer(turn);
    coordinate(turn);
    beginWhenDue(turn);
    finishReads(turn, turn.state.reads, turn.state.stored);
  }
  settle(turn);
  return turn.effects;
}

const HANDLERS: Handlers<Turn, ChandraTouegMessage> = {
  start(turn, event) {
    restore(turn, event);
    heartbeat(turn);
  },
  message: receiveMessage,
  timers: {
    [HEARTBEAT_TIMER]: heartbeat,
    [BUILD_TIMER]: ({ state }) => draftIsDue(state.drafts),
    [READ_TIMER]: (turn) => retryReads(turn, turn.state.reads, readPolicy(turn)),
    [ATTEST_TIMER]: attestHead,
  },
  persisted({ state }, lsn) {
    state.persisted = lsn;
  },
  stored(turn, event) {
    const { state, chain } = turn;
    state.stored = Math.max(state.stored, chain.get(event.head)?.header.number ?? 0);
    dropNotes(state);
    blockStored(turn, event);
  },
  built(turn, event) {
    if (blockBuilt(turn, event)) enterRound(turn, 1, 'work');
  },
  mempool(turn, pending) {
    if (pending > 0) workHasCome(turn);
  },
  admin: (turn, event) => answerAdmin(turn, event, commandsOf(turn)),
};

/** The one clock of the protocol: it shows that this member lives, who is suspected, and what has to be said again. */
function heartbeat(turn: Turn): void {
  const { state, settings, effects } = turn;
  if (turn.place === null) return;
  toOthers<ChandraTouegMessage>(turn, { type: 'heartbeat', decided: state.decided.height });
  suspectSilent(turn);
  fetchMissing(turn);
  repeat(turn);
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
  const { state, chain, nowMs } = turn;
  // This node only follows the chain.
  if (turn.place === null) return;
  if ('height' in message) checkLeap('chandra-toueg/height', 'the height', chain.head.header.number, message.height);
  if (message.type === 'heartbeat') checkLeap('chandra-toueg/height', 'the height', chain.head.header.number, message.decided);
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
