/** Zab as a state machine: one event in, effects out. What each does is in the file that is named for it. */
import { unreachable } from '../../base/assert.ts';
import { RuleError } from '../../base/errors.ts';
import type { NodeId } from '../../base/types.ts';
import type { Event } from '../engine.ts';
import { ATTEST_TIMER, attestHead, blockStored, receiveDecision } from '../members/attestations.ts';
import { blockChecked, receiveBlock, settle } from '../members/decisions.ts';
import { answerAdmin } from './admin.ts';
import { advanceCommit, heartbeat, receiveAck, replicate } from './broadcast.ts';
import { look, receiveNotification, tickLooking } from './election.ts';
import { acknowledgeProgress, receiveFromLeader, receiveNewEpoch, takeOverEpoch, tickFollowing } from './following.ts';
import { receiveAckEpoch, receiveFollowerInfo, takeOwnHistory, tickLeading } from './leading.ts';
import type { ZabMessage } from './messages.ts';
import { adoptHead, persistEpochs, restore } from './persist.ts';
import { blockBuilt, buildIsDue, propose } from './propose.ts';
import { finishReads, noteReads, READ_TIMER, readIsAt, receiveRead, retryReads } from './reads.ts';
import { BUILD_TIMER, TICK_TIMER } from './roles.ts';
import { epochOf, type Turn, type ZabEffect } from './state.ts';

export function step(turn: Turn, event: Event<ZabMessage>): readonly ZabEffect[] {
  // What the records say comes first.
  if (event.type === 'start') restore(turn, event);
  followChain(turn);
  handle(turn, event);
  propose(turn);
  replicate(turn);
  const leading = noteReads(turn);
  if (leading !== null) heartbeat(turn, leading);
  settle(turn);
  return turn.effects;
}

/**
 * Sync may have brought decided blocks. A block of a later epoch shows that a quorum has entered it: this node enters it as
 * well, and so will not help a leader of an earlier one to take back what is decided.
 */
function followChain(turn: Turn): void {
  const { state, chain } = turn;
  const { role, epochs } = state;
  const isOther = adoptHead(turn);
  const epoch = epochOf(chain.head);
  if (epoch > epochs.accepted) {
    epochs.accepted = epoch;
    epochs.acceptedFrom = null;
    persistEpochs(turn);
  }
  const isOver = role.role !== 'looking' && role.epoch !== null && role.epoch < epoch;
  if (isOver || (isOther && role.role === 'leading')) look(turn, 'the chain is ahead');
}

function handle(turn: Turn, event: Event<ZabMessage>): void {
  const { state } = turn;
  switch (event.type) {
    case 'start':
      return look(turn, 'start');
    case 'message':
      return receiveMessage(turn, event.from, event.message);
    case 'timer':
      return timerFired(turn, event.id);
    case 'persisted':
      state.persisted = event.lsn;
      return progressOnDisk(turn);
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

function headStored(turn: Turn, event: Extract<Event<ZabMessage>, { type: 'stored' }>): void {
  const { state, chain } = turn;
  state.stored = Math.max(state.stored, chain.get(event.head)?.header.number ?? 0);
  state.history.forget(state.stored);
  blockStored(turn, event);
  finishReads(turn);
  progressOnDisk(turn);
}

/** Whatever waits for the disk. */
function progressOnDisk(turn: Turn): void {
  if (turn.state.role.role === 'following') {
    takeOverEpoch(turn);
    acknowledgeProgress(turn);
  } else {
    takeOwnHistory(turn);
    advanceCommit(turn);
  }
}

function timerFired(turn: Turn, id: string): void {
  switch (id) {
    case TICK_TIMER:
      return tick(turn);
    case BUILD_TIMER:
      return buildIsDue(turn);
    case READ_TIMER:
      return retryReads(turn);
    case ATTEST_TIMER:
      return attestHead(turn);
  }
}

function tick(turn: Turn): void {
  const { state, effects, settings } = turn;
  const { role } = state;
  effects.push({ type: 'setTimer', id: TICK_TIMER, delayMs: settings.tickMs });
  if (role.role === 'looking') tickLooking(turn, role);
  else if (role.role === 'following') tickFollowing(turn, role);
  else tickLeading(turn, role);
}

function receiveMessage(turn: Turn, from: NodeId, message: ZabMessage): void {
  const { council, state, effects } = turn;
  if (council.membership.placeOf(from) === undefined) {
    const error = new RuleError('members/stranger', `Node ${from} is no member, and has no part in what members decide.`);
    effects.push({ type: 'offence', from, error });
    return;
  }
  // An observer only follows the chain.
  if (state.place === null) return;
  switch (message.type) {
    case 'attestation':
    case 'certificate':
      return receiveDecision(turn, from, message);
    case 'notification':
      return receiveNotification(turn, from, message);
    case 'followerInfo':
      return receiveFollowerInfo(turn, from, message);
    case 'newEpoch':
      return receiveNewEpoch(turn, from, message.epoch);
    case 'ackEpoch':
      return receiveAckEpoch(turn, from, message);
    case 'newLeader':
    case 'propose':
    case 'commit':
    case 'snapshot':
      return receiveFromLeader(turn, from, message);
    case 'ack':
      return receiveAck(turn, from, message);
    case 'read':
      return receiveRead(turn, from, message.read);
    case 'readAt':
      return readIsAt(turn, message.read, message.height);
    default:
      return unreachable(message);
  }
}
