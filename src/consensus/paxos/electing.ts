/** The elector at work in this engine: its messages, its clock, and what it is told of the leader. See `../election/elector.ts`. */
import { present } from '../../base/assert.ts';
import type { NodeId } from '../../base/types.ts';
import type { ElectionMessage, ElectionTurn } from '../election/elector.ts';
import { checkMajority, heartbeat } from './leader.ts';
import { tell, tellAll } from './persist.ts';
import { insist, stand } from './proposer.ts';
import { TICK_TIMER } from './roles.ts';
import type { Turn } from './state.ts';

/** The clock of everything that hangs on time but the making of blocks. */
export function tick(turn: Turn): void {
  const { state, settings, effects } = turn;
  if (state.place === null) return;
  effects.push({ type: 'setTimer', id: TICK_TIMER, delayMs: settings.heartbeatMs });
  checkMajority(turn);
  heartbeat(turn);
  if (state.role.role === 'candidate') insist(turn, state.role);
  if (state.role.role !== 'leader' && state.elector.needsHeartbeats) tellAll(turn, { type: 'alive', promised: state.promised });
  state.elector.tick(electionTurn(turn, state.place));
}

/** After a start: whoever leads should have the time to be heard. */
export function beginElections({ state, settings, effects, nowMs, random }: Turn): void {
  if (state.place === null) return;
  state.elector.yield({ nowMs, patienceMs: settings.suspicionMs, random });
  effects.push({ type: 'setTimer', id: TICK_TIMER, delayMs: settings.heartbeatMs });
}

export function receiveElection(turn: Turn, from: NodeId, message: ElectionMessage): void {
  const { state, council } = turn;
  if (state.place === null) return;
  const { word, candidate } = message;
  const place = present(council.membership.placeOf(from), 'the place of a member');
  state.elector.receive(electionTurn(turn, state.place), place, { word, candidate });
}

export function electionTurn(turn: Turn, place: number): ElectionTurn {
  const { council, settings, nowMs, state } = turn;
  const { membership } = council;
  const nodeAt = (at: number) => present(membership.nodeAt(at), 'a member');
  return {
    place,
    size: membership.size,
    nowMs,
    patienceMs: settings.suspicionMs,
    leader: leaderOf(turn),
    random: turn.random,
    suspects: (at) => state.detector.suspects(nodeAt(at), nowMs),
    send: (to, message) => tell(turn, nodeAt(to), { type: 'elect', ...message }),
    lead: () => stand(turn),
  };
}

/** The place of a leader who is heard. */
function leaderOf({ state, council, nowMs }: Turn): number | null {
  const { leader, detector } = state;
  if (leader === null || detector.suspects(leader, nowMs)) return null;
  return council.membership.placeOf(leader) ?? null;
}
