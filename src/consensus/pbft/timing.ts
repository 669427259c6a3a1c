/**
 * How long a view is waited for (section 4.5.2): the time-out doubles with every view that fails, up to a cap, and begins
 * anew when a block is committed. A view that has just been left is timed from the moment in which a quorum has left it, so
 * that nobody runs ahead alone.
 *
 *   waits for                      since                            then
 *   the new view's primary         a quorum wants the view          next view
 *   a block that is under way      it was heard of                  next view
 *   the first block of a view      the view began                   next view
 *   a block that may be due        the last block                   looks whether there is anything to do; if so, next view
 */
import { isMissing, isUnproven } from './agreement.ts';
import { blockBuilt, probe, proposalDelayMs } from './proposing.ts';
import { activeHeight, type Turn } from './state.ts';
import { hasQuorum, startViewChange } from './views.ts';

export const VIEW_TIMER = 'view';
/** Beyond, doubling has no meaning in numbers of this size. */
const MAX_DOUBLINGS = 30;

/** Of the view that is waited for. */
export function timeoutMs({ state, rules }: Turn): number {
  const { viewTimeoutMs, maxViewTimeoutMs } = rules.settings;
  const failed = Math.max(0, state.view - state.calmView);
  return Math.min(maxViewTimeoutMs, viewTimeoutMs * 2 ** Math.min(failed, MAX_DOUBLINGS));
}

/** At the end of every step: sets the timer when what is waited for has changed. */
export function armViewTimer(turn: Turn): void {
  const { state, effects } = turn;
  const wait = waited(turn);
  if (wait?.what === state.timedFor || (wait === null && state.timedFor === null)) return;
  state.timedFor = wait?.what ?? null;
  if (wait === null) effects.push({ type: 'cancelTimer', id: VIEW_TIMER });
  else effects.push({ type: 'setTimer', id: VIEW_TIMER, delayMs: wait.delayMs });
}

function waited(turn: Turn): { readonly what: string; readonly delayMs: number } | null {
  const { state } = turn;
  const delayMs = timeoutMs(turn);
  if (state.place === null) return null;
  if (state.isChanging) return hasQuorum(turn) ? { what: `view ${state.view}`, delayMs } : null;
  // The others can go on without this member; if they cannot, they will say so.
  if (isMissing(turn)) return null;
  if (isUnderWay(turn)) return { what: `block ${state.view}/${activeHeight(state)}`, delayMs };
  const dueMs = proposalDelayMs(turn);
  return dueMs === null ? null : { what: `due ${state.view}/${activeHeight(state)}/${state.hasWork}`, delayMs: dueMs + delayMs };
}

/** A block has been heard of, or is owed, that is not committed yet. */
export function isUnderWay(turn: Turn): boolean {
  const { state } = turn;
  const round = state.rounds.get(activeHeight(state));
  return (
    state.isOwed ||
    isUnproven(turn) ||
    (round !== undefined && (round.proposal !== null || round.votes.prepare.size + round.votes.commit.size > 0))
  );
}

/** The view timer ran out. */
export function viewTimedOut(turn: Turn): void {
  const { state, rules, chain, nowMs } = turn;
  state.timedFor = null;
  if (state.place === null) return;
  if (state.isChanging) return startViewChange(turn, state.view + 1, 'no new view');
  if (isUnderWay(turn)) return startViewChange(turn, state.view + 1, 'no block');
  if (state.drafts.open !== null) return;
  const { emptyBlockMs } = rules.settings;
  const isSure = emptyBlockMs > 0 && nowMs - state.lastBlockMs >= emptyBlockMs + rules.settings.viewTimeoutMs;
  if (isSure) startViewChange(turn, state.view + 1, 'no block');
  else if (chain.head.header.number === activeHeight(state) - 1) probe(turn);
}

/** A block was built: proposed, or looked at to see whether the primary leaves work undone. */
export function takeBuilt(turn: Turn, event: Parameters<typeof blockBuilt>[1]): void {
  if (blockBuilt(turn, event)) startViewChange(turn, turn.state.view + 1, 'work undone');
}
