/**
 * How a node begins to look for a leader, and what it says of itself then. What comes of it is in `election.ts`. Source: as there.
 */
import type { NodeId } from '../../base/types.ts';
import { compareZxids, type Zxid } from './history.ts';
import type { Notification, Status, Vote } from './messages.ts';
import { isIncomplete, tellAll } from './persist.ts';
import { changeRole, leaderOf } from './roles.ts';
import { establishedOf, type Turn } from './state.ts';

/** What counts in an election: the last epoch that was taken over, then the last block. */
export interface Credentials {
  readonly current: number;
  readonly last: Zxid;
}

/** Positive where `a` has more: who leads must have everything that may be decided. */
export function compareCredentials(a: Credentials, b: Credentials): number {
  return a.current - b.current || compareZxids(a.last, b.last);
}

/** A new round of election. `designated`: for whom this node votes then, to whom the last leader has handed over. */
export function look(turn: Turn, reason: string, designated: NodeId | null = null): void {
  const { state, effects } = turn;
  if (state.place === null) return;
  effects.push({ type: 'trace', name: 'look', data: { reason, was: state.role.role } });
  state.round++;
  const own = ownVote(turn);
  const vote = designated === null ? own : { ...own, leader: designated, isDesignated: true };
  changeRole(turn, { role: 'looking', vote, votes: new Map(), nextTicks: 1, pauseTicks: 1, agreedTicks: 0 });
  tellAll(turn, notificationOf(turn));
}

export function ownVote({ state, self }: Turn): Vote {
  // One that has lost what it had acknowledged votes for anybody but itself.
  if (isIncomplete(state)) return { leader: self, current: 0, last: { epoch: 0, height: 0 }, isDesignated: false };
  const { epoch, height } = state.history.last;
  return { leader: self, current: state.epochs.current, last: { epoch, height }, isDesignated: false };
}

export function notificationOf(turn: Turn): Notification {
  const { state } = turn;
  const vote = state.role.role === 'looking' ? state.role.vote : { ...ownVote(turn), leader: leaderOf(turn) ?? turn.self };
  return { type: 'notification', round: state.round, status: statusOf(turn), vote };
}

function statusOf({ state }: Turn): Status {
  return establishedOf(state) === null ? state.role.role : 'established';
}
