/**
 * The leader makes blocks when there is work, on blocks that need not be decided yet. An empty block takes a slot that phase 1
 * has shown a lost value in (the no-op of Paxos Made Simple, section 3).
 */
import { present } from '../../base/assert.ts';
import type { Hash } from '../../base/types.ts';
import type { Event } from '../engine.ts';
import { buildDelayMs, fieldsOf } from '../members/building.ts';
import { proposeNext } from './leader.ts';
import type { PaxosMessage } from './messages.ts';
import { BUILD_TIMER } from './roles.ts';
import { type Leadership, leadershipOf, type Turn } from './state.ts';

/** At the end of every step. */
export function propose(turn: Turn): void {
  const { state, chain, settings } = turn;
  const leadership = leadershipOf(state);
  if (leadership === null || leadership.draft !== null || leadership.top - state.commit.height >= settings.window) return;
  const parent = state.log.at(leadership.top);
  if (parent === undefined || chain.status(parent.hash) !== 'executed') return;
  const delayMs = delayOf(turn, leadership);
  if (delayMs === null) return;
  if (delayMs > 0) return buildLater(turn, leadership, delayMs);
  leadership.buildAtMs = null;
  build(turn, leadership, parent.hash);
}

/** Null: nothing calls for a block. */
function delayOf({ state, settings, nowMs }: Turn, { hasGap, top }: Leadership): number | null {
  if (hasGap) return 0;
  // Without a majority empty blocks would only pile up.
  if (!state.hasWork && top > state.commit.height) return null;
  return buildDelayMs(settings, { hasWork: state.hasWork, sinceMs: nowMs - state.lastBlockMs });
}

function buildLater({ effects, nowMs }: Turn, leadership: Leadership, delayMs: number): void {
  // Whole milliseconds: a fraction that a timer rounds down would be asked for again without end.
  const wholeMs = Math.ceil(delayMs);
  const atMs = nowMs + wholeMs;
  if (leadership.buildAtMs !== null && Math.abs(leadership.buildAtMs - atMs) < 1) return;
  leadership.buildAtMs = atMs;
  effects.push({ type: 'setTimer', id: BUILD_TIMER, delayMs: wholeMs });
}

function build({ state, chain, council, beneficiary, wallMs, effects }: Turn, leadership: Leadership, onto: Hash): void {
  const parent = present(chain.get(onto), 'the highest block that was proposed');
  const request = state.nextRequest++;
  leadership.draft = { request, isWanted: leadership.hasGap || !state.hasWork };
  const round = BigInt(leadership.ballot);
  const fields = fieldsOf({ parent, wallMs, beneficiary, membership: council.membership, round, payload: new Uint8Array(0) });
  effects.push({ type: 'build', request, parent: parent.hash, fields });
}

/** The build timer: `propose` looks at the clock. */
export function buildIsDue({ state }: Turn): void {
  const leadership = leadershipOf(state);
  if (leadership !== null) leadership.buildAtMs = null;
}

export function blockBuilt(turn: Turn, { request, block }: Extract<Event<PaxosMessage>, { type: 'built' }>): void {
  const { state } = turn;
  const leadership = leadershipOf(state);
  if (leadership?.draft?.request !== request) return;
  const { isWanted } = leadership.draft;
  leadership.draft = null;
  const hasTransactions = block !== null && block.transactions.length > 0;
  state.hasWork = hasTransactions;
  if (block === null || block.header.parentHash !== state.log.at(leadership.top)?.hash || (!hasTransactions && !isWanted)) return;
  proposeNext(turn, leadership, block);
}
