/** Changes of role. All time is counted in ticks of one timer (ZooKeeper's tickTime): what is due in a role is in its own file. */
import type { NodeId } from '../../base/types.ts';
import { dropDraft } from '../members/drafting.ts';
import { establishedOf, type Role, type Turn } from './state.ts';

export const TICK_TIMER = 'tick';

export function changeRole(turn: Turn, role: Role): void {
  const { state, effects } = turn;
  if (state.role.role === 'leading') stepDown(turn);
  state.role = role;
  // What is common with the next leader is to be found out; what is decided is.
  state.matched = state.commit;
  state.answered.durable = 0;
  state.answered.round = 0;
  effects.push({ type: 'trace', name: 'role', data: { role: role.role, epoch: state.epochs.accepted } });
  effects.push({ type: 'setTimer', id: TICK_TIMER, delayMs: turn.settings.tickMs });
}

function stepDown(turn: Turn): void {
  const { state, effects } = turn;
  dropDraft(turn, state.drafts);
  const uncommitted = establishedOf(state) === null ? 0 : state.history.last.height - state.commit;
  effects.push({ type: 'trace', name: 'deposed', data: { epoch: state.epochs.accepted, uncommitted } });
}

/** As far as this node knows; null while it is looking for one. */
export function leaderOf({ state, self }: Turn): NodeId | null {
  const { role } = state;
  if (role.role === 'leading') return self;
  return role.role === 'following' ? role.leader : null;
}
