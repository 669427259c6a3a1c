/** The operator's commands: `status`, `read` (reads.ts), `transfer` (transfer.ts). And what the state looks like. */
import type { Json, NodeId } from '../../base/types.ts';
import type { Commands } from '../members/admin.ts';
import type { Membership } from '../members/membership.ts';
import { beginRead } from '../members/reads.ts';
import { durableHeight } from './persist.ts';
import { readPolicy } from './reads.ts';
import type { Leading, Turn, ZabState } from './state.ts';
import { beginTransfer } from './transfer.ts';

export function commandsOf(turn: Turn): Commands {
  const { state, council } = turn;
  return {
    engine: 'zab',
    title: 'Zab',
    byName: {
      status: () => inspect(council.membership, state),
      read: (request) => void beginRead(turn, state.reads, readPolicy(turn), request),
      transfer: (request, { to }) => void beginTransfer(turn, request, to),
    },
  };
}

export function inspect({ members }: Membership, state: ZabState): Json {
  const { role, epochs, history, commit, stored, reads, round, transfer } = state;
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
    members: members.map(({ node }) => node),
    reads: reads.open.size,
    transferTo: transfer?.to ?? null,
    followers: role.role === 'leading' ? followersOf(role) : [],
  };
}

export function leaderIn({ role, epochs }: Pick<ZabState, 'role' | 'epochs'>): NodeId | null {
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
