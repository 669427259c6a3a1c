/**
 * Linearizable reads without a write. A write that was acknowledged is in a decided block, which a majority adopted before. The
 * reader asks all members how high the blocks are that they adopted or know as decided; of a majority of answers one comes
 * from a member of that other majority, so the highest is not below the write's. When the reader's chain on disk has come up to
 * it, the answer may be given. What was adopted and is not decided yet is waited for: its instance is under way.
 */
import { BoundedMap } from '../../base/bounded.ts';
import { UsageError } from '../../base/errors.ts';
import type { NodeId } from '../../base/types.ts';
import type { RequestId } from '../engine.ts';
import { toOthers } from '../members/decisions.ts';
import type { ChandraTouegMessage } from './messages.ts';
import { send } from './notes.ts';
import type { ChandraTouegState, Turn } from './state.ts';

/** Reads of this node that are open at once; the driver allows fewer commands. */
const MAX_READS = 256;

interface Read {
  readonly request: RequestId;
  /** Monotonic: when it is given up, and when it is asked again. */
  readonly untilMs: number;
  askAgainMs: number;
  readonly answered: Set<NodeId>;
  height: number;
}

export interface Reads {
  next: number;
  /** By number. */
  readonly open: BoundedMap<number, Read>;
}

export function initReads(): Reads {
  return { next: 1, open: new BoundedMap(MAX_READS) };
}

/** The operator's command. */
export function beginRead(turn: Turn, request: RequestId): void {
  const { state, self, nowMs, settings } = turn;
  const { open } = state.reads;
  if (state.place === null) throw new UsageError('chandra-toueg/read', 'This node is no member; ask a member for a linearizable read.');
  if (open.size >= MAX_READS) {
    throw new UsageError('chandra-toueg/read', `${MAX_READS} reads are waiting on this node; try again later.`);
  }
  const number = state.reads.next++;
  const untilMs = nowMs + 2 * settings.maxSuspicionMs;
  open.set(number, {
    request,
    untilMs,
    askAgainMs: nowMs + settings.suspicionMs,
    answered: new Set([self]),
    height: adoptedHeight(state),
  });
  ask(turn, number);
}

function ask(turn: Turn, number: number): void {
  toOthers<ChandraTouegMessage>(turn, { type: 'query', incarnation: turn.state.incarnation, number });
}

/** The highest block that this member may have helped to decide. */
function adoptedHeight({ decided, notes }: ChandraTouegState): number {
  const adopted = [...notes.values()].filter(({ timestamp }) => timestamp > 0).map(({ height }) => height);
  return Math.max(decided.height, ...adopted);
}

export function answerQuery(turn: Turn, from: NodeId, { incarnation, number }: Extract<ChandraTouegMessage, { type: 'query' }>): void {
  send(turn, from, { type: 'answer', incarnation, number, height: adoptedHeight(turn.state) });
}

export function takeAnswer({ state }: Turn, from: NodeId, message: Extract<ChandraTouegMessage, { type: 'answer' }>): void {
  const read = message.incarnation === state.incarnation ? state.reads.open.get(message.number) : undefined;
  if (read === undefined) return;
  read.answered.add(from);
  read.height = Math.max(read.height, message.height);
}

/** At the end of every step. */
export function finishReads({ state, council, effects }: Turn): void {
  const { open } = state.reads;
  if (open.size === 0) return;
  for (const [number, { request, answered, height }] of [...open.entries()]) {
    if (answered.size < council.membership.quorum || state.stored < height) continue;
    open.delete(number);
    effects.push({ type: 'reply', request, result: { height: state.stored } });
  }
}

/** At every heartbeat: questions and answers may be lost. */
export function repeatReads(turn: Turn): void {
  const { state, nowMs, settings, effects } = turn;
  for (const [number, read] of [...state.reads.open.entries()]) {
    if (nowMs >= read.untilMs) {
      state.reads.open.delete(number);
      const message =
        'No majority of members answered this read in time, or it asks for a block that is not decided yet. Try again, or another member.';
      effects.push({ type: 'reply', request: read.request, result: new UsageError('chandra-toueg/read-timeout', message) });
    } else if (nowMs >= read.askAgainMs) {
      read.askAgainMs = nowMs + settings.suspicionMs;
      ask(turn, number);
    }
  }
}
