/**
 * The leader makes blocks when there is work, on blocks that need not be decided yet. An empty block takes a slot that phase 1
 * has shown a lost value in (the no-op of Paxos Made Simple, section 3).
 */
import { present } from '../../base/assert.ts';
import type { Event } from '../engine.ts';
import { buildDelayMs, hasContent } from '../members/building.ts';
import { draftWhenDue, takeDraft } from '../members/drafting.ts';
import { proposeNext } from './leader.ts';
import { type Leadership, leadershipOf, type Turn } from './state.ts';

/** At the end of every step. */
export function propose(turn: Turn): void {
  const { state, chain, settings } = turn;
  const leadership = leadershipOf(state);
  if (leadership === null || leadership.top - state.commit.height >= settings.window) return;
  // Who makes way fills the slots that it has shown to be free, and no others.
  if (state.transfer !== null && !leadership.hasGap) return;
  const parent = state.log.at(leadership.top);
  if (parent === undefined || chain.status(parent.hash) !== 'executed') return;
  const onto = present(chain.get(parent.hash), 'the highest block that was proposed');
  const reason = leadership.hasGap || !state.hasWork ? 'due' : 'work';
  draftWhenDue(turn, state.drafts, onto, delayOf(turn, leadership), { round: leadership.ballot, reason });
}

/** Null: nothing calls for a block. */
function delayOf({ state, settings, nowMs }: Turn, { hasGap, top }: Leadership): number | null {
  if (hasGap) return 0;
  // Without a majority empty blocks would only pile up.
  if (!state.hasWork && top > state.commit.height) return null;
  return buildDelayMs(settings, { hasWork: state.hasWork, sinceMs: nowMs - state.lastBlockMs });
}

export function blockBuilt(turn: Turn, event: Extract<Event<never>, { type: 'built' }>): void {
  const { state } = turn;
  const built = takeDraft(turn, state.drafts, event);
  const leadership = leadershipOf(state);
  if (built === null || leadership === null || built.draft.round !== leadership.ballot) return;
  const { block, draft } = built;
  const isWorth = hasContent(block);
  state.hasWork = isWorth;
  if (draft.parent !== state.log.at(leadership.top)?.hash || (!isWorth && draft.reason === 'work')) return;
  proposeNext(turn, leadership, block);
}
