/**
 * The leader makes blocks: the first of its term at once and even without transactions, since only a block of its own term
 * decides those before it (Ongaro's dissertation, sections 3.6.2 and 6.4); then when there is work, on blocks that need not
 * be decided yet.
 */

import { present } from '../../base/assert.ts';
import { EMPTY } from '../../base/bytes.ts';
import { hashHeader } from '../../chain/header.ts';
import type { Event } from '../engine.ts';
import { buildDelayMs, fieldsOf, hasContent } from '../members/building.ts';
import { type Change, encodeChange } from '../members/changes.ts';
import { factsOf } from '../members/council.ts';
import { execute } from '../members/decisions.ts';
import { nextChange } from './change.ts';
import type { RaftMessage } from './messages.ts';
import { appendBlock } from './persist.ts';
import { BUILD_TIMER } from './roles.ts';
import { type Leadership, leadershipOf, type Turn } from './state.ts';

/** Blocks of the leader that are not decided yet. */
const MAX_UNDECIDED = 64;

/** At the end of every step. */
export function propose(turn: Turn): void {
  const { state, chain } = turn;
  const leadership = leadershipOf(state);
  const { log, commit } = state;
  if (leadership === null || leadership.draft !== null || state.transfer !== null || log.last.height - commit >= MAX_UNDECIDED) return;
  if (chain.status(log.last.hash) !== 'executed') return;
  const change = nextChange(turn);
  const delayMs = change === null ? delayOf(turn, leadership) : 0;
  if (delayMs === null) return;
  if (delayMs > 0) return buildLater(turn, leadership, delayMs);
  leadership.buildAtMs = null;
  build(turn, leadership, change);
}

/** Null: nothing calls for a block. */
function delayOf({ state, settings, nowMs }: Turn, { first }: Leadership): number | null {
  if (first === null) return 0;
  const { hasWork, log, commit } = state;
  // Without a quorum empty blocks would only pile up.
  if (!hasWork && log.last.height > commit) return null;
  return buildDelayMs(settings, { hasWork, sinceMs: nowMs - state.lastBlockMs });
}

function buildLater({ effects, nowMs }: Turn, leadership: Leadership, delayMs: number): void {
  // Whole milliseconds: a fraction that a timer rounds down would be asked for again without end.
  const wholeMs = Math.ceil(delayMs);
  const atMs = nowMs + wholeMs;
  if (leadership.buildAtMs !== null && Math.abs(leadership.buildAtMs - atMs) < 1) return;
  leadership.buildAtMs = atMs;
  effects.push({ type: 'setTimer', id: BUILD_TIMER, delayMs: wholeMs });
}

function build(turn: Turn, leadership: Leadership, change: Change | null): void {
  const { state, chain, council, beneficiary, wallMs, effects } = turn;
  const parent = present(chain.get(state.log.last.hash), 'the last block of the log');
  const request = state.nextRequest++;
  leadership.draft = { request, isWanted: leadership.first === null || change !== null || !state.hasWork };
  const round = BigInt(state.term);
  const membership = change?.membership ?? council.membership;
  const payload = change === null ? EMPTY : encodeChange(change);
  const fields = fieldsOf({ parent, wallMs, beneficiary, membership, round, payload });
  effects.push({ type: 'build', request, parent: parent.hash, fields });
}

/** The build timer: `propose` looks at the clock. */
export function buildIsDue({ state }: Turn): void {
  const leadership = leadershipOf(state);
  if (leadership === null) return;
  leadership.buildAtMs = null;
  if (leadership.draft?.request === null) leadership.draft = null;
}

export function blockBuilt(turn: Turn, { request, block }: Extract<Event<RaftMessage>, { type: 'built' }>): void {
  const { state, chain, councils, effects, nowMs, settings } = turn;
  const leadership = leadershipOf(state);
  if (leadership?.draft?.request !== request) return;
  const { isWanted } = leadership.draft;
  if (block === null) {
    // Asked again at once, it would fail again at once.
    leadership.draft = { request: null, isWanted };
    effects.push({ type: 'setTimer', id: BUILD_TIMER, delayMs: settings.heartbeatMs });
    return;
  }
  leadership.draft = null;
  const isWorth = hasContent(block);
  state.hasWork = isWorth;
  if (block.header.parentHash !== state.log.last.hash || (!isWorth && !isWanted)) return;
  state.lastBlockMs = nowMs;
  const parent = present(chain.get(block.header.parentHash), 'the last block of the log');
  const { height } = appendBlock(turn, block, councils.admit(block, parent, chain));
  leadership.first ??= height;
  effects.push({ type: 'insert', block, facts: factsOf(block.header) });
  execute(turn, hashHeader(block.header));
}
