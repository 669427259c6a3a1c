/**
 * When an instance begins, and with which value. The paper's processes all propose from the start. Here a network without work
 * stands still: the coordinator of the first round (the first who is not suspected) begins when there is work or an empty block
 * is due. Who has work that it leaves undone for a while makes a block itself, and begins with that as its first value.
 */
import { hashHeader } from '../../chain/header.ts';
import type { Event } from '../engine.ts';
import { buildDelayMs, fieldsOf } from '../members/building.ts';
import { enterRound } from './rounds.ts';
import { coordinatorOf, nextHeight, type Turn } from './state.ts';

export const BUILD_TIMER = 'build';
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
  if (state.building?.height === height || height - state.stored > MAX_AHEAD || chain.status(state.decided.hash) !== 'executed') return;
  const delayMs = delayOf(turn, height);
  if (delayMs === null) return;
  if (delayMs > 0) return buildLater(turn, delayMs);
  state.buildAtMs = null;
  buildFor(turn, height);
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

function buildLater({ state, effects, nowMs }: Turn, delayMs: number): void {
  // Whole milliseconds: a fraction that a timer rounds down would be asked for again without end.
  const wholeMs = Math.ceil(delayMs);
  const atMs = nowMs + wholeMs;
  if (state.buildAtMs !== null && Math.abs(state.buildAtMs - atMs) < 1) return;
  state.buildAtMs = atMs;
  effects.push({ type: 'setTimer', id: BUILD_TIMER, delayMs: wholeMs });
}

/** Asks for a block of this height, unless that is under way. */
export function buildFor(turn: Turn, height: number): void {
  const { state, chain, council, beneficiary, wallMs, effects } = turn;
  const parent = chain.get(state.decided.hash);
  if (state.building?.height === height || parent === undefined || chain.status(parent.hash) !== 'executed') return;
  const request = state.nextRequest++;
  state.building = { request, height };
  const round = BigInt(state.attempt?.round ?? 1);
  const fields = fieldsOf({ parent, wallMs, beneficiary, membership: council.membership, round, payload: new Uint8Array(0) });
  effects.push({ type: 'build', request, parent: parent.hash, fields });
}

export function blockBuilt({ state, settings, nowMs }: Turn, { request, block }: Extract<Event<never>, { type: 'built' }>): boolean {
  if (state.building?.request !== request) return false;
  const { height } = state.building;
  state.building = null;
  const hasTransactions = block !== null && block.transactions.length > 0;
  state.hasWork = hasTransactions;
  if (block === null || height !== nextHeight(state) || block.header.parentHash !== state.decided.hash) return false;
  const { emptyBlockMs } = settings;
  const isDue = emptyBlockMs > 0 && nowMs - state.lastBlockMs >= emptyBlockMs;
  // Nobody asked for a block without transactions: the pool had nothing that can be executed now.
  if (!hasTransactions && !isDue && state.attempt === null) return false;
  state.initial = { height, value: { hash: hashHeader(block.header), block } };
  return state.attempt === null;
}

/** There may be transactions that no block has. */
export function workHasCome({ state, nowMs }: Turn): void {
  if (!state.hasWork) state.workSinceMs = nowMs;
  state.hasWork = true;
}
