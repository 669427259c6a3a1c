/**
 * Who decides, as the log of this node has it. Source: Ongaro's dissertation, section 4.1 (the newest configuration in the log
 * is in force, decided or not) and 4.2.2 (a leader that is no member any more leads until that is decided).
 */
import { present } from '../../base/assert.ts';
import type { Membership } from '../members/membership.ts';
import { finishChange, isSettled, namesOf } from './change.ts';
import { tell } from './persist.ts';
import { Progress } from './progress.ts';
import { heartbeat } from './replication.ts';
import { becomeFollower, ELECTION_TIMER, setElectionTimer } from './roles.ts';
import { isVoter, type Leadership, leadershipOf, type Turn } from './state.ts';

/** At the end of every step: whatever hangs on who decides follows the log. */
export function followMembers(turn: Turn): void {
  const { state, council, self } = turn;
  const { seen } = state;
  const inForce = council.membership;
  const decided = present(state.log.at(state.commit), 'the last decided block').council.membership;
  finishChange(turn);
  if (seen.inForce?.id === inForce.id && seen.decided?.id === decided.id) return;
  state.seen = { inForce, decided };
  if (seen.inForce?.id !== inForce.id) enterForce(turn, inForce);
  for (const node of seen.decided?.audience(self) ?? []) if (!decided.has(node)) state.strangers.named.set(node, true);
  const leadership = leadershipOf(state);
  if (leadership === null) return;
  followInProgress(turn, leadership, decided);
  if (isSettled(state) && !isVoter(turn)) leaveOffice(turn, leadership);
}

function enterForce(turn: Turn, membership: Membership): void {
  const { state, effects } = turn;
  const data = { id: membership.id, height: state.log.last.height, ...namesOf(membership) };
  effects.push({ type: 'trace', name: 'members', data });
  if (state.role.role === 'leader') return;
  if (isVoter(turn)) setElectionTimer(turn);
  else effects.push({ type: 'cancelTimer', id: ELECTION_TIMER });
}

/** Those who are new are asked what they have; those who leave are told so, until it is decided. */
function followInProgress({ state, council, self }: Turn, { progress }: Leadership, decided: Membership): void {
  const told = new Set([...council.membership.audience(self), ...decided.audience(self)]);
  for (const node of told) if (!progress.has(node)) progress.set(node, new Progress(node, state.log.last.height + 1));
  for (const node of [...progress.keys()]) if (!told.has(node)) progress.delete(node);
}

/** It is decided that this node is no voter any more. The one that has most takes over, and does not wait for a time-out. */
function leaveOffice(turn: Turn, { progress }: Leadership): void {
  const { state, council, effects } = turn;
  heartbeat(turn);
  const heirs = [...progress.values()].filter(({ node }) => council.membership.placeOf(node) !== undefined);
  const [heir] = heirs.sort((a, b) => b.match - a.match);
  if (heir !== undefined) tell(turn, heir.node, { type: 'timeoutNow', term: state.term });
  effects.push({ type: 'trace', name: 'leftOffice', data: { term: state.term } });
  becomeFollower(turn, state.term, null);
}
