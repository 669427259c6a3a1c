/** The operator's commands: `status`, `read` (reads.ts). */
import { UsageError } from '../../base/errors.ts';
import type { Commands } from '../members/admin.ts';
import { beginRead } from '../members/reads.ts';
import { inspect } from './inspect.ts';
import { provenHeight, readPolicy } from './reads.ts';
import type { Turn } from './state.ts';

export function commandsOf(turn: Turn): Commands {
  const { rules, state, self, council } = turn;
  return {
    engine: 'pbft',
    title: 'PBFT',
    byName: {
      status: () => inspect(rules, state),
      read: (request) => void beginRead(turn, state.reads, readPolicy(turn), request, { self, height: provenHeight(state) }),
      transfer: () => refuseTransfer(council.membership.faulty),
    },
  };
}

function refuseTransfer(faulty: number): never {
  const message = `The view says who is PBFT's primary, and no member can change the view alone: ${faulty + 1} have to leave it, or one that is faulty could take the turn from any primary. To take a primary out of service, stop it: the others go on in the next view.`;
  throw new UsageError('pbft/transfer', message);
}
