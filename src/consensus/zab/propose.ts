/**
 * An established leader makes blocks (DSN 2011, algorithm 3): when there is work, on blocks that need not be decided yet. It need not begin with an
 * empty one: what it began with is decided once a quorum has it.
 */
import { present } from '../../base/assert.ts';
import type { Event } from '../engine.ts';
import { buildDelayMs, fieldsOf } from '../members/building.ts';
import { factsOf } from '../members/council.ts';
import { execute } from '../members/decisions.ts';
import type { ZabMessage } from './messages.ts';
import { appendBlock } from './persist.ts';
import { BUILD_TIMER } from './roles.ts';
import { establishedOf, type Leading, type Turn } from './state.ts';

/** Blocks of the leader that are not decided yet. */
const MAX_UNDECIDED = 64;

/** At the end of every step. */
export function propose(turn: Turn): void {
  const { state, chain } = turn;
  const leading = establishedOf(state);
  const { history, commit } = state;
  if (leading === null || leading.draft !== null || history.last.height - commit >= MAX_UNDECIDED) return;
  if (chain.status(history.last.hash) !== 'executed') return;
  const delayMs = delayOf(turn);
  if (delayMs === null) return;
  if (delayMs > 0) return buildLater(turn, leading, delayMs);
  leading.buildAtMs = null;
  build(turn, leading);
}

/** Null: nothing calls for a block. */
function delayOf({ state, settings, nowMs }: Turn): number | null {
  const { hasWork, history, commit } = state;
  // While a quorum is slow, empty blocks would only pile up.
  if (!hasWork && history.last.height > commit) return null;
  return buildDelayMs(settings, { hasWork, sinceMs: nowMs - state.lastBlockMs });
}

function buildLater({ effects, nowMs }: Turn, leading: Leading, delayMs: number): void {
  // A timer that rounds a fraction down would be asked for again without end.
  const wholeMs = Math.ceil(delayMs);
  const atMs = nowMs + wholeMs;
  if (leading.buildAtMs !== null && Math.abs(leading.buildAtMs - atMs) < 1) return;
  leading.buildAtMs = atMs;
  effects.push({ type: 'setTimer', id: BUILD_TIMER, delayMs: wholeMs });
}

function build(turn: Turn, leading: Leading): void {
  const { state, chain, council, beneficiary, wallMs, effects } = turn;
  const parent = present(chain.get(state.history.last.hash), 'the last block of the history');
  const request = state.nextRequest++;
  leading.draft = { request, isWanted: !state.hasWork, hasFailed: false };
  const round = BigInt(state.epochs.current);
  const fields = fieldsOf({ parent, wallMs, beneficiary, membership: council.membership, round, payload: new Uint8Array(0) });
  effects.push({ type: 'build', request, parent: parent.hash, fields });
}

/** The build timer: `propose` looks at the clock. */
export function buildIsDue({ state }: Turn): void {
  const leading = establishedOf(state);
  if (leading === null) return;
  leading.buildAtMs = null;
  if (leading.draft?.hasFailed === true) leading.draft = null;
}

export function blockBuilt(turn: Turn, { request, block }: Extract<Event<ZabMessage>, { type: 'built' }>): void {
  const { state, effects, nowMs, settings } = turn;
  const leading = establishedOf(state);
  if (leading?.draft?.request !== request) return;
  if (block === null) {
    // At once it would fail again.
    leading.draft = { ...leading.draft, hasFailed: true };
    effects.push({ type: 'setTimer', id: BUILD_TIMER, delayMs: settings.tickMs });
    return;
  }
  const { isWanted } = leading.draft;
  leading.draft = null;
  const hasTransactions = block.transactions.length > 0;
  state.hasWork = hasTransactions;
  if (block.header.parentHash !== state.history.last.hash || (!hasTransactions && !isWanted)) return;
  state.lastBlockMs = nowMs;
  const { hash } = appendBlock(turn, block);
  effects.push({ type: 'insert', block, facts: factsOf(block.header) });
  execute(turn, hash);
}
