/**
 * The leader's side of discovery and synchronisation (DSN 2011, section IV, algorithms 1 and 2, "leader"), as ZooKeeper does them: the
 * leader was elected because its history is the best of a quorum's, so it takes over nobody else's; where a follower has
 * more, it gives up. What it sends once the epoch is agreed upon is in `broadcast.ts`.
 */
import type { NodeId } from '../../base/types.ts';
import { checkLeap } from '../members/leaps.ts';
import { advanceCommit, heartbeat, startFollower } from './broadcast.ts';
import { Follower } from './follower.ts';
import { type Credentials, compareCredentials, look, ownVote } from './looking.ts';
import type { ZabMessage } from './messages.ts';
import { durableHeight, isIncomplete, persistEpochs, tell } from './persist.ts';
import { changeRole } from './roles.ts';
import type { Leading, Turn } from './state.ts';

type FollowerInfo = Extract<ZabMessage, { type: 'followerInfo' }>;
type AckEpoch = Extract<ZabMessage, { type: 'ackEpoch' }>;

/** This node won the election. */
export function beginDiscovery(turn: Turn): void {
  changeRole(turn, {
    role: 'leading',
    phase: 'discovery',
    epoch: null,
    acceptors: new Set(),
    initial: null,
    followers: new Map(),
    waitedTicks: 0,
    round: 0,
  });
}

/** CEPOCH: somebody wants to be led. Throws RuleError `zab/epoch-leap`. */
export function receiveFollowerInfo(turn: Turn, from: NodeId, info: FollowerInfo): void {
  const { state } = turn;
  const { role } = state;
  if (role.role !== 'leading') return;
  checkLeap('zab/epoch-leap', 'the epoch', state.epochs.accepted, info.accepted);
  // Nobody can be led who has promised to enter a later epoch: all go on to one that is later still (ZOOKEEPER-1154).
  if (role.epoch !== null && info.accepted > role.epoch) return look(turn, 'a follower has accepted a later epoch');
  if (role.phase === 'discovery' && isBetter(turn, info)) return look(turn, 'a follower has a better history');
  const follower = new Follower(from, info.accepted);
  role.followers.set(from, follower);
  if (role.epoch === null) proposeEpoch(turn, role);
  else tell(turn, from, { type: 'newEpoch', epoch: role.epoch });
}

function isBetter(turn: Turn, other: Credentials): boolean {
  return compareCredentials(other, ownVote(turn)) > 0;
}

/** Algorithm 1: with a quorum, an epoch that none of it has accepted yet. The promise is this node's own as well. */
function proposeEpoch(turn: Turn, leading: Leading): void {
  const { state, council, self, effects } = turn;
  const { epochs } = state;
  const followers = [...leading.followers.values()];
  if (followers.length + 1 < council.membership.quorum) return;
  const epoch = Math.max(epochs.accepted, ...followers.map(({ accepted }) => accepted)) + 1;
  leading.epoch = epoch;
  leading.waitedTicks = 0;
  epochs.accepted = epoch;
  epochs.acceptedFrom = self;
  if (!isIncomplete(state)) leading.acceptors.add(self);
  persistEpochs(turn);
  effects.push({ type: 'trace', name: 'newEpoch', data: { epoch } });
  for (const { node } of followers) tell(turn, node, { type: 'newEpoch', epoch });
}

/** ACK-E. With a quorum of them the history of this epoch is settled: it is this node's. */
export function receiveAckEpoch(turn: Turn, from: NodeId, ack: AckEpoch): void {
  const { state, council } = turn;
  const { role } = state;
  if (role.role !== 'leading' || role.epoch !== ack.epoch) return;
  const follower = role.followers.get(from);
  if (follower === undefined || follower.standing !== null) return;
  if (role.phase === 'discovery' && isBetter(turn, ack)) return look(turn, 'a follower has a better history');
  follower.standing = { last: ack.last, decided: ack.decided };
  follower.silentTicks = 0;
  if (ack.isCounted) role.acceptors.add(from);
  if (role.phase !== 'discovery') return startFollower(turn, role, follower);
  if (role.acceptors.size >= council.membership.quorum) beginSynchronisation(turn, role);
}

function beginSynchronisation(turn: Turn, leading: Leading): void {
  const { state, effects } = turn;
  const { height, hash, epoch } = state.history.last;
  leading.phase = 'synchronisation';
  leading.initial = { height, hash, epoch };
  leading.waitedTicks = 0;
  const data = { epoch: leading.epoch, height, hash, lastEpoch: epoch, uncommitted: height - state.commit };
  effects.push({ type: 'trace', name: 'newLeader', data });
  for (const follower of leading.followers.values()) startFollower(turn, leading, follower);
  takeOwnHistory(turn);
}

/** The leader acknowledges its own history like any follower: once it is on disk, and the epoch after it. */
export function takeOwnHistory(turn: Turn): void {
  const { state } = turn;
  const { role, epochs } = state;
  if (role.role !== 'leading' || role.initial === null || role.epoch === null || epochs.current === role.epoch) return;
  if (durableHeight(state) < role.initial.height) return;
  epochs.current = role.epoch;
  persistEpochs(turn);
}

/** Once in a tick of a node that leads. */
export function tickLeading(turn: Turn, leading: Leading): void {
  const { settings, council } = turn;
  for (const follower of leading.followers.values()) follower.silentTicks++;
  if (leading.phase !== 'broadcast') {
    if (++leading.waitedTicks > settings.initLimit) return look(turn, 'no quorum took over the epoch');
    for (const follower of leading.followers.values()) remind(turn, leading, follower);
  } else {
    const heard = [...leading.followers.values()].filter(({ isLed, silentTicks }) => isLed && silentTicks <= settings.syncLimit);
    if (heard.length + 1 < council.membership.quorum) {
      turn.effects.push({ type: 'trace', name: 'noQuorum', data: { epoch: leading.epoch } });
      return look(turn, 'no quorum is heard');
    }
    for (const follower of leading.followers.values()) if (follower.standing === null) remind(turn, leading, follower);
  }
  heartbeat(turn, leading);
  advanceCommit(turn);
}

/** NEWEPOCH, or the answer to it, may be lost. */
function remind(turn: Turn, { epoch }: Leading, { node, standing, silentTicks }: Follower): void {
  if (epoch === null || standing !== null || silentTicks > turn.settings.initLimit) return;
  tell(turn, node, { type: 'newEpoch', epoch });
}
