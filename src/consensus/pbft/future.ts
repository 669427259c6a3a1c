/** Messages of views that have not begun here: their beginning may be on its way. What does not fit is lost, and asked for. */
import type { NodeId } from '../../base/types.ts';
import type { PbftMessage } from './messages.ts';
import type { Turn } from './state.ts';

/** Of one member. Votes are small. */
const MAX_WAITING_EACH = 16;

type Waiting = { readonly from: NodeId; readonly message: PbftMessage };

/** The sender is a member. */
export function defer({ state }: Turn, from: NodeId, message: PbftMessage): void {
  state.isCurious = true;
  if (message.type === 'preprepare') {
    // A block may be large: there is room for one.
    state.futureProposal = { from, message };
    return;
  }
  const waiting = state.future.get(from) ?? [];
  state.future.set(from, waiting);
  waiting.push(message);
  if (waiting.length > MAX_WAITING_EACH) waiting.shift();
}

/** All that waits, once a view has begun; what is of a later one will be put back. */
export function takeDeferred({ state }: Turn): readonly Waiting[] {
  const proposal = state.futureProposal;
  const votes = [...state.future].flatMap(([from, messages]) => messages.map((message) => ({ from, message })));
  state.futureProposal = null;
  state.future.clear();
  return proposal === null ? votes : [proposal, ...votes];
}
