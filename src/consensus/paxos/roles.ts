/** Giving up a ballot, and the timers that belong to a role. */
import { dropDraft } from '../members/drafting.ts';
import { changeRole, leadershipOf, type Turn } from './state.ts';

/** Heartbeats, time-outs and elections all go by this one clock, which strikes every `heartbeatMs`. */
export const TICK_TIMER = 'tick';

/** A higher ballot counts now, or no majority follows this one. */
export function stepDown(turn: Turn): void {
  const { state, effects, self } = turn;
  const leadership = leadershipOf(state);
  if (leadership !== null) {
    dropDraft(turn, state.drafts);
    const undecided = Math.max(0, leadership.top - state.commit.height);
    effects.push({ type: 'trace', name: 'deposed', data: { ballot: leadership.ballot, undecided } });
  }
  if (state.leader === self) state.leader = null;
  if (state.role.role !== 'follower') changeRole(turn, { role: 'follower' });
}
