/** Zab as a state machine: one event in, effects out. What each does is in the file that is named for it. */
import { unreachable } from '../../base/assert.ts';
import type { NodeId } from '../../base/types.ts';
import type { Event } from '../engine.ts';
import { answerAdmin } from '../members/admin.ts';
import { ATTEST_TIMER, attestHead, blockStored, receiveDecision } from '../members/attestations.ts';
import { settle } from '../members/decisions.ts';
import { dispatch, type Handlers } from '../members/dispatch.ts';
import { BUILD_TIMER, draftIsDue } from '../members/drafting.ts';
import { finishReads, READ_TIMER, retryReads } from '../members/reads.ts';
import { commandsOf } from './admin.ts';
import { advanceCommit, heartbeat, receiveAck, replicate } from './broadcast.ts';
import { receiveNotification, tickLooking } from './election.ts';
import { acknowledgeProgress, receiveFromLeader, receiveNewEpoch, takeOverEpoch, tickFollowing } from './following.ts';
import { receiveAckEpoch, receiveFollowerInfo, takeOwnHistory, tickLeading } from './leading.ts';
import { look } from './looking.ts';
import type { ZabMessage } from './messages.ts';
import { adoptHead, persistEpochs, restore } from './persist.ts';
import { blockBuilt, propose } from './propose.ts';
import { leadingReads, readIsAt, readPolicy, receiveRead } from './reads.ts';
import { TICK_TIMER } from './roles.ts';
import { epochOf, type Turn, type ZabEffect } from './state.ts';
import { followTransfer, tickTransfer } from './transfer.ts';

export function step(turn: Turn, event: Event<ZabMessage>): readonly ZabEffect[] {
  // What the records say comes first.
  if (event.type === 'start') restore(turn, event);
  followChain(turn);
  dispatch(turn, event, HANDLERS);
  followTransfer(turn);
  propose(turn);
  replicate(turn);
  const leading = leadingReads(turn);
  if (leading !== null) heartbeat(turn, leading);
  finishReads(turn, turn.state.reads, turn.state.stored);
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

const HANDLERS: Handlers<Turn, ZabMessage> = {
  start: (turn) => look(turn, 'start'),
  message: receiveMessage,
  timers: {
    [TICK_TIMER]: tick,
    [BUILD_TIMER]: ({ state }) => draftIsDue(state.drafts),
    [READ_TIMER]: (turn) => retryReads(turn, turn.state.reads, readPolicy(turn)),
    [ATTEST_TIMER]: attestHead,
  },
  persisted(turn, lsn) {
    turn.state.persisted = lsn;
    progressOnDisk(turn);
  },
  stored: headStored,
  built: blockBuilt,
  mempool({ state }, pending) {
    state.hasWork ||= pending > 0;
  },
  admin: (turn, event) => answerAdmin(turn, event, commandsOf(turn)),
};

function headStored(turn: Turn, event: Extract<Event<never>, { type: 'stored' }>): void {
  const { state, chain } = turn;
  state.stored = Math.max(state.stored, chain.get(event.head)?.header.number ?? 0);
  state.history.forget(state.stored);
  blockStored(turn, event);
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

function tick(turn: Turn): void {
  const { state, effects, settings } = turn;
  const { role } = state;
  effects.push({ type: 'setTimer', id: TICK_TIMER, delayMs: settings.tickMs });
  if (role.role === 'looking') tickLooking(turn, role);
  else if (role.role === 'following') tickFollowing(turn, role);
  else tickLeading(turn, role);
  tickTransfer(turn);
}

function receiveMessage(turn: Turn, from: NodeId, message: ZabMessage): void {
  // An observer only follows the chain.
  if (turn.place === null) return;
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
    case 'handOver':
      return receiveFromLeader(turn, from, message);
    case 'ack':
      return receiveAck(turn, from, message);
    case 'read':
      return receiveRead(turn, from, message.read);
    case 'readAt':
      return readIsAt(turn, from, message.read, message.height);
    default:
      return unreachable(message);
  }
}
