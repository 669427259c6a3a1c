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
import type { Json } from '../../base/types.ts';
import type { RequestId } from '../engine.ts';
import * as common from '../members/transfer.ts';
import { look } from './looking.ts';
import { tell } from './persist.ts';
import { leaderOf } from './roles.ts';
import { establishedOf, type Leading, type Turn } from './state.ts';

/** Throws UsageError: see `../members/transfer.ts`; `zab/transfer-to` for one that does not follow now. */
export function beginTransfer(turn: Turn, request: RequestId, wanted: Json | undefined): void {
  const { state, self } = turn;
  const leading = establishedOf(state);
  const leader = leaderOf(turn);
  // A leader that is not established yet has nothing to hand over.
  common.beginTransfer(turn, 'zab', leading === null && leader === self ? null : leader, request, wanted);
  const to = state.transfer?.to;
  if (to !== undefined && leading?.followers.get(to)?.isLed === true) return;
  state.transfer = null;
  throw new UsageError('zab/transfer-to', `Node ${to} does not follow this leader now, and cannot take over. Try again when it does.`);
}

/** At the end of every step: hands over as soon as that loses nothing, and answers when it is done. */
export function followTransfer(turn: Turn): void {
  const { state } = turn;
  const { transfer, role } = state;
  if (transfer === null) return;
  const leading = establishedOf(state);
  if (leading !== null) handOver(turn, leading, transfer);
  else if (role.role === 'following' && role.phase === 'broadcast') common.transferEnded(turn, 'zab', role.leader, { epoch: role.epoch });
}

function handOver(turn: Turn, { followers, epoch }: Leading, { to }: common.Transfer): void {
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
  const { state, settings, nowMs } = turn;
  const { syncLimit, initLimit, tickMs } = settings;
  const ticks = establishedOf(state) === null ? syncLimit + initLimit : syncLimit;
  if (state.transfer !== null && nowMs - state.transfer.sinceMs > ticks * tickMs) common.giveUpTransfer(turn, 'zab', leaderOf(turn));
}
