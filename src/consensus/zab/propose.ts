/**
 * An established leader makes blocks (DSN 2011, algorithm 3): when there is work, on blocks that need not be decided yet. It need not begin with an
 * empty one: what it began with is decided once a quorum has it.
 */
import { present } from '../../base/assert.ts';
import type { Event } from '../engine.ts';
import { buildDelayMs, hasContent } from '../members/building.ts';
import { draftWhenDue, takeDraft } from '../members/drafting.ts';
import { insertBlock } from '../members/runs.ts';
import { appendBlock } from './persist.ts';
import { establishedOf, type Turn } from './state.ts';

/** Blocks of the leader that are not decided yet. */
const MAX_UNDECIDED = 64;

/** At the end of every step. */
export function propose(turn: Turn): void {
  const { state, chain } = turn;
  const { history, commit, drafts, transfer } = state;
  if (establishedOf(state) === null || transfer !== null || history.last.height - commit >= MAX_UNDECIDED) return;
  if (chain.status(history.last.hash) !== 'executed') return;
  const parent = present(chain.get(history.last.hash), 'the last block of the history');
  draftWhenDue(turn, drafts, parent, delayOf(turn), { round: state.epochs.current, reason: state.hasWork ? 'work' : 'due' });
}

/** Null: nothing calls for a block. */
function delayOf({ state, settings, nowMs }: Turn): number | null {
  const { hasWork, history, commit } = state;
  // While a quorum is slow, empty blocks would only pile up.
  if (!hasWork && history.last.height > commit) return null;
  return buildDelayMs(settings, { hasWork, sinceMs: nowMs - state.lastBlockMs });
}

export function blockBuilt(turn: Turn, event: Extract<Event<never>, { type: 'built' }>): void {
  const { state, nowMs } = turn;
  const built = takeDraft(turn, state.drafts, event);
  if (built === null) return;
  const { block, draft } = built;
  const isWorth = hasContent(block);
  state.hasWork = isWorth;
  if (draft.parent !== state.history.last.hash || (!isWorth && draft.reason === 'work')) return;
  state.lastBlockMs = nowMs;
  appendBlock(turn, block);
  insertBlock(turn, block);
}
