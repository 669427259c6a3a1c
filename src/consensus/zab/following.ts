/**
 * The follower's side of discovery, synchronisation and broadcast (DSN 2011, section IV, algorithms 1 to 3, "follower"). The order in
 * synchronisation is what ZooKeeper got wrong more than once (ZOOKEEPER-4643, 4646, 4685): the history is on disk first,
 * then the epoch, and only then is NEWLEADER acknowledged. Nothing is decided in between (ZOOKEEPER-4394).
 */
import { present } from '../../base/assert.ts';
import { RuleError } from '../../base/errors.ts';
import type { NodeId } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { hashHeader } from '../../chain/header.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import { blame, decide, keep, learn } from '../members/decisions.ts';
import { checkLeap } from '../members/leaps.ts';
import { checkChild, insertRun } from '../members/runs.ts';
import type { Position } from './history.ts';
import { look, ownVote } from './looking.ts';
import type { LeaderMessage, ZabMessage } from './messages.ts';
import { appendBlock, cutHistory, durableHeight, isIncomplete, persistEpochs, tell } from './persist.ts';
import { changeRole } from './roles.ts';
import { zabRules } from './rules.ts';
import type { Following, Turn } from './state.ts';

type Propose = Extract<ZabMessage, { type: 'propose' }>;
type Snapshot = Extract<ZabMessage, { type: 'snapshot' }>;

/** This node has chosen whom to follow. */
export function askToFollow(turn: Turn, leader: NodeId): void {
  changeRole(turn, { role: 'following', leader, phase: 'discovery', epoch: null, initial: null, silentTicks: 0 });
  tellStanding(turn, leader);
}

function tellStanding(turn: Turn, leader: NodeId): void {
  const { current, last } = ownVote(turn);
  tell(turn, leader, { type: 'followerInfo', accepted: turn.state.epochs.accepted, current, last });
}

/** Once in a tick of a node that follows. */
export function tickFollowing(turn: Turn, following: Following): void {
  const { initLimit, syncLimit } = turn.settings;
  following.silentTicks++;
  const limit = following.phase === 'broadcast' ? syncLimit : initLimit;
  if (following.silentTicks > limit) return look(turn, 'the leader is silent');
  // CEPOCH, or the answer to it, may be lost.
  if (following.epoch === null) tellStanding(turn, following.leader);
}

/** Algorithm 1: the leader names its epoch. Throws RuleError `zab/epoch-leap`. */
export function receiveNewEpoch(turn: Turn, from: NodeId, epoch: number): void {
  const { state } = turn;
  const { epochs, role } = state;
  if (role.role !== 'following' || role.leader !== from) return;
  checkLeap('zab/epoch-leap', 'the epoch', epochs.accepted, epoch);
  // It was promised to take nothing from leaders of earlier epochs.
  if (epoch < epochs.accepted) return look(turn, 'the leader proposes an old epoch');
  if (epoch > epochs.accepted) {
    epochs.accepted = epoch;
    epochs.acceptedFrom = from;
    persistEpochs(turn);
  }
  role.silentTicks = 0;
  if (role.epoch === null) {
    role.epoch = epoch;
    role.phase = 'synchronisation';
  }
  const isCounted = epochs.acceptedFrom === from && !isIncomplete(state);
  const { last } = state.history;
  tell(turn, from, {
    type: 'ackEpoch',
    epoch,
    isCounted,
    // Nobody gives way to a node that could not lead itself.
    current: ownVote(turn).current,
    last: { epoch: last.epoch, height: last.height, hash: last.hash },
    decided: state.commit,
  });
}

/** What the leader of the epoch says that this node has entered; all else is not listened to. */
export function receiveFromLeader(turn: Turn, from: NodeId, message: LeaderMessage): void {
  const { role } = turn.state;
  if (role.role !== 'following' || role.leader !== from || role.epoch !== message.epoch) return;
  role.silentTicks = 0;
  switch (message.type) {
    case 'newLeader':
      return receiveNewLeader(turn, role, message.initial, message.round);
    case 'propose':
      return receivePropose(turn, role, message);
    case 'commit':
      return receiveCommit(turn, role, message.height, message.round);
    case 'snapshot':
      return receiveSnapshot(turn, from, message);
    case 'handOver':
      return look(turn, 'the leader hands over', message.to);
  }
}

/** Algorithm 2: if everything up to `initial` is here, this node's history becomes the leader's; the answer says how far it is. */
function receiveNewLeader(turn: Turn, following: Following, initial: Position, round: number): void {
  const { state } = turn;
  const { history, commit } = state;
  if (following.initial === null && (initial.height < commit || history.has(initial))) {
    dropOldTail(turn, following, initial.height);
    following.initial = initial;
    state.matched = Math.max(state.matched, history.last.height);
    takeOverEpoch(turn);
  }
  acknowledge(turn, round);
}

/** TRUNC: blocks of earlier epochs after the leader's history are not in it (ZOOKEEPER-2832); those of its own epoch follow it. */
function dropOldTail(turn: Turn, { epoch }: Following, initialHeight: number): void {
  const { history, commit } = turn.state;
  const end = Math.max(initialHeight, commit);
  const next = history.at(end + 1);
  if (next !== undefined && next.epoch !== epoch) cutHistory(turn, end);
}

/** As soon as the leader's history is on disk: then the epoch may be. After `persisted` and `stored`. */
export function takeOverEpoch(turn: Turn): void {
  const { state } = turn;
  const { role, epochs } = state;
  if (role.role !== 'following' || role.initial === null || role.epoch === null || epochs.current === role.epoch) return;
  if (durableHeight(state) < role.initial.height) return;
  epochs.current = role.epoch;
  persistEpochs(turn);
  acknowledge(turn, state.answered.round);
}

/** Algorithm 3, and DIFF in algorithm 2: the next block of the leader's history. One that is known is acknowledged again. */
function receivePropose(turn: Turn, following: Following, { before, block }: Propose): void {
  const { state } = turn;
  const { history, commit } = state;
  const { height } = before;
  // What is decided is in every leader's history.
  if (height >= commit && !history.has(before)) return;
  const end = height + 1;
  const isKnown = end <= commit || history.has({ height: end, hash: hashHeader(block.header) });
  if (!isKnown && !takeBlock(turn, following, before, block)) return;
  state.matched = Math.max(state.matched, end);
  if (isKnown) acknowledge(turn, state.answered.round);
}

/** False: it is not a block that could follow, and its sender is to blame. */
function takeBlock(turn: Turn, following: Following, before: Propose['before'], block: Block): boolean {
  const { state, chain } = turn;
  const { history } = state;
  try {
    checkBlock(turn, block, present(chain.get(before.hash), 'a block of the history'));
    if (history.last.height > before.height) {
      checkContradiction(following, block);
      cutHistory(turn, before.height);
    }
  } catch (error) {
    blame(turn, following.leader, error);
    return false;
  }
  appendBlock(turn, block);
  state.lastBlockMs = turn.nowMs;
  // It is executed at once: should this node lead next, it builds on it.
  keep(turn, block, following.leader);
  return true;
}

/** Throws RuleError. */
function checkBlock(turn: Turn, block: Block, parent: HeaderNode): void {
  checkChild('zab', block, parent);
  zabRules(turn.council).verifyHeader(block, parent, turn.chain, turn.wallMs);
  checkEpoch(turn, block);
}

/** Throws RuleError `zab/block-epoch`. */
function checkEpoch({ state }: Turn, { header }: Block): void {
  const epoch = Number(header.nonce);
  const { accepted } = state.epochs;
  if (epoch <= accepted) return;
  throw new RuleError('zab/block-epoch', `Block ${header.number} is of epoch ${epoch}, which comes after the leader's, ${accepted}.`, {
    number: header.number,
  });
}

/** Once the histories are one, a leader adds to it and changes nothing. Throws RuleError. */
function checkContradiction({ initial }: Following, { header }: Block): void {
  if (initial === null) return;
  const message = `Block ${header.number} contradicts one of the leader's own history, which this node has.`;
  throw new RuleError('zab/contradiction', message, { number: header.number });
}

/** COMMIT; the first is UPTODATE. Before the epoch is taken over nothing is decided by it. */
function receiveCommit(turn: Turn, following: Following, height: number, round: number): void {
  const { state, effects } = turn;
  if (following.initial !== null && state.epochs.current === following.epoch) {
    if (following.phase !== 'broadcast') {
      following.phase = 'broadcast';
      effects.push({ type: 'trace', name: 'upToDate', data: { epoch: state.epochs.current, height: state.history.last.height } });
    }
    commitUpTo(turn, Math.min(height, state.matched));
  }
  if (round > 0) acknowledge(turn, round);
}

function commitUpTo(turn: Turn, height: number): void {
  const { state } = turn;
  if (height <= state.commit) return;
  state.commit = height;
  decide(turn, present(state.history.at(height), 'a block that is decided'));
}

function acknowledge(turn: Turn, round: number): void {
  const { state } = turn;
  const { role, answered, matched, epochs } = state;
  if (role.role !== 'following' || role.epoch === null) return;
  answered.round = Math.max(answered.round, round);
  answered.durable = Math.min(durableHeight(state), matched);
  const isLed = role.initial !== null && epochs.current === role.epoch;
  tell(turn, role.leader, { type: 'ack', epoch: role.epoch, isLed, durable: answered.durable, has: matched, round: answered.round });
}

/** After `persisted` and `stored`: what has come to be on disk. */
export function acknowledgeProgress(turn: Turn): void {
  const { state } = turn;
  if (Math.min(durableHeight(state), state.matched) > state.answered.durable) acknowledge(turn, state.answered.round);
}

/**
 * SNAP: decided blocks, which become the head without a record in the log: they are on disk as part of the chain. What a
 * history has beside them is dropped when the head comes by (`adoptHead`). Throws RuleError.
 */
function receiveSnapshot(turn: Turn, from: NodeId, { blocks, certificate }: Snapshot): void {
  for (const block of blocks) checkEpoch(turn, block);
  const last = insertRun(turn, 'zab', zabRules(turn.council), blocks)?.at(-1);
  if (last === undefined) return;
  decide(turn, { height: last.header.number, hash: last.hash });
  turn.effects.push({ type: 'trace', name: 'snapshot', data: { blocks: blocks.length, to: last.header.number } });
  if (certificate !== null) learn(turn, certificate, from);
}
