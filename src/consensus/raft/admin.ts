/**
 * The operator's commands: `status`, `read` (reads.ts), `transfer` (transfer.ts), `add`, `remove` and what would come of them, `plan`
 * (change.ts), `settings`. And what the state looks like.
 */
import { UsageError } from '../../base/errors.ts';
import { type Json, quote } from '../../base/types.ts';
import type { AdminCommand, RequestId } from '../engine.ts';
import { beginAdd, beginRemove, isSettled, namesOf, planChange } from './change.ts';
import { durableHeight } from './persist.ts';
import { beginRead } from './reads.ts';
import { leadershipOf, type RaftState, type Turn } from './state.ts';
import { beginTransfer } from './transfer.ts';

export const COMMANDS: readonly string[] = ['status', 'read', 'transfer', 'add', 'remove', 'plan', 'settings'];

export function answerAdmin(turn: Turn, request: RequestId, { name, arguments: given }: AdminCommand): void {
  const { state, effects } = turn;
  try {
    switch (name) {
      case 'status':
        effects.push({ type: 'reply', request, result: inspect(state) });
        return;
      case 'read':
        return beginRead(turn, request);
      case 'transfer':
        return beginTransfer(turn, request, given.to);
      case 'add':
        return beginAdd(turn, request, given);
      case 'remove':
        return beginRemove(turn, request, given);
      case 'plan':
        effects.push({ type: 'reply', request, result: planChange(turn, given) });
        return;
      case 'settings':
        effects.push({ type: 'reply', request, result: settingsNow(turn) });
        return;
      default:
        throw new UsageError('raft/admin', `Raft has no command ${quote(name)}; expected one of ${COMMANDS.join(', ')}.`);
    }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    effects.push({ type: 'reply', request, result: error });
  }
}

/** As a genesis file would have them, with those who vote by now. Who was added since comes without a proof for its key: it was not kept. */
function settingsNow({ settings: { given }, council }: Turn): Json {
  const known = (given.members ?? []) as readonly { readonly [field: string]: Json }[];
  const members = council.membership.voters.map(
    ({ node, publicKey }) => known.find((member) => member.node === node && member.publicKey === publicKey) ?? { node, publicKey },
  );
  return { name: 'raft', ...given, members };
}

export function inspect(state: RaftState): Json {
  const { self, role, term, vote, leader, log, commit, stored, reads, transfer, wish } = state;
  const { council } = log.last;
  const leadership = leadershipOf(state);
  const { height, hash, term: lastTerm } = log.last;
  return {
    role: council.seatOf(self) !== null || role.role === 'leader' ? role.role : council.isLearner(self) ? 'learner' : 'observer',
    term,
    vote,
    leader,
    ...namesOf(council.membership),
    isSettled: isSettled(state),
    last: { height, hash, term: lastTerm },
    commit,
    stored,
    durable: durableHeight(state),
    reads: reads.open.size,
    transferTo: transfer?.to ?? null,
    change: wish && { kind: wish.kind, node: wish.node },
    followers:
      leadership === null
        ? []
        : [...leadership.progress.values()].map(({ node, mode, match, next, inflight }) => ({ node, mode, match, next, inflight })),
  };
}
