/** Changes of role and term (figure 3.1, "rules for servers"), and the timers that belong to a role. */
import type { NodeId } from '../../base/types.ts';
import { persistTerm } from './persist.ts';
import { isVoter, type RaftState, type Role, type Turn } from './state.ts';

/** The only timer of those who do not lead: nothing was heard of a leader. */
export const ELECTION_TIMER = 'election';
/** Of a leader. */
export const HEARTBEAT_TIMER = 'heartbeat';
export const QUORUM_TIMER = 'quorum';
export const BUILD_TIMER = 'build';

/** In the term that this node has, or a later one. `leader`: if it is known. */
export function becomeFollower(turn: Turn, term: number, leader: NodeId | null): void {
  const { state } = turn;
  if (term > state.term) enterTerm(turn, term, null);
  if (state.role.role === 'leader') depose(turn);
  if (state.role.role !== 'follower') changeRole(turn, { role: 'follower' });
  if (leader !== null) state.leader = leader;
  setElectionTimer(turn);
}

/** Terms only ascend, and each begins without a leader. */
export function enterTerm(turn: Turn, term: number, vote: NodeId | null): void {
  const { state } = turn;
  state.term = term;
  state.vote = vote;
  state.leader = null;
  state.heardMs = null;
  state.matched = state.commit;
  state.answered.durable = 0;
  state.answered.round = 0;
  persistTerm(turn);
}

export function changeRole({ state, effects }: Turn, role: Role): void {
  state.role = role;
  effects.push({ type: 'trace', name: 'role', data: { role: role.role, term: state.term } });
}

function depose({ state, effects }: Turn): void {
  for (const id of [HEARTBEAT_TIMER, QUORUM_TIMER, BUILD_TIMER]) effects.push({ type: 'cancelTimer', id });
  const uncommitted = state.log.last.height - state.commit;
  state.leader = null;
  effects.push({ type: 'trace', name: 'deposed', data: { term: state.term, uncommitted } });
}

/** Random, so that two candidates seldom stand at the same time, and never for long (section 3.4). */
export function setElectionTimer(turn: Turn): void {
  if (!isVoter(turn)) return;
  const { settings, effects, random } = turn;
  const { electionMinMs, electionMaxMs } = settings;
  effects.push({ type: 'setTimer', id: ELECTION_TIMER, delayMs: electionMinMs + random() * (electionMaxMs - electionMinMs) });
}

/** Whether this node has reason to think that there is a leader who can do its work. */
export function hasLeader({ role, heardMs }: RaftState, nowMs: number, electionMinMs: number): boolean {
  return role.role === 'leader' || (heardMs !== null && nowMs - heardMs < electionMinMs);
}
