/**
 * Handing the leadership to another member, on the operator's wish (Ongaro's dissertation, section 3.10): the leader makes no
 * more blocks, brings the other up to date, and tells it to stand for election at once.
 */
import { UsageError } from '../../base/errors.ts';
import { type Json, NodeId, quoteJson } from '../../base/types.ts';
import type { RequestId } from '../engine.ts';
import { tell } from './persist.ts';
import type { Progress } from './progress.ts';
import { leaderOnly, type Turn } from './state.ts';

/** While a transfer is under way: then the leader goes on as before. */
export const TRANSFER_TIMER = 'transfer';

/** Throws UsageError `raft/not-leader`, `raft/transfer-busy`, `raft/transfer-to`. */
export function beginTransfer(turn: Turn, request: RequestId, to: Json | undefined): void {
  const { state, effects, settings, council, self } = turn;
  const leadership = leaderOnly(turn, 'cannot hand over what it has not');
  if (state.transfer !== null) throw new UsageError('raft/transfer-busy', `The leadership is already on its way to ${state.transfer.to}.`);
  if (state.wish !== null)
    throw new UsageError('raft/change-busy', 'A change of members is under way. Transfer when it is done: see status.');
  const isVoter = typeof to === 'string' && to.length > 0 && to !== self && council.membership.placeOf(NodeId(to)) !== undefined;
  const progress = isVoter ? leadership.progress.get(NodeId(to)) : undefined;
  if (progress === undefined) {
    const others = [...council.membership.others(self)].join(', ');
    throw new UsageError('raft/transfer-to', `Cannot transfer to ${quoteJson(to)}; expected one of ${others}.`);
  }
  state.transfer = { to: progress.node, request };
  effects.push({ type: 'setTimer', id: TRANSFER_TIMER, delayMs: settings.electionMaxMs });
  handOver(turn, progress);
}

/** As soon as the other has all that the leader has. Said again with each answer, since it may be lost. */
export function handOver(turn: Turn, { node, match }: Progress): void {
  const { state } = turn;
  if (state.transfer?.to !== node || state.role.role !== 'leader' || match < state.log.last.height) return;
  tell(turn, node, { type: 'timeoutNow', term: state.term });
}

/** There is a leader of this term: if it is another one than before, the transfer has come to its end. */
export function leaderIsKnown({ state, effects, self }: Turn): void {
  const { transfer, leader, term } = state;
  if (transfer === null || leader === null || leader === self) return;
  state.transfer = null;
  effects.push({ type: 'cancelTimer', id: TRANSFER_TIMER });
  effects.push({ type: 'reply', request: transfer.request, result: { leader, term } });
}

/** The timer ran out. */
export function giveUpTransfer({ state, effects, settings }: Turn): void {
  const { transfer } = state;
  if (transfer === null) return;
  state.transfer = null;
  const message = `Node ${transfer.to} did not take over the leadership within ${settings.electionMaxMs} ms; it may be behind or cut off.`;
  effects.push({ type: 'reply', request: transfer.request, result: new UsageError('raft/transfer', message) });
}
