/**
 * What a leader sends once its epoch is agreed upon: the history to those who lack it (algorithm 2), new blocks to all
 * (algorithm 3), and what is decided. Source: DSN 2011, section IV. The paper leaves open who is in the quorum that gets
 * proposals: here all who have acknowledged the epoch, so that nobody misses what is proposed while it is brought up to date.
 */
import { present } from '../../base/assert.ts';
import { RuleError } from '../../base/errors.ts';
import type { NodeId } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { decide } from '../members/decisions.ts';
import { fitting, MAX_INFLIGHT_BLOCKS, MAX_INFLIGHT_BYTES } from '../members/runs.ts';
import type { Follower } from './follower.ts';
import type { ZabMessage } from './messages.ts';
import { durableHeight, tell } from './persist.ts';
import { answerReads } from './reads.ts';
import type { Leading, Turn } from './state.ts';

type Ack = Extract<ZabMessage, { type: 'ack' }>;

/** Ticks after which a snapshot is taken for lost. */
const SNAPSHOT_TICKS = 10;

/** Where the follower's history and this one part: DIFF goes on from its last block, TRUNC from what is decided there. */
export function startFollower(turn: Turn, leading: Leading, follower: Follower): void {
  const { standing } = follower;
  if (standing === null || leading.initial === null) return;
  const { history } = turn.state;
  const isCommon = history.has(standing.last);
  follower.startFrom(isCommon ? standing.last.height : standing.decided);
  const mode = follower.next <= history.root.height ? 'snap' : isCommon ? 'diff' : 'trunc';
  turn.effects.push({ type: 'trace', name: 'sync', data: { to: follower.node, mode, from: follower.has } });
  sendBlocks(turn, leading, follower);
  greet(turn, leading, follower);
}

/** NEWLEADER, until it is acknowledged; then COMMIT. Either one asks for an answer. */
function greet(turn: Turn, { epoch, initial, round, phase }: Leading, follower: Follower): void {
  if (epoch === null || initial === null || follower.standing === null) return;
  follower.probe(round);
  // Before a quorum has the history, nothing may be decided by it.
  const isUpToDate = follower.isLed && phase === 'broadcast';
  if (isUpToDate) tell(turn, follower.node, { type: 'commit', epoch, height: turn.state.commit, round });
  else tell(turn, follower.node, { type: 'newLeader', epoch, initial, round });
}

/** Once in a tick, or when a read wants to know whether this node still leads. */
export function heartbeat(turn: Turn, leading: Leading): void {
  leading.round++;
  for (const follower of leading.followers.values()) {
    if (follower.chunk !== null) follower.chunk.ticks++;
    greet(turn, leading, follower);
  }
}

/** At the end of every step: what each follower may be sent now. */
export function replicate(turn: Turn): void {
  const { role } = turn.state;
  if (role.role !== 'leading' || role.initial === null) return;
  for (const follower of role.followers.values()) sendBlocks(turn, role, follower);
}

function sendBlocks(turn: Turn, { epoch }: Leading, follower: Follower): void {
  const { history } = turn.state;
  if (follower.standing === null || epoch === null) return;
  if (follower.next <= history.root.height) return sendSnapshot(turn, epoch, follower);
  for (let entry = history.entry(follower.next); entry !== undefined && !isFull(turn, follower); entry = history.entry(follower.next)) {
    const { height, hash } = present(history.at(entry.height - 1), 'the block before');
    tell(turn, follower.node, { type: 'propose', epoch, before: { height, hash }, block: entry.block });
    follower.next++;
  }
}

function isFull({ state }: Turn, { next, has }: Follower): boolean {
  return next - 1 - has >= MAX_INFLIGHT_BLOCKS || state.history.bytesBetween(has, next) >= MAX_INFLIGHT_BYTES;
}

function* decidedAbove({ chain }: Turn, above: number): Generator<Block> {
  for (let height = above + 1; height <= chain.head.header.number; height++) {
    yield present(chain.block(present(chain.canonical(height), 'a decided block')), 'a block of the chain');
  }
}

/** Decided blocks from the chain, as many as fit. One message at a time; again when it seems lost. */
function sendSnapshot(turn: Turn, epoch: number, follower: Follower): void {
  const { decisions, effects } = turn;
  const { chunk, has, node } = follower;
  if (chunk !== null && chunk.height > has && chunk.ticks < SNAPSHOT_TICKS) return;
  const blocks = fitting(decidedAbove(turn, has));
  if (blocks.length === 0) return;
  const height = has + blocks.length;
  follower.chunk = { height, ticks: 0 };
  follower.next = has + 1;
  const certificate = decisions.shown !== null && decisions.shown.height <= height ? decisions.shown.certificate : null;
  tell(turn, node, { type: 'snapshot', epoch, blocks, certificate });
  effects.push({ type: 'trace', name: 'snapshotSent', data: { to: node, from: has + 1, blocks: blocks.length } });
}

/** The ACK of NEWLEADER and of proposals. Throws RuleError `zab/ack` for what this leader never sent. */
export function receiveAck(turn: Turn, from: NodeId, ack: Ack): void {
  const { state, effects } = turn;
  const { role } = state;
  if (role.role !== 'leading' || role.epoch !== ack.epoch) return;
  const follower = role.followers.get(from);
  if (follower === undefined || follower.standing === null) return;
  checkAck(role, ack, state.history.last.height);
  const { has, isLed } = follower;
  if (follower.answered(ack)) effects.push({ type: 'trace', name: 'sentAgain', data: { to: from, from: follower.next } });
  if (role.phase !== 'broadcast' && follower.has > has) role.waitedTicks = 0;
  advanceCommit(turn);
  answerReads(turn);
  // UPTODATE, without waiting for the next tick.
  if (follower.isLed && !isLed) greet(turn, role, follower);
}

/** A leader's history only grows, and it counts its rounds: nobody can have more of either. */
function checkAck({ round }: Leading, ack: Ack, height: number): void {
  if (ack.has <= height && ack.durable <= height && ack.round <= round) return;
  const message = `A follower acknowledges block ${Math.max(ack.has, ack.durable)} and round ${ack.round}; the leader has come to block ${height} and round ${round}.`;
  throw new RuleError('zab/ack', message, { height, round });
}

/** The highest block that a quorum has on disk, of those who have the leader's history and epoch on disk. */
export function advanceCommit(turn: Turn): void {
  const { state, council, effects } = turn;
  const { role, epochs } = state;
  if (role.role !== 'leading' || role.initial === null || role.epoch === null) return;
  const isOwn = epochs.current === role.epoch && state.persisted >= state.epochsLsn;
  const matches = [isOwn ? durableHeight(state) : null, ...[...role.followers.values()].map(({ isLed, match }) => (isLed ? match : null))];
  const led = matches.filter((match) => match !== null).sort((a, b) => b - a);
  const height = led[council.membership.quorum - 1];
  if (height === undefined || height < role.initial.height) return;
  const isNew = role.phase !== 'broadcast';
  if (isNew) {
    role.phase = 'broadcast';
    effects.push({ type: 'trace', name: 'established', data: { epoch: role.epoch, height: role.initial.height, hash: role.initial.hash } });
  }
  if (height > state.commit) {
    const { hash } = present(state.history.at(height), 'a block that a quorum has');
    state.commit = height;
    effects.push({ type: 'trace', name: 'committed', data: { height, hash, epoch: role.epoch } });
    decide(turn, { height, hash });
  } else if (!isNew) return;
  for (const { node, isLed } of role.followers.values()) {
    if (isLed) tell(turn, node, { type: 'commit', epoch: role.epoch, height: state.commit, round: 0 });
  }
}
