/** Multi-Paxos as a state machine: one event in, effects out. What each does is in the file that is named for it. */
import { unreachable } from '../../base/assert.ts';
import { RuleError } from '../../base/errors.ts';
import type { NodeId } from '../../base/types.ts';
import type { Event } from '../engine.ts';
import { ATTEST_TIMER, attestHead, blockStored, receiveDecision } from '../members/attestations.ts';
import { blockChecked, receiveBlock, settle } from '../members/decisions.ts';
import { acceptAhead, acknowledge, receiveAccept, receiveLead, receivePrepare } from './acceptor.ts';
import { answerAdmin } from './admin.ts';
import { isLeap } from './ballots.ts';
import { beginElections, receiveElection, tick } from './electing.ts';
import { countAccepted, heartbeat, receiveAccepted, sendProposals } from './leader.ts';
import { followHead, receiveAsk, receiveBlocks } from './learner.ts';
import { positionOf } from './log.ts';
import type { PaxosMessage } from './messages.ts';
import { restore } from './persist.ts';
import { blockBuilt, buildIsDue, propose } from './propose.ts';
import { receivePreempted, receivePromise, takeOver } from './proposer.ts';
import { finishReads, noteReads, readIsAt, receiveRead } from './reads.ts';
import { BUILD_TIMER, stepDown, TICK_TIMER } from './roles.ts';
import { leadershipOf, type PaxosEffect, type Turn } from './state.ts';

export function step(turn: Turn, event: Event<PaxosMessage>): readonly PaxosEffect[] {
  followHead(turn);
  handle(turn, event);
  takeOver(turn);
  propose(turn);
  if (noteReads(turn)) heartbeat(turn);
  sendProposals(turn);
  settle(turn);
  return turn.effects;
}

function handle(turn: Turn, event: Event<PaxosMessage>): void {
  const { state } = turn;
  switch (event.type) {
    case 'start':
      restore(turn, event);
      return beginElections(turn);
    case 'message':
      return receiveMessage(turn, event.from, event.message);
    case 'timer':
      return timerFired(turn, event.id);
    case 'persisted':
      state.persisted = event.lsn;
      return countAccepted(turn);
    case 'stored':
      return headStored(turn, event);
    case 'built':
      return blockBuilt(turn, event);
    case 'checked':
      return blockChecked(turn, event.hash);
    case 'block':
      return receiveBlock(turn, event);
    case 'mempool':
      state.hasWork ||= event.pending > 0;
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

function headStored(turn: Turn, event: Extract<Event<PaxosMessage>, { type: 'stored' }>): void {
  const { state, chain, effects, self } = turn;
  const head = chain.get(event.head);
  if (head !== undefined) {
    const lost = state.log.rebase(positionOf(head));
    if (lost > 0) effects.push({ type: 'trace', name: 'outvoted', data: { height: head.header.number, lost } });
  }
  blockStored(turn, event);
  finishReads(turn);
  const leadership = leadershipOf(state);
  // Others have decided under a later ballot.
  if (leadership !== null && state.log.at(leadership.top) === undefined) stepDown(turn);
  if (leadership !== null || state.leader === null || state.leader === self) return;
  acceptAhead(turn, state.leader, state.promised);
  acknowledge(turn);
}

function timerFired(turn: Turn, id: string): void {
  switch (id) {
    case TICK_TIMER:
      return tick(turn);
    case BUILD_TIMER:
      return buildIsDue(turn);
    case ATTEST_TIMER:
      return attestHead(turn);
  }
}

function receiveMessage(turn: Turn, from: NodeId, message: PaxosMessage): void {
  const { council, state, effects, nowMs } = turn;
  if (council.membership.placeOf(from) === undefined) {
    const error = new RuleError('members/stranger', `Node ${from} is no member, and has no part in what members decide.`);
    effects.push({ type: 'offence', from, error });
    return;
  }
  // This node only follows the chain.
  if (state.place === null) return;
  const ballot = ballotIn(message);
  if (ballot !== null && isLeap(state.seen, ballot)) {
    const text = `A message of ballot ${ballot}, and the highest that was heard of is ${state.seen}; expected one that is not so much later.`;
    effects.push({ type: 'offence', from, error: new RuleError('paxos/ballot-leap', text, { ballot }) });
    return;
  }
  if (state.detector.heard(from, nowMs)) effects.push({ type: 'trace', name: 'falselySuspected', data: { node: from } });
  receive(turn, from, message);
}

function ballotIn(message: PaxosMessage): number | null {
  if ('promised' in message) return message.promised;
  return 'ballot' in message ? message.ballot : null;
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
      return receiveBlocks(turn, from, message);
    case 'elect':
      return receiveElection(turn, from, message);
    case 'read':
      return receiveRead(turn, from, message.read);
    case 'readAt':
      return readIsAt(turn, message.read, message.height);
    default:
      return unreachable(message);
  }
}
