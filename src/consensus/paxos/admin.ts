/** The operator's commands: `status`, `read` (reads.ts), `transfer` (transfer.ts). And what the state looks like. */
import type { Json } from '../../base/types.ts';
import type { Commands } from '../members/admin.ts';
import type { Membership } from '../members/membership.ts';
import { beginRead } from '../members/reads.ts';
import { placeOfBallot, roundOfBallot } from './ballots.ts';
import { readPolicy } from './reads.ts';
import { leadershipOf, type PaxosState, type Turn } from './state.ts';
import { beginTransfer } from './transfer.ts';

export function commandsOf(turn: Turn): Commands {
  const { state, council } = turn;
  return {
    engine: 'paxos',
    title: 'Multi-Paxos',
    byName: {
      status: () => inspect(council.membership, state),
      read: (request) => void beginRead(turn, state.reads, readPolicy(turn), request),
      transfer: (request, { to }) => void beginTransfer(turn, request, to),
    },
  };
}

export function inspect({ members }: Membership, state: PaxosState): Json {
  const { role, leader, log, commit, promised, seen, reads, transfer } = state;
  const leadership = leadershipOf(state);
  return {
    role: state.place === null ? 'observer' : role.role,
    leader,
    promised: { ballot: promised, round: roundOfBallot(promised), place: placeOfBallot(promised) },
    seen,
    accepted: log.last.height,
    commit: commit.height,
    stored: log.base.height,
    members: members.map(({ node }) => node),
    reads: reads.open.size,
    transferTo: transfer?.to ?? null,
    acceptors:
      leadership === null ? [] : [...leadership.progress].map(([node, { accepted, next, silent }]) => ({ node, accepted, next, silent })),
  };
}
