/** Messages of views that have not begun here: their beginning may be on its way. What does not fit is lost, and asked for. */
import type { NodeId } from '../../base/types.ts';
import { checkProposer } from './agreement.ts';
import type { PbftMessage } from './messages.ts';
import type { Turn } from './state.ts';

/** Of one member. Votes are small. */
const MAX_WAITING_EACH = 16;

type Waiting = { readonly from: NodeId; readonly message: PbftMessage };

/** The sender is a member. Throws RuleError for a proposal that its view's primary has not made. */
export function defer(turn: Turn, from: NodeId, message: PbftMessage): void {
  const { state } = turn;
  if (message.type === 'preprepare') return deferProposal(turn, from, message);
  state.isCurious = true;
  const waiting = state.future.get(from) ?? [];
  state.future.set(from, waiting);
  waiting.push(message);
  if (waiting.length > MAX_WAITING_EACH) waiting.shift();
}

/** A block may be large: there is room for one, that of the nearest view, so that nobody can push it out with another. */
function deferProposal(turn: Turn, from: NodeId, message: Extract<PbftMessage, { type: 'preprepare' }>): void {
  const { state } = turn;
  const view = checkProposer(turn, message.vote);
  state.isCurious = true;
  if (state.futureProposal !== null && state.futureProposal.view <= view) return;
  state.futureProposal = { from, message, view };
}

/** All that waits, once a view has begun; what is of a later one will be put back. */
export function takeDeferred({ state }: Turn): readonly Waiting[] {
  const proposal = state.futureProposal;
  const votes = [...state.future].flatMap(([from, messages]) => messages.map((message) => ({ from, message })));
  state.futureProposal = null;
  state.future.clear();
  return proposal === null ? votes : [{ from: proposal.from, message: proposal.message }, ...votes];
}
