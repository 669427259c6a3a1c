/**
 * Linearizable reads without a write (Ongaro's dissertation, section 6.4, "read index"; no clocks are relied on). The leader
 * notes the height that it has decided, asks all members whether it still leads, and once a quorum has said so that height
 * is the answer: whoever shows it shows every write that was acknowledged before the read began. A node that follows asks
 * its leader for the height. Before a leader has decided a block of its own term it does not know what is decided, and
 * reads wait.
 */
import { BoundedMap } from '../../base/bounded.ts';
import { UsageError } from '../../base/errors.ts';
import type { NodeId } from '../../base/types.ts';
import type { RequestId } from '../engine.ts';
import type { ReadId } from './messages.ts';
import { tell } from './persist.ts';
import { committedIndex } from './quorum.ts';
import { isVoter, leadershipOf, type RaftState, type Turn, votersOf } from './state.ts';

/** While a read of this node is open: asked again, or given up. */
export const READ_TIMER = 'read';
/** Reads of this node that are open at once; the driver allows fewer commands. */
const MAX_READS = 256;
/** Reads of all members that wait for this leader. */
const MAX_ASKED = 4_096;

/** A command that this node was given. */
interface OwnRead {
  readonly request: RequestId;
  /** Monotonic. */
  readonly sinceMs: number;
  /** Which head shows enough; null until the leader has said. */
  height: number | null;
}

/** What a member wants to know of this leader. */
interface Asked {
  readonly from: NodeId;
  readonly read: ReadId;
  /** The heartbeat whose answers count, and the height then; null while nothing of this term is decided. */
  readonly at: { readonly round: number; readonly height: number } | null;
}

export interface Reads {
  next: number;
  /** By number. */
  readonly own: BoundedMap<number, OwnRead>;
  /** In the order in which they came. */
  asked: Asked[];
}

export function initReads(): Reads {
  return { next: 1, own: new BoundedMap(MAX_READS), asked: [] };
}

/** The operator's command. */
export function beginRead(turn: Turn, request: RequestId): void {
  const { state, effects, nowMs, settings } = turn;
  const { reads } = state;
  const isMember = isVoter(turn) || turn.council.isLearner(turn.self);
  if (!isMember || reads.own.size >= MAX_READS) {
    const message = !isMember
      ? 'This node is no member; ask a member for a linearizable read.'
      : `${MAX_READS} reads are waiting on this node; try again later.`;
    effects.push({ type: 'reply', request, result: new UsageError('raft/read', message) });
    return;
  }
  const number = reads.next++;
  reads.own.set(number, { request, sinceMs: nowMs, height: null });
  ask(turn, number);
  if (reads.own.size === 1) effects.push({ type: 'setTimer', id: READ_TIMER, delayMs: settings.electionMinMs });
}

function ask(turn: Turn, number: number): void {
  const { state, self } = turn;
  const read = { incarnation: state.incarnation, number };
  if (state.role.role === 'leader') receiveRead(turn, self, read);
  else if (state.leader !== null) tell(turn, state.leader, { type: 'read', read });
}

/** The timer: what was asked may be lost, or there is another leader now. */
export function retryReads(turn: Turn): void {
  const { state, effects, nowMs, settings } = turn;
  const { own } = state.reads;
  for (const [number, { request, sinceMs, height }] of [...own.entries()]) {
    if (nowMs - sinceMs > 2 * settings.electionMaxMs) {
      own.delete(number);
      const message = 'No leader answered this read in time; it was not carried out. Try again, or another member.';
      effects.push({ type: 'reply', request, result: new UsageError('raft/no-leader', message) });
    } else if (height === null) ask(turn, number);
  }
  if (own.size > 0) effects.push({ type: 'setTimer', id: READ_TIMER, delayMs: settings.electionMinMs });
}

/** A member asks; this node may itself. One that does not lead says nothing: the asker will ask again. */
export function receiveRead(turn: Turn, from: NodeId, read: ReadId): void {
  const { state } = turn;
  const leadership = leadershipOf(state);
  const { reads } = state;
  if (leadership === null || reads.asked.length >= MAX_ASKED) return;
  // Of those that came since the last heartbeat, one heartbeat tells all: it is sent at the end of this step.
  reads.asked.push({ from, read, at: null });
}

/** At the end of a step: heights are noted, and a heartbeat is wanted (true) for those that were. */
export function noteReads({ state }: Turn): boolean {
  const leadership = leadershipOf(state);
  if (leadership === null) {
    if (state.reads.asked.length > 0) state.reads.asked = [];
    return false;
  }
  const { reads, commit } = state;
  // One round at a time: what comes meanwhile waits for the next.
  if (!reads.asked.some(({ at }) => at === null) || reads.asked.some(({ at }) => at !== null) || !hasDecidedOwn(state)) return false;
  const at = { round: leadership.round + 1, height: commit };
  reads.asked = reads.asked.map((asked) => ({ ...asked, at }));
  return true;
}

/** A new leader knows what is decided only when a block of its own term is (section 6.4, step 1). */
function hasDecidedOwn({ role, commit }: RaftState): boolean {
  return role.role === 'leader' && role.first !== null && commit >= role.first;
}

/** A member has answered a heartbeat: perhaps a quorum has now. */
export function answerReads(turn: Turn): void {
  const { state, self } = turn;
  const { reads } = state;
  const leadership = leadershipOf(state);
  if (leadership === null || reads.asked.length === 0) return;
  const { round, progress } = leadership;
  const confirmed = committedIndex(votersOf(turn), (node) => (node === self ? round : (progress.get(node)?.round ?? 0)));
  const open: Asked[] = [];
  for (const asked of reads.asked) {
    if (asked.at === null || asked.at.round > confirmed) open.push(asked);
    else if (asked.from === self) readIsAt(turn, asked.read, asked.at.height);
    else tell(turn, asked.from, { type: 'readAt', read: asked.read, height: asked.at.height });
  }
  reads.asked = open;
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
    if (height === null || height > state.stored) continue;
    state.reads.own.delete(number);
    effects.push({ type: 'reply', request, result: { height } });
  }
}
