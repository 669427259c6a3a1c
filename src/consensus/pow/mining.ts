/**
 * When to build, when to look for a proof, and what to do with one. Hashing and building happen elsewhere; this decides.
 *
 *   build (template) -> seal (search) -> sealed -> insert, announce, check -> new head -> build ...
 *
 * The template is renewed on a new head, every few seconds (its time grows stale, and at the edge of a pause its
 * difficulty changes) and soon after new transactions; the search goes on with the old one until the new one is there.
 * While a heavier branch is being executed nothing is built: its tip will be the head in a moment, or a sync is running.
 */

import { EMPTY } from '../../base/bytes.ts';
import { RuleError } from '../../base/errors.ts';
import { ZERO_HASH } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { EMPTY_NONCE, type Header, hashHeader } from '../../chain/header.ts';
import type { BuildFields, RequestId } from '../engine.ts';
import { insertBlock } from './arrivals.ts';
import { chooseHead } from './forkchoice.ts';
import { latestTime, nextDifficulty, recentTimes, verifyHeader } from './rules.ts';
import { type Turn, trace } from './state.ts';
import { targetOf } from './work.ts';

export const REFRESH_MS = 5_000;
/** At least this long between two templates that differ only in their transactions. */
export const TRANSACTIONS_REFRESH_MS = 500;
/** The first transactions into an empty template wait less: somebody may be watching. */
export const FIRST_TRANSACTIONS_REFRESH_MS = 50;

export const REFRESH_TIMER = 'refresh';

/** After every step: drops a template that stands on an old head, and asks for one when the head is settled. */
export function keepMining(turn: Turn): void {
  const { mining, head, counts } = turn.state;
  if (!mining.producing) return;
  if (mining.requestedFor !== head.hash) mining.building = null;
  if (mining.template !== null && mining.template.block.header.parentHash !== head.hash) {
    counts.abandoned++;
    trace(turn, 'abandoned', { number: mining.template.block.header.number, parent: mining.template.block.header.parentHash });
    stopSealing(turn);
  }
  if (mining.requestedFor !== head.hash && isSettled(turn)) requestTemplate(turn);
}

/** The refresh timer: renews the template on the same head. */
export function refreshTemplate(turn: Turn): void {
  const { mining } = turn.state;
  if (!mining.producing) return;
  if (mining.building === null && isSettled(turn)) requestTemplate(turn);
  else setRefreshTimer(turn, REFRESH_MS);
}

/** The pool has transactions that the last template had not. */
export function transactionsArrived(turn: Turn): void {
  const { mining } = turn.state;
  if (!mining.producing) return;
  if (mining.building === null) setRefreshTimer(turn, untilRefresh(turn));
  else mining.outdated = true;
}

/** The reply to `build`. Without a block (its parent went away) the refresh timer tries again. */
export function templateBuilt(turn: Turn, request: RequestId, block: Block | null): void {
  const { state, effects } = turn;
  const { mining } = state;
  if (request !== mining.building) {
    state.counts.stale++;
    return;
  }
  mining.building = null;
  if (block === null) return;
  mining.template = { request: state.nextRequest++, block };
  effects.push({ type: 'seal', request: mining.template.request, header: block.header, target: targetOf(block.header.difficulty) });
  if (mining.outdated) setRefreshTimer(turn, untilRefresh(turn));
}

/** The reply to `seal`: our own block, if the proof is right. */
export function proofFound(turn: Turn, request: RequestId, header: Header): void {
  const { state, effects } = turn;
  const { template } = state.mining;
  if (template === null || request !== template.request) {
    state.counts.stale++;
    return;
  }
  state.mining.template = null;
  state.mining.building = null;
  const block: Block = { ...template.block, header };
  const hash = hashHeader(header);
  try {
    const facts = verifyOwn(turn, template.block, block);
    state.counts.mined++;
    trace(turn, 'mined', { hash, number: header.number, transactions: block.transactions.length });
    insertBlock(turn, { block, hash, from: null, unweighed: false }, facts);
    effects.push({ type: 'announce', block });
    chooseHead(turn);
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    // A wrong kernel or external miner, or a clock that was set back: say so and start afresh.
    trace(turn, 'unsound', { hash, code: error.code });
    state.mining.requestedFor = null;
  }
}

export function stopMining(turn: Turn): void {
  const { mining } = turn.state;
  if (mining.template !== null) stopSealing(turn);
  mining.producing = false;
  mining.building = null;
  mining.requestedFor = null;
  turn.effects.push({ type: 'cancelTimer', id: REFRESH_TIMER });
}

function verifyOwn(turn: Turn, template: Block, block: Block) {
  const { rules, state, headers, context } = turn;
  if (!sameButProof(template.header, block.header)) {
    throw new RuleError('pow/foreign-proof', 'The proof is for another header than the one that was to be sealed.');
  }
  return verifyHeader(rules, block, state.head, headers, context.wallMs);
}

/** Whether the headers differ in nothing but the fields that hold the proof. */
function sameButProof(template: Header, sealed: Header): boolean {
  const fields = Object.keys(template) as (keyof Header)[];
  const isSame = (field: keyof Header) => field === 'mixHash' || field === 'nonce' || template[field] === sealed[field];
  return fields.length === Object.keys(sealed).length && fields.every(isSame);
}

function requestTemplate(turn: Turn): void {
  const { state, context, effects } = turn;
  const { mining, head } = state;
  setRefreshTimer(turn, REFRESH_MS);
  mining.requestedFor = head.hash;
  const fields = buildFields(turn);
  if (fields === null) return;
  mining.building = state.nextRequest++;
  mining.lastBuildMs = context.nowMs;
  mining.outdated = false;
  effects.push({ type: 'build', request: mining.building, parent: head.hash, fields });
}

/** Null while our clock is so far behind the chain that we would call our own block early. */
function buildFields({ rules, state, context, headers }: Turn): BuildFields | null {
  const times = recentTimes(state.head, headers);
  const timestamp = Math.max(Math.floor(context.wallMs / 1_000), times.median + 1);
  if (timestamp > latestTime(rules.settings, context.wallMs)) return null;
  const difficulty = nextDifficulty(rules, state.head, headers, times, timestamp);
  return { timestamp, beneficiary: state.mining.beneficiary, difficulty, mixHash: ZERO_HASH, nonce: EMPTY_NONCE, payload: EMPTY };
}

function isSettled({ state }: Turn): boolean {
  return state.checking === null && state.candidates.size === 0;
}

function untilRefresh({ state, context }: Turn): number {
  const { template, lastBuildMs } = state.mining;
  const isEmpty = template !== null && template.block.transactions.length === 0;
  const due = lastBuildMs + (isEmpty ? FIRST_TRANSACTIONS_REFRESH_MS : TRANSACTIONS_REFRESH_MS);
  return Math.max(0, due - context.nowMs);
}

function setRefreshTimer({ effects }: Turn, delayMs: number): void {
  effects.push({ type: 'setTimer', id: REFRESH_TIMER, delayMs });
}

function stopSealing({ state, effects }: Turn): void {
  if (state.mining.template === null) return;
  effects.push({ type: 'unseal', request: state.mining.template.request });
  state.mining.template = null;
}
