/** The operator's commands: `status` and `read` (reads.ts). And what the state looks like. */
import { UsageError } from '../../base/errors.ts';
import { type Json, quote } from '../../base/types.ts';
import type { AdminCommand, RequestId } from '../engine.ts';
import { placeOfBallot, roundOfBallot } from './ballots.ts';
import { beginRead } from './reads.ts';
import { leadershipOf, type PaxosState, type Turn } from './state.ts';

const COMMANDS = ['status', 'read'];

export function answerAdmin(turn: Turn, request: RequestId, { name }: AdminCommand): void {
  const { state, effects } = turn;
  try {
    if (name === 'status') effects.push({ type: 'reply', request, result: inspect(state) });
    else if (name === 'read') beginRead(turn, request);
    else throw new UsageError('paxos/admin', `Multi-Paxos has no command ${quote(name)}; expected one of ${COMMANDS.join(', ')}.`);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    effects.push({ type: 'reply', request, result: error });
  }
}

export function inspect(state: PaxosState): Json {
  const { role, leader, log, commit, promised, seen, reads } = state;
  const leadership = leadershipOf(state);
  return {
    role: state.place === null ? 'observer' : role.role,
    leader,
    promised: { ballot: promised, round: roundOfBallot(promised), place: placeOfBallot(promised) },
    seen,
    accepted: log.last.height,
    commit: commit.height,
    stored: log.base.height,
    reads: reads.own.size,
    acceptors:
      leadership === null ? [] : [...leadership.progress].map(([node, { accepted, next, silent }]) => ({ node, accepted, next, silent })),
  };
}
