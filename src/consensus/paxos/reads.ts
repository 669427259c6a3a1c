/**
 * Linearizable reads without a slot of their own: the leader notes the height that is decided, and answers once a majority
 * has said that it still follows its ballot; had a later leader decided anything before the question, somebody of that
 * majority would have promised a higher ballot. A leader that has not decided everything it took over does not know yet what
 * is decided, and reads wait (the same as Ongaro's dissertation, section 6.4, says of Raft). No clocks are relied on.
 */
import { UsageError } from '../../base/errors.ts';
import type { NodeId } from '../../base/types.ts';
import type { RequestId } from '../engine.ts';
import type { ReadId } from './messages.ts';
import { MAX_READS, type Question } from './open-reads.ts';
import { tell } from './persist.ts';
import { reachedBy } from './progress.ts';
import { leadershipOf, type Turn } from './state.ts';

/** Reads of all members that wait for this leader. */
const MAX_ASKED = 4_096;
/** Of `suspicionMs`: asked again after one, given up after so many. */
const READ_PATIENCES = 8;

/** The operator's command. Throws UsageError `paxos/read`. */
export function beginRead(turn: Turn, request: RequestId): void {
  const { state, nowMs } = turn;
  const { reads } = state;
  if (state.place === null) throw new UsageError('paxos/read', 'This node is no member; ask a member for a linearizable read.');
  if (reads.own.size >= MAX_READS) {
    throw new UsageError('paxos/read', `${MAX_READS} reads are waiting on this node; try again later.`);
  }
  const number = reads.next++;
  reads.own.set(number, { request, sinceMs: nowMs, askedMs: nowMs, height: null });
  askLeader(turn, number);
}

function askLeader(turn: Turn, number: number): void {
  const { state, self } = turn;
  const read = { incarnation: state.incarnation, number };
  if (state.role.role === 'leader') receiveRead(turn, self, read);
  else if (state.leader !== null) tell(turn, state.leader, { type: 'read', read });
}

/** The clock strikes: a question may be lost, or somebody else may lead. */
export function retryReads(turn: Turn): void {
  const { state, effects, nowMs, settings } = turn;
  for (const [number, read] of [...state.reads.own.entries()]) {
    if (nowMs - read.sinceMs > READ_PATIENCES * settings.suspicionMs) {
      state.reads.own.delete(number);
      const message = 'No leader answered this read in time; it was not carried out. Try again, or another member.';
      effects.push({ type: 'reply', request: read.request, result: new UsageError('paxos/no-leader', message) });
    } else if (read.height === null && nowMs - read.askedMs >= settings.suspicionMs) {
      read.askedMs = nowMs;
      askLeader(turn, number);
    }
  }
}

/** A member asks; this node may itself. One that does not lead says nothing: the asker will ask again. */
export function receiveRead({ state }: Turn, from: NodeId, read: ReadId): void {
  const { questions } = state.reads;
  if (leadershipOf(state) !== null && questions.length < MAX_ASKED) questions.push({ from, read, at: null });
}

/** At the end of a step: heights are noted, and a heartbeat is wanted (true) for those that were. One round at a time. */
export function noteReads({ state }: Turn): boolean {
  const leadership = leadershipOf(state);
  const { reads, commit } = state;
  if (leadership === null) {
    reads.questions = [];
    return false;
  }
  const isOpen = reads.questions.some(({ at }) => at === null) && reads.questions.every(({ at }) => at === null);
  if (!isOpen || commit.height < leadership.takenOver) return false;
  const at = { round: leadership.round + 1, height: commit.height };
  reads.questions = reads.questions.map((question) => ({ ...question, at }));
  return true;
}

/** A member has answered a heartbeat: perhaps a majority has now. */
export function answerReads(turn: Turn): void {
  const { state, self, council } = turn;
  const { reads } = state;
  const leadership = leadershipOf(state);
  if (leadership === null || reads.questions.length === 0) return;
  const rounds = [...leadership.progress.values()].map(({ round }) => round);
  const confirmed = reachedBy(council.membership.quorum, [leadership.round, ...rounds]);
  const open: Question[] = [];
  for (const question of reads.questions) {
    const { at, from, read } = question;
    if (at === null || at.round > confirmed) open.push(question);
    else if (from === self) readIsAt(turn, read, at.height);
    else tell(turn, from, { type: 'readAt', read, height: at.height });
  }
  reads.questions = open;
}

/** The leader's answer. */
export function readIsAt(turn: Turn, { incarnation, number }: ReadId, height: number): void {
  const { state } = turn;
  const own = incarnation === state.incarnation ? state.reads.own.get(number) : undefined;
  if (own === undefined) return;
  own.height ??= height;
  finishReads(turn);
}

/** After `stored`: reads whose height is on disk here. */
export function finishReads({ state, effects }: Turn): void {
  for (const [number, { request, height }] of [...state.reads.own.entries()]) {
    if (height === null || height > state.log.base.height) continue;
    state.reads.own.delete(number);
    effects.push({ type: 'reply', request, result: { height } });
  }
}
