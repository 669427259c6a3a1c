/**
 * Fast leader election: nodes that look for a leader tell each other whom they vote for, and change over to a better vote
 * when they hear of one, until a quorum votes for the same node. Source: ZooKeeper's FastLeaderElection, as specified in
 * FastLeaderElection.tla (apache/zookeeper, zookeeper-specifications).
 *
 * Its outcome is a guess that saves time, and never more: nodes may end up with different leaders, and what is not safe is
 * found out in discovery. So it needs no disk, and votes that are lost or late do no harm.
 */
import { RuleError } from '../../base/errors.ts';
import type { NodeId } from '../../base/types.ts';
import { checkLeap } from '../members/leaps.ts';
import { askToFollow } from './following.ts';
import { beginDiscovery } from './leading.ts';
import { compareCredentials, look, notificationOf, ownVote } from './looking.ts';
import type { Notification, Vote } from './messages.ts';
import { tell, tellAll } from './persist.ts';
import type { Looking, Turn } from './state.ts';

/** A better vote may still be on its way when a quorum agrees: so many ticks it is waited for. */
const AGREED_TICKS = 3;
/** Between two notifications of a node that goes on looking. */
const MAX_PAUSE_TICKS = 8;

/** Throws RuleError `zab/round-leap`, `zab/vote`. */
export function receiveNotification(turn: Turn, from: NodeId, message: Notification): void {
  const { state, council } = turn;
  const { role } = state;
  const { leader } = message.vote;
  checkLeap('zab/round-leap', 'the election', state.round, message.round);
  if (council.membership.placeOf(leader) === undefined) {
    throw new RuleError('zab/vote', `Node ${from} votes for ${leader}, which is no member.`, { leader });
  }
  if (role.role !== 'looking') {
    if (message.status === 'looking') tell(turn, from, notificationOf(turn));
    const isLost = role.role === 'following' && role.leader === from && message.round > state.round;
    if (isLost && message.status !== 'leading' && message.status !== 'established') look(turn, 'the leader gave up');
    return;
  }
  if (message.status === 'looking') return countVote(turn, role, from, message);
  // Who leads a quorum is joined, whatever the own history is; who tries to, only if it has at least as much.
  const isBetter = message.status === 'leading' && compareCredentials(message.vote, ownVote(turn)) >= 0;
  if (message.status !== 'established' && !isBetter) return;
  state.round = Math.max(state.round, message.round);
  askToFollow(turn, from);
}

function countVote(turn: Turn, looking: Looking, from: NodeId, { round, vote }: Notification): void {
  const { state } = turn;
  if (round < state.round) return tell(turn, from, notificationOf(turn));
  if (round > state.round) {
    state.round = round;
    looking.votes.clear();
    const own = ownVote(turn);
    changeVote(turn, looking, isBetterVote(turn, vote, own) ? vote : own);
  } else if (isBetterVote(turn, vote, looking.vote)) changeVote(turn, looking, vote);
  looking.votes.set(from, vote);
  // All agree: there is nothing to wait for.
  if (supportOf(turn, looking) === turn.council.membership.size) concludeElection(turn, looking);
}

function changeVote(turn: Turn, looking: Looking, vote: Vote): void {
  looking.vote = vote;
  looking.agreedTicks = 0;
  looking.nextTicks = 1;
  looking.pauseTicks = 1;
  tellAll(turn, notificationOf(turn));
}

/** Among equals the one to whom the last leader has handed over wins, then the one whose place is higher: there is one best vote. */
function isBetterVote({ council }: Turn, a: Vote, b: Vote): boolean {
  const placeOf = ({ leader }: Vote) => council.membership.placeOf(leader) ?? -1;
  const order = compareCredentials(a, b) || Number(a.isDesignated) - Number(b.isDesignated) || placeOf(a) - placeOf(b);
  return order > 0;
}

/** How many members, this one included, vote as this node does. */
function supportOf({ self }: Turn, { votes, vote }: Looking): number {
  return 1 + [...votes].filter(([node, { leader }]) => node !== self && leader === vote.leader).length;
}

/** Once in a tick of a node that is looking. */
export function tickLooking(turn: Turn, looking: Looking): void {
  if (supportOf(turn, looking) >= turn.council.membership.quorum) {
    if (++looking.agreedTicks >= AGREED_TICKS) return concludeElection(turn, looking);
  } else looking.agreedTicks = 0;
  if (--looking.nextTicks > 0) return;
  looking.pauseTicks = Math.min(2 * looking.pauseTicks, MAX_PAUSE_TICKS);
  looking.nextTicks = looking.pauseTicks;
  tellAll(turn, notificationOf(turn));
}

function concludeElection(turn: Turn, { vote }: Looking): void {
  if (vote.leader === turn.self) beginDiscovery(turn);
  else askToFollow(turn, vote.leader);
}
