/** What the operator can ask of a member: `status` and `read` (`reads.ts`). */
import { UsageError } from '../../base/errors.ts';
import { quote } from '../../base/types.ts';
import type { AdminCommand, RequestId } from '../engine.ts';
import { inspect } from './inspect.ts';
import { reply, startRead } from './reads.ts';
import type { Turn } from './state.ts';

export function answerAdmin(turn: Turn, request: RequestId, { name }: AdminCommand): void {
  switch (name) {
    case 'status':
      return reply(turn, request, inspect(turn.rules, turn.state));
    case 'read':
      return startRead(turn, request);
    default:
      return reply(turn, request, new UsageError('pbft/admin', `Unknown command ${quote(name)}; PBFT knows status and read.`));
  }
}
