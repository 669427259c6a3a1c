/**
 * Fast leader election: nodes that look for a leader tell each other whom they vote for, and change over to a better vote
 * when they hear of one, until a quorum votes for the same node. Source: ZooKeeper's FastLeaderElection, as specified in
 * FastLeaderElection.tla (apache/zookeeper, zookeeper-specifications).
 *
 * Its outcome is a guess that saves time, and never more: nodes may end up with different leaders, and what is not safe is
 * found out in discovery. So it needs no disk, and votes that are lost or late do no harm.
 */
import type { NodeId } from '../../base/types.ts';
import { askToFollow } from './following.ts';
import { compareZxids, type Zxid } from './history.ts';
import { beginDiscovery } from './leading.ts';
import type { Status, Vote, ZabMessage } from './messages.ts';
import { isIncomplete, tell, tellAll } from './persist.ts';
import { changeRole, leaderOf } from './roles.ts';
import { establishedOf, type Looking, type Turn } from './state.ts';

type Notification = Extract<ZabMessage, { type: 'notification' }>;

/** A better vote may still be on its way when a quorum agrees: so many ticks it is waited for. */
const AGREED_TICKS = 3;
/** Between two notifications of a node that goes on looking. */
const MAX_PAUSE_TICKS = 8;

/** What counts in an election: the last epoch that was taken over, then the last block. */
export interface Credentials {
  readonly current: number;
  readonly last: Zxid;
}

/** Positive where `a` has more: who leads must have everything that may be decided. */
export function compareCredentials(a: Credentials, b: Credentials): number {
  return a.current - b.current || compareZxids(a.last, b.last);
}

/** A new round of election. */
export function look(turn: Turn, reason: string): void {
  const { state, effects } = turn;
  if (state.place === null) return;
  effects.push({ type: 'trace', name: 'look', data: { reason, was: state.role.role } });
  state.round++;
  changeRole(turn, { role: 'looking', vote: ownVote(turn), votes: new Map(), nextTicks: 1, pauseTicks: 1, agreedTicks: 0 });
  tellAll(turn, notificationOf(turn));
}

export function ownVote({ state, self }: Turn): Vote {
  // One that has lost what it had acknowledged votes for anybody but itself.
  if (isIncomplete(state)) return { leader: self, current: 0, last: { epoch: 0, height: 0 } };
  const { epoch, height } = state.history.last;
  return { leader: self, current: state.epochs.current, last: { epoch, height } };
}

function notificationOf(turn: Turn): Notification {
  const { state } = turn;
  const vote = state.role.role === 'looking' ? state.role.vote : { ...ownVote(turn), leader: leaderOf(turn) ?? turn.self };
  return { type: 'notification', round: state.round, status: statusOf(turn), vote };
}

function statusOf({ state }: Turn): Status {
  return establishedOf(state) === null ? state.role.role : 'established';
}

export function receiveNotification(turn: Turn, from: NodeId, message: Notification): void {
  const { state } = turn;
  const { role } = state;
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

/** Among equals the member whose place is higher wins, so that there is one best vote. */
function isBetterVote({ council }: Turn, a: Vote, b: Vote): boolean {
  const order = compareCredentials(a, b);
  const placeOf = ({ leader }: Vote) => council.membership.placeOf(leader) ?? -1;
  return order > 0 || (order === 0 && placeOf(a) > placeOf(b));
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
