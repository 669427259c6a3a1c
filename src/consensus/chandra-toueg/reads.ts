/**
 * Linearizable reads without a write. A write that was acknowledged is in a decided block, which a majority adopted before. The
 * reader asks all members how high the blocks are that they adopted or know as decided; of a majority of answers one comes
 * from a member of that other majority, so the highest is not below the write's. When the reader's chain on disk has come up to
 * it, the answer may be given. What was adopted and is not decided yet is waited for: its instance is under way.
 */
import type { NodeId } from '../../base/types.ts';
import { toOthers } from '../members/decisions.ts';
import { heardOf, type ReadPolicy } from '../members/reads.ts';
import type { ChandraTouegMessage } from './messages.ts';
import { send } from './notes.ts';
import type { ChandraTouegState, Turn } from './state.ts';

/** How reads of this node are asked. */
export function readPolicy(turn: Turn): ReadPolicy {
  const { suspicionMs, maxSuspicionMs } = turn.settings;
  return {
    engine: 'chandra-toueg',
    againMs: suspicionMs,
    giveUpMs: 2 * maxSuspicionMs,
    ask: (read) => toOthers<ChandraTouegMessage>(turn, { type: 'query', read }),
  };
}

/** The highest block that this member may have helped to decide. */
export function adoptedHeight({ decided, notes }: ChandraTouegState): number {
  const adopted = [...notes.values()].filter(({ timestamp }) => timestamp > 0).map(({ height }) => height);
  return Math.max(decided.height, ...adopted);
}

export function answerQuery(turn: Turn, from: NodeId, { read }: Extract<ChandraTouegMessage, { type: 'query' }>): void {
  send(turn, from, { type: 'answer', read, height: adoptedHeight(turn.state) });
}

export function takeAnswer({ state, council }: Turn, from: NodeId, answer: Extract<ChandraTouegMessage, { type: 'answer' }>): void {
  heardOf(state.reads, answer.read, from, answer.height, council.membership.quorum);
}
