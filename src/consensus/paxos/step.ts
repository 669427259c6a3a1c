/** Multi-Paxos as a state machine: one event in, effects out. What each does is in the file that is named for it. */
import { unreachable } from '../../base/assert.ts';
import type { NodeId } from '../../base/types.ts';
import type { Event } from '../engine.ts';
import { answerAdmin } from '../members/admin.ts';
import { ATTEST_TIMER, attestHead, blockStored, receiveDecision } from '../members/attestations.ts';
import { settle } from '../members/decisions.ts';
import { dispatch, type Handlers } from '../members/dispatch.ts';
import { BUILD_TIMER, draftIsDue } from '../members/drafting.ts';
import { checkLeap } from '../members/leaps.ts';
import { finishReads, READ_TIMER, retryReads } from '../members/reads.ts';
import { acceptAhead, acknowledge, receiveAccept, receiveLead, receivePrepare } from './acceptor.ts';
import { commandsOf } from './admin.ts';
import { checkBallot } from './ballots.ts';
import { beginElections, receiveElection, tick } from './electing.ts';
import { countAccepted, heartbeat, receiveAccepted, sendProposals } from './leader.ts';
import { followHead, receiveAsk, receiveBlocks } from './learner.ts';
import { positionOf } from './log.ts';
import type { PaxosMessage } from './messages.ts';
import { restore } from './persist.ts';
import { blockBuilt, propose } from './propose.ts';
import { receivePreempted, receivePromise, takeOver } from './proposer.ts';
import { areReadsWaiting, readIsAt, readPolicy, receiveRead } from './reads.ts';
import { stepDown, TICK_TIMER } from './roles.ts';
import { leadershipOf, type PaxosEffect, type Turn } from './state.ts';
import { followTransfer, receiveStand, tickTransfer } from './transfer.ts';

export function step(turn: Turn, event: Event<PaxosMessage>): readonly PaxosEffect[] {
  followHead(turn);
  dispatch(turn, event, HANDLERS);
  takeOver(turn);
  propose(turn);
  if (areReadsWaiting(turn)) heartbeat(turn);
  sendProposals(turn);
  followTransfer(turn);
  finishReads(turn, turn.state.reads, turn.state.log.base.height);
  settle(turn);
  return turn.effects;
}

const HANDLERS: Handlers<Turn, PaxosMessage> = {
  start(turn, event) {
    restore(turn, event);
    beginElections(turn);
  },
  message: receiveMessage,
  timers: {
    [TICK_TIMER](turn) {
      tick(turn);
      tickTransfer(turn);
    },
    [BUILD_TIMER]: ({ state }) => draftIsDue(state.drafts),
    [READ_TIMER]: (turn) => retryReads(turn, turn.state.reads, readPolicy(turn)),
    [ATTEST_TIMER]: attestHead,
  },
  persisted(turn, lsn) {
    turn.state.persisted = lsn;
    countAccepted(turn);
  },
  stored: headStored,
  built: blockBuilt,
  mempool({ state }, pending) {
    state.hasWork ||= pending > 0;
  },
  admin: (turn, event) => answerAdmin(turn, event, commandsOf(turn)),
};

function headStored(turn: Turn, event: Extract<Event<never>, { type: 'stored' }>): void {
  const { state, chain, effects, self } = turn;
  const head = chain.get(event.head);
  const lost = head === undefined ? 0 : state.log.rebase(positionOf(head));
  if (lost > 0) effects.push({ type: 'trace', name: 'outvoted', data: { height: state.log.base.height, lost } });
  blockStored(turn, event);
  const leadership = leadershipOf(state);
  // Others have decided under a later ballot: something else, or more than was proposed here.
  if (leadership !== null && (lost > 0 || state.log.at(leadership.top) === undefined)) stepDown(turn);
  if (leadership !== null || state.leader === null || state.leader === self) return;
  acceptAhead(turn, state.leader, state.promised);
  acknowledge(turn);
}

function receiveMessage(turn: Turn, from: NodeId, message: PaxosMessage): void {
  const { state, place, chain, effects, nowMs } = turn;
  // This node only follows the chain.
  if (place === null) return;
  const ballot = ballotIn(message);
  if (ballot !== null) checkBallot(state.seen, ballot);
  checkLeap('paxos/height-leap', 'the height', chain.head.header.number, heightIn(message));
  if (state.detector.heard(from, nowMs)) effects.push({ type: 'trace', name: 'falselySuspected', data: { node: from } });
  receive(turn, from, message);
}

function ballotIn(message: PaxosMessage): number | null {
  if ('promised' in message) return message.promised;
  return 'ballot' in message ? message.ballot : null;
}

/** Of what the sender says to be decided. */
function heightIn(message: PaxosMessage): number {
  if ('commit' in message) return message.commit.height;
  if (message.type === 'promise') return message.decided.height;
  return message.type === 'blocks' ? message.decided : 0;
}

function receive(turn: Turn, from: NodeId, message: PaxosMessage): void {
  const { state } = turn;
  switch (message.type) {
    case 'attestation':
    case 'certificate':
      return receiveDecision(turn, from, message);
    case 'prepare':
      return receivePrepare(turn, from, message);
    case 'promise':
      return receivePromise(turn, from, message);
    case 'accept':
      return receiveAccept(turn, from, message);
    case 'accepted':
      return receiveAccepted(turn, from, message);
    case 'preempted':
      return receivePreempted(turn, message);
    case 'lead':
      return receiveLead(turn, from, message);
    case 'alive':
      state.seen = Math.max(state.seen, message.promised);
      return;
    case 'ask':
      return receiveAsk(turn, from, message);
    case 'blocks':
      return receiveBlocks(turn, message);
    case 'elect':
      return receiveElection(turn, from, message);
    case 'read':
      return receiveRead(turn, from, message.read);
    case 'readAt':
      return readIsAt(turn, from, message.read, message.height);
    case 'stand':
      return receiveStand(turn, from, message.ballot);
    default:
      return unreachable(message);
  }
}
