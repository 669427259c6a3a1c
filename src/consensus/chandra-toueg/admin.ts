/** The operator's commands: `status`, `read` (reads.ts). And what the state looks like. */
import { UsageError } from '../../base/errors.ts';
import type { Json } from '../../base/types.ts';
import type { Commands } from '../members/admin.ts';
import type { Membership } from '../members/membership.ts';
import { beginRead } from '../members/reads.ts';
import { adoptedHeight, readPolicy } from './reads.ts';
import { type ChandraTouegState, coordinatorOf, nextHeight, type Turn } from './state.ts';

export function commandsOf(turn: Turn): Commands {
  const { state, council, self } = turn;
  return {
    engine: 'chandra-toueg',
    title: 'Chandra-Toueg',
    byName: {
      status: () => inspect(council.membership, state),
      read: (request) => void beginRead(turn, state.reads, readPolicy(turn), request, { self, height: adoptedHeight(state) }),
      transfer: refuseTransfer,
    },
  };
}

function refuseTransfer(): never {
  const message =
    'Chandra-Toueg has no leader to hand over: every height begins with the next member as its coordinator, and one that is down is passed over. To take a member out of service, stop it.';
  throw new UsageError('chandra-toueg/transfer', message);
}

/** `leader` is the coordinator of the current round, or of the first one of the instance that comes next. */
export function inspect(membership: Membership, state: ChandraTouegState): Json {
  const { attempt, suspected, decided, stored, reads } = state;
  const height = nextHeight(state);
  const round = attempt?.round ?? state.notes.get(height)?.round ?? 1;
  const note = state.notes.get(height);
  const leader = coordinatorOf(membership, height, round);
  const isCoordinator = state.place !== null && membership.nodeAt(state.place) === leader;
  return {
    role: state.place === null ? 'observer' : isCoordinator ? 'coordinator' : 'participant',
    leader,
    height,
    round,
    isUnderWay: attempt !== null,
    estimate: note?.hash ?? null,
    timestamp: note?.timestamp ?? 0,
    acks: attempt === null ? [] : [...attempt.acks],
    decided: { height: decided.height, hash: decided.hash },
    stored,
    suspected: [...suspected],
    reads: reads.open.size,
    members: membership.members.map(({ node }) => node),
  };
}
