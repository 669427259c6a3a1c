/**
 * Linearizable reads. ZooKeeper's own reads are local and may show the past; a client that cares calls `sync` first. This is
 * that sync, made safe: the established leader notes what is decided, asks its followers whether they still follow, and once a quorum has
 * answered, the height it noted shows every write that was acknowledged before. (ZooKeeper's sync trusts the leader to be one.)
 */
import { BoundedMap } from '../../base/bounded.ts';
import { UsageError } from '../../base/errors.ts';
import type { NodeId } from '../../base/types.ts';
import type { RequestId } from '../engine.ts';
import type { ReadId } from './messages.ts';
import { tell } from './persist.ts';
import { leaderOf } from './roles.ts';
import { establishedOf, type Leading, type Turn } from './state.ts';

/** While a read of this node is open: asked again, or given up. */
export const READ_TIMER = 'read';
/** Reads of this node that are open at once; the driver allows fewer commands. */
const MAX_READS = 256;
/** Reads of all members that wait for this leader. */
const MAX_ASKED = 4_096;

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
  /** Answers to this round count, and then this height is the answer; null while it waits for a round. */
  readonly at: { readonly round: number; readonly height: number } | null;
}

export interface Reads {
  next: number;
  /** By number. */
  readonly own: BoundedMap<number, OwnRead>;
  asked: Asked[];
}

export function initReads(): Reads {
  return { next: 1, own: new BoundedMap(MAX_READS), asked: [] };
}

/** The operator's command. */
export function beginRead(turn: Turn, request: RequestId): void {
  const { state, effects, nowMs } = turn;
  const { reads, place } = state;
  if (place === null || reads.own.size >= MAX_READS) {
    const message =
      place === null
        ? 'This node is no member; ask a member for a linearizable read.'
        : `${MAX_READS} reads are waiting on this node; try again later.`;
    effects.push({ type: 'reply', request, result: new UsageError('zab/read', message) });
    return;
  }
  const number = reads.next++;
  reads.own.set(number, { request, sinceMs: nowMs, height: null });
  ask(turn, number);
  if (reads.own.size === 1) setReadTimer(turn);
}

function setReadTimer({ effects, settings }: Turn): void {
  effects.push({ type: 'setTimer', id: READ_TIMER, delayMs: settings.syncLimit * settings.tickMs });
}

function ask(turn: Turn, number: number): void {
  const { state, self } = turn;
  const read = { incarnation: state.incarnation, number };
  const leader = leaderOf(turn);
  if (leader === self) receiveRead(turn, self, read);
  else if (leader !== null) tell(turn, leader, { type: 'read', read });
}

/** The timer: what was asked may be lost, or there is another leader now. */
export function retryReads(turn: Turn): void {
  const { state, effects, nowMs, settings } = turn;
  const { own } = state.reads;
  const patienceMs = (settings.initLimit + settings.syncLimit) * settings.tickMs;
  for (const [number, { request, sinceMs, height }] of [...own.entries()]) {
    if (nowMs - sinceMs > patienceMs) {
      own.delete(number);
      const message = 'No leader answered this read in time; it was not carried out. Try again, or another member.';
      effects.push({ type: 'reply', request, result: new UsageError('zab/no-leader', message) });
    } else if (height === null) ask(turn, number);
  }
  if (own.size > 0) setReadTimer(turn);
}

/** A member asks; this node may itself. One that does not lead says nothing: the asker will ask again. */
export function receiveRead({ state }: Turn, from: NodeId, read: ReadId): void {
  if (establishedOf(state) === null || state.reads.asked.length >= MAX_ASKED) return;
  state.reads.asked.push({ from, read, at: null });
}

/** At the end of a step: the leader, when the next round is to answer reads that have come. One such round at a time. */
export function noteReads({ state }: Turn): Leading | null {
  const leading = establishedOf(state);
  const { reads, commit } = state;
  if (leading === null) {
    reads.asked = [];
    return null;
  }
  if (reads.asked.length === 0 || reads.asked.some(({ at }) => at !== null)) return null;
  const at = { round: leading.round + 1, height: commit };
  reads.asked = reads.asked.map((asked) => ({ ...asked, at }));
  return leading;
}

/** A follower has answered: perhaps a quorum has now. */
export function answerReads(turn: Turn): void {
  const { state, self, council } = turn;
  const { reads } = state;
  const leading = establishedOf(state);
  if (leading === null || reads.asked.length === 0) return;
  const rounds = [leading.round, ...[...leading.followers.values()].map(({ isLed, round }) => (isLed ? round : 0))];
  const confirmed = rounds.sort((a, b) => b - a)[council.membership.quorum - 1] ?? 0;
  const isOpen = ({ at }: Asked) => at === null || at.round > confirmed;
  const done = reads.asked.filter((asked) => !isOpen(asked));
  reads.asked = reads.asked.filter(isOpen);
  for (const { from, read, at } of done) {
    if (at === null) continue;
    if (from === self) readIsAt(turn, read, at.height);
    else tell(turn, from, { type: 'readAt', read, height: at.height });
  }
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
