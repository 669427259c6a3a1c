/**
 * Handing the leadership to another member, on the operator's wish. As ZooKeeper does it when a reconfiguration takes the
 * leader out (Shraer, Reed, Malkhi, Junqueira, "Dynamic Reconfiguration of Primary/Backup Clusters", USENIX ATC 2012, section 4.2;
 * `Leader.getDesignatedLeader`): the leader proposes nothing more, waits until the other has the whole history on disk and all
 * of it is decided, names it to its followers, and all elect it, since among equal histories the one who is named wins.
 *
 * It is an election as any other: whoever does not hear of the name votes as always, safety hangs on discovery, and if the
 * one who is named is down somebody else leads in the end.
 */
import { UsageError } from '../../base/errors.ts';
import type { Json, NodeId } from '../../base/types.ts';
import type { RequestId } from '../engine.ts';
import { otherMember } from '../members/admin.ts';
import { look } from './looking.ts';
import { tell } from './persist.ts';
import { leaderOf } from './roles.ts';
import { establishedOf, type Leading, type Turn } from './state.ts';

export interface Transfer {
  readonly to: NodeId;
  readonly request: RequestId;
  /** Since it was asked for. */
  ticks: number;
}

/** Throws UsageError `zab/not-leader`, `zab/transfer-busy`, `zab/transfer-to`. */
export function beginTransfer(turn: Turn, request: RequestId, wanted: Json | undefined): void {
  const { state } = turn;
  const leading = establishedOf(state);
  if (leading === null) {
    const leader = leaderOf(turn);
    const whose = leader === null ? 'It knows of no leader now' : `The leader is ${leader}`;
    throw new UsageError('zab/not-leader', `This node does not lead, and cannot hand over what it has not. ${whose}.`);
  }
  if (state.transfer !== null) throw new UsageError('zab/transfer-busy', `The leadership is already on its way to ${state.transfer.to}.`);
  const to = otherMember(turn, 'zab/transfer-to', wanted);
  if (leading.followers.get(to)?.isLed !== true) {
    throw new UsageError('zab/transfer-to', `Node ${to} does not follow this leader now, and cannot take over. Try again when it does.`);
  }
  state.transfer = { to, request, ticks: 0 };
}

/** At the end of every step: hands over as soon as that loses nothing, and answers when it is done. */
export function followTransfer(turn: Turn): void {
  const { state } = turn;
  const { transfer, role } = state;
  if (transfer === null) return;
  const leading = establishedOf(state);
  if (leading !== null) return handOver(turn, leading, transfer);
  if (role.role !== 'following' || role.phase !== 'broadcast') return;
  end(turn, transfer, role.leader === transfer.to ? { leader: role.leader, epoch: role.epoch } : notTaken(transfer, role.leader));
}

function handOver(turn: Turn, { followers, epoch }: Leading, { to }: Transfer): void {
  const { state, effects } = turn;
  const { height } = state.history.last;
  const match = followers.get(to)?.match ?? 0;
  if (epoch === null || match < height || state.commit < height) return;
  effects.push({ type: 'trace', name: 'handedOver', data: { to, epoch, height } });
  for (const follower of followers.values()) tell(turn, follower.node, { type: 'handOver', epoch, to });
  look(turn, 'this leader hands over', to);
}

/** Once in a tick. Until the leadership is handed over nothing is proposed, so that is not waited for long. */
export function tickTransfer(turn: Turn): void {
  const { state, settings } = turn;
  const { transfer } = state;
  if (transfer === null) return;
  const limit = establishedOf(state) === null ? settings.syncLimit + settings.initLimit : settings.syncLimit;
  if (++transfer.ticks > limit) end(turn, transfer, notTaken(transfer, leaderOf(turn)));
}

function notTaken({ to }: Transfer, leader: NodeId | null): UsageError {
  const now = leader === null ? 'no leader is known' : `${leader} leads`;
  return new UsageError('zab/transfer', `Node ${to} did not take over the leadership in time; ${now}. It may be behind or cut off.`);
}

function end({ state, effects }: Turn, { request }: Transfer, result: Json | UsageError): void {
  state.transfer = null;
  effects.push({ type: 'reply', request, result });
}
