/**
 * The leader's side of replication. Source: figure 3.1, "leaders"; sections 3.5 and 3.6.2 (a leader counts only blocks of its
 * own term, and so decides those before them: figure 3.7, in the paper figure 8), 6.2 (a leader without a quorum steps down);
 * etcd's raft/tracker for the flow of blocks.
 */
import { present } from '../../base/assert.ts';
import { RuleError } from '../../base/errors.ts';
import type { NodeId } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { decide } from '../members/decisions.ts';
import { fitting } from '../members/runs.ts';
import type { Position } from './log.ts';
import type { RaftMessage } from './messages.ts';
import { durableHeight, tell } from './persist.ts';
import { Progress } from './progress.ts';
import { committedIndex, voteResult } from './quorum.ts';
import { answerReads } from './reads.ts';
import { becomeFollower, changeRole, ELECTION_TIMER, HEARTBEAT_TIMER, QUORUM_TIMER } from './roles.ts';
import { type Leadership, leadershipOf, positionOf, type Turn, votersOf } from './state.ts';
import { handOver, leaderIsKnown } from './transfer.ts';

type Ack = Extract<RaftMessage, { type: 'ack' }>;
type Reject = Extract<RaftMessage, { type: 'reject' }>;

export function becomeLeader(turn: Turn): void {
  const { state, self, council, effects, settings } = turn;
  const next = state.log.last.height + 1;
  const progress = new Map([...council.membership.audience(self)].map((node) => [node, new Progress(node, next)]));
  state.leader = self;
  const { height, term } = state.log.last;
  changeRole(turn, { role: 'leader', progress, first: null, draft: null, buildAtMs: null, round: 0 });
  effects.push({ type: 'trace', name: 'elected', data: { term: state.term, height, lastTerm: term, uncommitted: height - state.commit } });
  effects.push({ type: 'cancelTimer', id: ELECTION_TIMER });
  effects.push({ type: 'setTimer', id: QUORUM_TIMER, delayMs: settings.electionMinMs });
  leaderIsKnown(turn);
  heartbeat(turn);
}

/** The heartbeat timer, or a read that wants to know whether this node still leads. */
export function heartbeat(turn: Turn): void {
  const { state, settings, effects } = turn;
  const leadership = leadershipOf(state);
  if (leadership === null) return;
  leadership.round++;
  for (const progress of leadership.progress.values()) sendEmpty(turn, leadership, progress);
  effects.push({ type: 'setTimer', id: HEARTBEAT_TIMER, delayMs: settings.heartbeatMs });
  // Where it is a quorum by itself, nobody else confirms that it leads.
  answerReads(turn);
}

/** Since the last look a quorum must have answered: a leader who is cut off should not keep its clients waiting. */
export function checkQuorum(turn: Turn): void {
  const { state, self, settings, effects } = turn;
  const leadership = leadershipOf(state);
  if (leadership === null) return;
  const { progress } = leadership;
  const isActive = (node: NodeId) => node === self || progress.get(node)?.isActive === true;
  if (voteResult(votersOf(turn), isActive) !== 'won') {
    effects.push({ type: 'trace', name: 'noQuorum', data: { term: state.term } });
    return becomeFollower(turn, state.term, null);
  }
  for (const each of progress.values()) each.isActive = false;
  effects.push({ type: 'setTimer', id: QUORUM_TIMER, delayMs: settings.electionMinMs });
}

/** Sends what each follower may be sent now; nothing where the window is full. */
export function replicate(turn: Turn): void {
  const leadership = leadershipOf(turn.state);
  if (leadership === null) return;
  for (const progress of leadership.progress.values()) sendBlocks(turn, leadership, progress);
}

function sendBlocks(turn: Turn, leadership: Leadership, progress: Progress): void {
  const { log } = turn.state;
  leaveMemory(turn, progress);
  if (progress.mode === 'chunk') return sendChunk(turn, progress);
  while (progress.mode === 'replicate' && !progress.isFull) {
    const entry = log.entry(progress.next);
    if (entry === undefined) return;
    sendAppend(turn, leadership, progress, entry.block);
    progress.sent(entry);
  }
}

function sendEmpty(turn: Turn, leadership: Leadership, progress: Progress): void {
  leaveMemory(turn, progress);
  sendAppend(turn, leadership, progress, null);
}

/** What comes before the next block was decided so long ago that the log begins after it. */
function leaveMemory({ state }: Turn, progress: Progress): void {
  if (progress.mode !== 'chunk' && progress.next <= state.log.base.height) progress.become('chunk', progress.match + 1);
}

function sendAppend(turn: Turn, { round }: Leadership, progress: Progress, block: Block | null): void {
  const { state } = turn;
  const { term, commit } = state;
  tell(turn, progress.node, { type: 'append', term, prev: before(turn, progress), block, commit, round });
}

/** What comes before the next block; for a follower that needs what is no longer in memory, the last that it has. */
function before({ state, chain }: Turn, { next, match }: Progress): Position {
  const place = state.log.at(next - 1);
  if (place !== undefined) return { height: place.height, hash: place.hash, term: place.term };
  return positionOf(present(chain.get(present(chain.canonical(match), 'a decided block')), 'a block of the chain'));
}

export function receiveAck(turn: Turn, from: NodeId, { durable, has, round }: Ack): void {
  const leadership = leadershipOf(turn.state);
  const progress = leadership?.progress.get(from);
  if (leadership === null || progress === undefined) return;
  checkClaim(turn, leadership, Math.max(durable, has), round);
  heard(turn, progress, durable, round);
  const { log } = turn.state;
  const isFound = progress.mode === 'probe' && has >= progress.next - 1;
  // Sync, or a chunk, has brought it to where the log in memory begins.
  const isBack = progress.mode === 'chunk' && progress.match >= log.base.height;
  if (isFound || isBack) progress.become('replicate', isFound ? progress.next : progress.match + 1);
  sendBlocks(turn, leadership, progress);
  handOver(turn, progress);
}

/** Where the two logs part (section 3.5, and etcd's hint): terms that the follower has not are skipped at once. Throws RuleError `raft/ack`. */
export function receiveReject(turn: Turn, from: NodeId, { at, hint, stored, round }: Reject): void {
  const { state, effects } = turn;
  const leadership = leadershipOf(state);
  const progress = leadership?.progress.get(from);
  if (leadership === null || progress === undefined) return;
  checkClaim(turn, leadership, stored, round);
  heard(turn, progress, stored, round);
  // Late news of what is settled.
  if (progress.mode === 'chunk' || at <= progress.match || (progress.mode === 'probe' && at !== progress.next - 1)) return;
  if (progress.mode === 'replicate') progress.become('probe', progress.match + 1);
  else {
    const highest = Math.min(hint.height, at - 1);
    const next = highest < state.log.base.height ? highest + 1 : state.log.latestWithin(highest, hint.term).height + 1;
    effects.push({ type: 'trace', name: 'backtracked', data: { to: from, by: progress.next - next } });
    progress.become('probe', next);
  }
  // A question that is to be answered.
  leadership.round++;
  sendEmpty(turn, leadership, progress);
  sendBlocks(turn, leadership, progress);
}

/** In its term everything that is decided is in the leader's log, and who follows it counts its rounds: nobody can have more. */
function checkClaim({ state }: Turn, leadership: Leadership, height: number, round: number): void {
  const { last } = state.log;
  if (height <= last.height && round <= leadership.round) return;
  const message = `A follower acknowledges block ${height} and round ${round}; the leader has come to block ${last.height} and round ${leadership.round}.`;
  throw new RuleError('raft/ack', message, { height, round });
}

function heard(turn: Turn, progress: Progress, durable: number, round: number): void {
  progress.isActive = true;
  progress.round = Math.max(progress.round, round);
  progress.acknowledged(durable);
  answerReads(turn);
  advanceCommit(turn);
}

/** Figure 3.1, the last rule for leaders. */
export function advanceCommit(turn: Turn): void {
  const { state, self } = turn;
  const leadership = leadershipOf(state);
  if (leadership === null) return;
  const own = durableHeight(state);
  const height = committedIndex(votersOf(turn), (node) => (node === self ? own : (leadership.progress.get(node)?.match ?? 0)));
  if (height <= state.commit) return;
  const position = present(state.log.at(height), 'a block that a quorum has');
  if (position.term !== state.term) {
    turn.effects.push({ type: 'trace', name: 'oldTerm', data: { height, blockTerm: position.term, term: state.term } });
    return;
  }
  state.commit = height;
  turn.effects.push({ type: 'trace', name: 'committed', data: { height, hash: position.hash, term: state.term } });
  decide(turn, position);
  answerReads(turn);
  // With the next block, or by itself: followers show their clients what is decided.
  for (const progress of leadership.progress.values()) {
    const isNext = progress.mode === 'replicate' && !progress.isFull && state.log.entry(progress.next) !== undefined;
    if (progress.mode === 'replicate' && !isNext) sendEmpty(turn, leadership, progress);
  }
}

function* decidedAbove({ chain }: Turn, above: number): Generator<Block> {
  for (let height = above + 1; height <= chain.head.header.number; height++) {
    yield present(chain.block(present(chain.canonical(height), 'a decided block')), 'a block of the chain');
  }
}

/** Decided blocks from the chain, as many as fit. One chunk at a time; again when it seems lost. */
function sendChunk(turn: Turn, progress: Progress): void {
  const { state, nowMs, settings, decisions } = turn;
  const { chunk, match, node } = progress;
  if (chunk !== null && chunk.height > match && nowMs - chunk.atMs < settings.electionMaxMs) return;
  const blocks = fitting(decidedAbove(turn, match));
  if (blocks.length === 0) return;
  const height = match + blocks.length;
  progress.chunk = { height, atMs: nowMs };
  const certificate = decisions.shown !== null && decisions.shown.height <= height ? decisions.shown.certificate : null;
  tell(turn, node, { type: 'chunk', term: state.term, blocks, certificate });
  turn.effects.push({ type: 'trace', name: 'chunkSent', data: { to: node, from: match + 1, blocks: blocks.length } });
}
