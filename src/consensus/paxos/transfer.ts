/**
 * Handing the leadership to another member, on the operator's wish. The distinguished proposer is only a matter of progress
 * (Paxos Made Simple, section 2.4), so it may be changed at any time: the leader proposes nothing more, waits until the other has
 * accepted everything and all of it is decided, and asks it to begin a ballot of its own, as its elector might have done.
 *
 * Whether it stays the leader is for the elector. Bully's meaning is that the highest member that is up leads, so it would be
 * deposed at once by one above: then the transfer is refused. Ring and time-out leave whoever leads in peace.
 */
import { present } from '../../base/assert.ts';
import { UsageError } from '../../base/errors.ts';
import type { Json, NodeId } from '../../base/types.ts';
import type { RequestId } from '../engine.ts';
import * as common from '../members/transfer.ts';
import { electionTurn } from './electing.ts';
import { tell } from './persist.ts';
import { stand } from './proposer.ts';
import { leadershipOf, type Turn } from './state.ts';

/** Of `suspicionMs`: until the other has everything, and until it leads. Nothing is proposed meanwhile. */
const READY_PATIENCES = 1;
const LEADING_PATIENCES = 4;

/** Throws UsageError: see `../members/transfer.ts`; `paxos/transfer-bully` where the elector would undo it. */
export function beginTransfer(turn: Turn, request: RequestId, wanted: Json | undefined): void {
  const { state, council, settings, place } = turn;
  common.beginTransfer(turn, 'paxos', state.leader, request, wanted);
  const to = present(state.transfer, 'a transfer').to;
  const wantedPlace = present(council.membership.placeOf(to), 'the place of a member');
  if (place === null || state.elector.keeps(electionTurn(turn, place), wantedPlace)) return;
  state.transfer = null;
  const message = `The elector of this network is ${settings.election}: a member above ${to} is up, and would take the leadership at once. Stop those above it, or choose "ring" or "timeout" as "election" in the genesis file.`;
  throw new UsageError('paxos/transfer-bully', message, { to });
}

/** At the end of every step. */
export function followTransfer(turn: Turn): void {
  const { state, self } = turn;
  const { transfer, leader, promised, role } = state;
  if (transfer === null || role.role !== 'follower' || leader === null || leader === self) return;
  common.transferEnded(turn, 'paxos', leader, { ballot: promised });
}

/** With every heartbeat: the request may be lost. */
export function tickTransfer(turn: Turn): void {
  const { state, settings, nowMs } = turn;
  const { transfer } = state;
  if (transfer === null) return;
  const isReady = makeWay(turn, transfer);
  const patiences = isReady || leadershipOf(state) === null ? LEADING_PATIENCES : READY_PATIENCES;
  if (nowMs - transfer.sinceMs > patiences * settings.suspicionMs) common.giveUpTransfer(turn, 'paxos', state.leader);
}

/** True: the other has been asked. */
function makeWay(turn: Turn, { to }: common.Transfer): boolean {
  const { state, effects } = turn;
  const leadership = leadershipOf(state);
  if (leadership === null) return false;
  const { ballot, top, hasGap, progress } = leadership;
  const accepted = progress.get(to)?.accepted ?? 0;
  if (hasGap || accepted < top || state.commit.height < top) return false;
  effects.push({ type: 'trace', name: 'handedOver', data: { to, ballot, height: top } });
  tell(turn, to, { type: 'stand', ballot });
  return true;
}

/** The leader that this member follows makes way for it. */
export function receiveStand(turn: Turn, from: NodeId, ballot: number): void {
  const { state, nowMs, settings, random } = turn;
  if (state.leader !== from || state.promised !== ballot) return;
  state.elector.yield({ nowMs, patienceMs: settings.suspicionMs, random });
  stand(turn);
}
