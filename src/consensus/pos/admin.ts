/** Questions of the operator and of RPC about validators, duties and votes. */
import { UsageError } from '../../base/errors.ts';
import { type Json, quote } from '../../base/types.ts';
import type { AdminCommand, RequestId } from '../engine.ts';
import type { Turn } from './state.ts';

export function answerAdmin(turn: Turn, request: RequestId, { name }: AdminCommand): void {
  const result: Json | UsageError = new UsageError('pos/command', `Proof-of-stake knows no command ${quote(name)}.`);
  turn.effects.push({ type: 'reply', request, result });
}
