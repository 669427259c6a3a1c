/**
 * Handing the leadership to another member, on the operator's wish: what is the same whoever leads. The leader proposes nothing
 * more until the other has everything, and then makes way for it; how, is the engine's. It does not wait for long.
 */
import { UsageError } from '../../base/errors.ts';
import { type Json, type NodeId, quoteJson } from '../../base/types.ts';
import type { Context, RequestId } from '../engine.ts';
import type { Council } from './council.ts';
import type { EffectSink } from './decisions.ts';

export interface Transfer {
  readonly to: NodeId;
  readonly request: RequestId;
  /** Monotonic. */
  readonly sinceMs: number;
}

export interface TransferTurn extends Pick<Context, 'self' | 'nowMs'> {
  readonly council: Council;
  readonly effects: EffectSink<never>;
  readonly state: { transfer: Transfer | null };
}

/** `leader`: as far as this node knows. Throws UsageError `<engine>/not-leader`, `<engine>/transfer-busy`, `<engine>/transfer-to`. */
export function beginTransfer(
  turn: TransferTurn,
  engine: string,
  leader: NodeId | null,
  request: RequestId,
  wanted: Json | undefined,
): void {
  const { state, council, self, nowMs } = turn;
  if (leader !== self) {
    const whose = leader === null ? 'It knows of no leader now' : `The leader is ${leader}`;
    throw new UsageError(`${engine}/not-leader`, `This node does not lead, and cannot hand over what it has not. ${whose}.`);
  }
  if (state.transfer !== null) {
    throw new UsageError(`${engine}/transfer-busy`, `The leadership is already on its way to ${state.transfer.to}.`);
  }
  const others = [...council.membership.others(self)];
  const to = others.find((node) => node === wanted);
  if (to === undefined) {
    const message = `Cannot transfer to ${quoteJson(wanted)}; expected one of ${others.join(', ')}.`;
    throw new UsageError(`${engine}/transfer-to`, message);
  }
  state.transfer = { to, request, sinceMs: nowMs };
}

/** Somebody else leads now: the one who was meant, or another. `since`: its term, epoch or ballot. */
export function transferEnded(turn: TransferTurn, engine: string, leader: NodeId, since: { readonly [name: string]: Json }): void {
  const { transfer } = turn.state;
  if (transfer === null) return;
  if (leader === transfer.to) reply(turn, transfer, { leader, ...since });
  else reply(turn, transfer, notTaken(engine, transfer, `${leader} leads`));
}

/** It took too long. The leader, if it still is one, goes on as before. */
export function giveUpTransfer(turn: TransferTurn, engine: string, leader: NodeId | null): void {
  const { transfer } = turn.state;
  if (transfer !== null) reply(turn, transfer, notTaken(engine, transfer, leader === null ? 'no leader is known' : `${leader} leads`));
}

function notTaken(engine: string, { to }: Transfer, now: string): UsageError {
  return new UsageError(`${engine}/transfer`, `Node ${to} did not take over the leadership in time; ${now}. It may be behind or cut off.`);
}

function reply({ effects, state }: TransferTurn, { request }: Transfer, result: Json | UsageError): void {
  state.transfer = null;
  effects.push({ type: 'reply', request, result });
}
