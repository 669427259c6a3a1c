/** The operator's commands: `status` and `read` (reads.ts). And what the state looks like. */
import { UsageError } from '../../base/errors.ts';
import { type Json, quote } from '../../base/types.ts';
import type { AdminCommand, RequestId } from '../engine.ts';
import { durableHeight } from './persist.ts';
import { beginRead } from './reads.ts';
import type { Leading, Turn, ZabState } from './state.ts';

const COMMANDS = ['status', 'read'];

export function answerAdmin(turn: Turn, request: RequestId, { name }: AdminCommand): void {
  const { state, effects, self } = turn;
  switch (name) {
    case 'status':
      effects.push({ type: 'reply', request, result: inspect(state) });
      return;
    case 'read':
      return beginRead(turn, request);
    default: {
      const message = `Zab has no command ${quote(name)}; expected one of ${COMMANDS.join(', ')}.`;
      effects.push({ type: 'reply', request, result: new UsageError('zab/admin', message, { node: self }) });
    }
  }
}

export function inspect(state: ZabState): Json {
  const { role, epochs, history, commit, stored, reads, round } = state;
  const { height, hash, epoch } = history.last;
  return {
    role: state.place === null ? 'observer' : role.role,
    phase: role.role === 'looking' ? 'election' : role.phase,
    leader: leaderIn(state),
    acceptedEpoch: epochs.accepted,
    currentEpoch: epochs.current,
    round,
    last: { height, hash, epoch },
    commit,
    stored,
    durable: durableHeight(state),
    reads: reads.own.size,
    followers: role.role === 'leading' ? followersOf(role) : [],
  };
}

function leaderIn({ role, epochs }: ZabState): string | null {
  if (role.role === 'following') return role.leader;
  // The leader of an epoch has accepted it from itself.
  return role.role === 'leading' && role.epoch !== null ? epochs.acceptedFrom : null;
}

function followersOf({ followers }: Leading): Json[] {
  return [...followers.values()].map(({ node, standing, isLed, match, has, next }) => ({
    node,
    phase: isLed ? 'broadcast' : standing === null ? 'discovery' : 'synchronisation',
    match,
    has,
    next,
  }));
}
