/** The primary's part (section 4.2): when it makes a block, and which. */
import type { Block } from '../../chain/block.ts';
import { hashHeader } from '../../chain/header.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import type { Event } from '../engine.ts';
import { buildDelayMs, hasContent } from '../members/building.ts';
import { draftNow, draftWhenDue, takeDraft } from '../members/drafting.ts';
import { isMissing } from './agreement.ts';
import { activeHeight, highWaterMark, primaryOf, roundAt, type Turn, trace } from './state.ts';

/** At the end of every step. */
export function proposeWhenDue(turn: Turn, head: HeaderNode): void {
  const { state, chain } = turn;
  const { entered } = state;
  const height = activeHeight(state);
  if (state.place === null || state.isChanging || primaryOf(turn, entered.view) !== state.place || isMissing(turn)) return;
  // Its own head may be newer than what it can prove; the others will tell.
  if (head.header.number >= height || height > highWaterMark(turn) || state.rounds.get(height)?.proposal) return;
  const { prepare } = state.signed;
  if (prepare?.view === entered.view && prepare.height >= height) return;
  if (entered.carried !== null && height === entered.base + 1) {
    const block = entered.block ?? chain.block(entered.carried);
    if (block !== undefined) propose(turn, block);
    return;
  }
  const reason = state.hasWork && !state.isOwed ? 'work' : 'due';
  draftWhenDue(turn, state.drafts, head, proposalDelayMs(turn), { round: entered.view, reason });
}

/** Until the next block is due; null when nothing calls for one. A new view shows at once that it works: a null request. */
export function proposalDelayMs({ state, rules, nowMs }: Turn): number | null {
  if (state.isOwed) return 0;
  const delayMs = buildDelayMs(rules.settings, { hasWork: state.hasWork, sinceMs: Math.max(0, nowMs - state.lastBlockMs) });
  return delayMs === null ? null : Math.ceil(delayMs);
}

/** A backup sees whether there is anything that a block could be made of. */
export function probe(turn: Turn): void {
  draftNow(turn, turn.state.drafts, turn.chain.head, { round: turn.state.entered.view, reason: 'probe' });
}

/** The reply. True when this was a probe that found work which the primary leaves undone. */
export function blockBuilt(turn: Turn, event: Extract<Event<never>, { type: 'built' }>): boolean {
  const { state, rules, nowMs } = turn;
  const built = takeDraft(turn, state.drafts, event);
  if (built === null) return false;
  const { block, draft } = built;
  const { number } = block.header;
  const isEmpty = !hasContent(block);
  if (isEmpty) state.hasWork = false;
  if (state.isChanging || draft.round !== state.entered.view || number !== activeHeight(state)) return false;
  if (draft.reason === 'probe') return !isEmpty && !state.rounds.get(number)?.proposal;
  const { emptyBlockMs } = rules.settings;
  const isEmptyWanted = state.isOwed || (emptyBlockMs > 0 && nowMs - state.lastBlockMs >= emptyBlockMs);
  if (isEmpty && !isEmptyWanted) return false;
  if (isEmpty && state.isOwed) trace(turn, 'nullRequest', { view: draft.round, height: number });
  propose(turn, block);
  return false;
}

/** It is voted for, and sent, once it is executed (`agreement.ts`). */
function propose({ state }: Turn, block: Block): void {
  const { number } = block.header;
  roundAt(state, number).proposal ??= { block, hash: hashHeader(block.header), vote: null };
}
