/** The operator's commands: `status`, `read` (reads.ts). And what the state looks like. */
import { UsageError } from '../../base/errors.ts';
import { type Json, quote } from '../../base/types.ts';
import type { AdminCommand, RequestId } from '../engine.ts';
import type { Membership } from '../members/membership.ts';
import { beginRead } from './reads.ts';
import { type ChandraTouegState, coordinatorOf, nextHeight, type Turn } from './state.ts';

const COMMANDS = ['status', 'read'];

export function answerAdmin(turn: Turn, request: RequestId, { name }: AdminCommand): void {
  const { state, council, effects } = turn;
  try {
    switch (name) {
      case 'status':
        effects.push({ type: 'reply', request, result: inspect(council.membership, state) });
        return;
      case 'read':
        return beginRead(turn, request);
      default:
        throw new UsageError('chandra-toueg/admin', `Chandra-Toueg has no command ${quote(name)}; expected one of ${COMMANDS.join(', ')}.`);
    }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    effects.push({ type: 'reply', request, result: error });
  }
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
