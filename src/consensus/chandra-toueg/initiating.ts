/**
 * When an instance begins, and with which value. The paper's processes all propose from the start. Here a network without work
 * stands still: the coordinator of the first round (the first who is not suspected) begins when there is work or an empty block
 * is due. Who has work that it leaves undone for a while makes a block itself, and begins with that as its first value.
 */
import { hashHeader } from '../../chain/header.ts';
import type { Event } from '../engine.ts';
import { buildDelayMs, hasContent } from '../members/building.ts';
import { draftNow, draftWhenDue, takeDraft } from '../members/drafting.ts';
import { enterRound } from './rounds.ts';
import { coordinatorOf, nextHeight, type Turn } from './state.ts';

/** Decided blocks that the chain on disk has not: no further instance begins above so many. */
const MAX_AHEAD = 64;

/** At the end of every step. */
export function beginWhenDue(turn: Turn): void {
  const { state, chain } = turn;
  if (state.attempt !== null) return;
  const height = nextHeight(state);
  const note = state.notes.get(height);
  // It had begun before this node went down.
  if (note !== undefined && note.records > 0) return enterRound(turn, note.round, 'restart');
  const parent = chain.get(state.decided.hash);
  if (parent === undefined || height - state.stored > MAX_AHEAD || chain.status(parent.hash) !== 'executed') return;
  draftWhenDue(turn, state.drafts, parent, delayOf(turn, height), { round: 1, reason: state.hasWork ? 'work' : 'due' });
}

/** Null: nothing calls for a block. Who is not the first to begin waits until the one who is seems to leave it undone. */
function delayOf({ state, settings, council, self, nowMs }: Turn, height: number): number | null {
  const { hasWork, lastBlockMs, workSinceMs, suspected } = state;
  const afterMs = buildDelayMs(settings, { hasWork, sinceMs: 0 });
  if (afterMs === null) return null;
  const dueMs = Math.max(lastBlockMs + afterMs, hasWork ? workSinceMs : 0);
  let round = 1;
  while (suspected.has(coordinatorOf(council.membership, height, round))) round++;
  const isFirst = coordinatorOf(council.membership, height, round) === self;
  return Math.max(0, dueMs + (isFirst ? 0 : settings.suspicionMs) - nowMs);
}

/** Asks for a block of the instance that is under way, unless one on this parent is asked for already. */
export function draftValue(turn: Turn, round: number): void {
  const { state, chain } = turn;
  const parent = chain.get(state.decided.hash);
  if (parent === undefined || state.drafts.open?.parent === parent.hash || chain.status(parent.hash) !== 'executed') return;
  draftNow(turn, state.drafts, parent, { round, reason: 'due' });
}

/** The reply. True: an instance is to begin with it. */
export function blockBuilt(turn: Turn, event: Extract<Event<never>, { type: 'built' }>): boolean {
  const { state, settings, nowMs } = turn;
  const built = takeDraft(turn, state.drafts, event);
  if (built === null) return false;
  const { block, draft } = built;
  const isWorth = hasContent(block);
  state.hasWork = isWorth;
  if (draft.parent !== state.decided.hash) return false;
  const { emptyBlockMs } = settings;
  const isDue = emptyBlockMs > 0 && nowMs - state.lastBlockMs >= emptyBlockMs;
  // Nobody asked for a block without transactions: the pool had nothing that can be executed now.
  if (!isWorth && !isDue && state.attempt === null) return false;
  state.initial = { height: nextHeight(state), value: { hash: hashHeader(block.header), block } };
  return state.attempt === null;
}

/** There may be transactions that no block has. */
export function workHasCome({ state, nowMs }: Turn): void {
  if (!state.hasWork) state.workSinceMs = nowMs;
  state.hasWork = true;
}
