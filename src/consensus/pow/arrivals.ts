/**
 * Blocks on their way in: known ones are dropped, right ones are kept, and the rest are told apart.
 *
 *   what arrives                              what is done
 *   known already                             nothing
 *   parent unknown, proof right, height near  held as an orphan; the missing ancestor is asked for
 *   parent unknown, far from the head         ignored: finding out is for sync, not for one block at a time
 *   breaks a rule                             counted against its sender
 *   right, but early                          held until its time comes
 *   right, but too light to matter            ignored
 *   right                                     inserted, then the orphans that waited for it, then the fork choice
 */
import { present } from '../../base/assert.ts';
import { RuleError } from '../../base/errors.ts';
import type { Hash, NodeId } from '../../base/types.ts';
import { type Block, checkPayload } from '../../chain/block.ts';
import { hashHeader } from '../../chain/header.ts';
import type { Facts, HeaderNode } from '../../chain/tree.ts';
import type { Origin } from '../engine.ts';
import { MAX_ORPHANS, type OrphanPool } from '../orphans.ts';
import { addCandidate, chooseHead, MAX_SIBLINGS } from './forkchoice.ts';
import { FUTURE, latestTime, verifyHeader } from './rules.ts';
import { type Arrival, statusOf, type Turn, trace } from './state.ts';
import { targetOf, workOf } from './work.ts';

/** A gossiped block that with all that waits on it stays this many blocks' work behind the head is not kept. */
export const LOW_WORK_DEPTH = 10;
export const MAX_EARLY_BLOCKS = 32;
/** Blocks that are further ahead than this (beyond the future limit) are not held: that clock is wrong. */
export const MAX_EARLY_SECONDS = 300;
export const MAX_FETCHES = 64;
export const MAX_FETCH_ATTEMPTS = 5;
export const FETCH_RETRY_MS = 2_000;

export const FETCH_TIMER = 'fetch';
export const EARLY_TIMER = 'early';

export function receiveBlock(turn: Turn, block: Block, origin: Origin, from: NodeId | null): void {
  const hash = hashHeader(block.header);
  const { orphans, early, fetches } = turn.state;
  // What orphans made us ask for must be worth it, like them. What sync brings by itself it has weighed already.
  const asked = fetches.delete(hash);
  if (statusOf(turn, hash) !== undefined || orphans.has(hash) || early.some((held) => held.hash === hash)) return;
  acceptWithOrphans(turn, { block, hash, from, unweighed: asked || origin === 'gossip' });
  chooseHead(turn);
}

/** The timer of early blocks: those whose time has come arrive again. */
export function retryEarly(turn: Turn): void {
  const latest = latestTime(turn.rules.settings, turn.context.wallMs);
  const held = turn.state.early;
  turn.state.early = held.filter(({ block }) => block.header.timestamp > latest);
  for (const arrival of held) {
    if (arrival.block.header.timestamp <= latest) acceptWithOrphans(turn, arrival);
  }
  setEarlyTimer(turn);
  chooseHead(turn);
}

/** The timer of missing ancestors: ask again, now anybody; after some attempts give up what waits for them. */
export function retryFetches(turn: Turn): void {
  const { fetches, orphans } = turn.state;
  for (const [hash, fetch] of fetches) {
    if (fetch.attempts < MAX_FETCH_ATTEMPTS) {
      fetch.attempts++;
      turn.effects.push({ type: 'fetch', hash, from: null });
      continue;
    }
    fetches.delete(hash);
    orphans.dropDescendants(hash);
    ignore(turn, hash, 'pow/not-found');
  }
  if (fetches.size > 0) turn.effects.push({ type: 'setTimer', id: FETCH_TIMER, delayMs: FETCH_RETRY_MS });
}

/** Adds a valid block to the chain and to the candidates. */
export function insertBlock(turn: Turn, { block, hash, from }: Arrival, facts: Facts): void {
  const node: HeaderNode = { header: block.header, seal: block.seal, hash, facts };
  turn.effects.push({ type: 'insert', block, facts });
  turn.headers.insert(node);
  if (from !== null) turn.state.senders.set(hash, from);
  addCandidate(turn, node);
}

function acceptWithOrphans(turn: Turn, first: Arrival): void {
  const waiting = [first];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (accept(turn, next)) waiting.push(...turn.state.orphans.takeChildren(next.hash));
  }
}

/** Whether the block was inserted. */
function accept(turn: Turn, arrival: Arrival): boolean {
  try {
    const parent = turn.headers.get(arrival.block.header.parentHash);
    if (parent === undefined) {
      holdOrphan(turn, arrival);
      return false;
    }
    insertBlock(turn, arrival, judge(turn, arrival, parent));
    return true;
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    if (error.code === FUTURE) holdEarly(turn, arrival);
    else refuse(turn, arrival, error);
    return false;
  }
}

/** The facts of a block that is worth keeping. Throws RuleError, without blame where honest peers may send such blocks. */
function judge(turn: Turn, arrival: Arrival, parent: HeaderNode): Facts {
  const { block, hash } = arrival;
  const { finalized } = turn.context.chain;
  checkBody(block);
  if (statusOf(turn, parent.hash) === 'invalid') {
    throw new RuleError('pow/invalid-ancestor', `Block ${hash} stands on ${parent.hash}, which is invalid.`, {}, { blame: false });
  }
  if (block.header.number <= finalized.header.number) {
    const message = `Block ${hash} of height ${block.header.number} is not above the finalized height ${finalized.header.number}.`;
    throw new RuleError('pow/below-finality', message, {}, { blame: false });
  }
  const facts = verifyHeader(turn.rules, block, parent, turn.headers, turn.context.wallMs);
  if (arrival.unweighed) checkWorthKeeping(turn, arrival, facts.weight);
  return facts;
}

function checkBody(block: Block): void {
  checkPayload(block);
  if (block.payload.length !== 0) {
    throw new RuleError('block/payload', `The block has a payload of ${block.payload.length} bytes; proof-of-work has none.`);
  }
}

/**
 * Storage must cost work. A block that is no better than the head is kept if its branch is close behind and its height not
 * crowded; the orphans on top count, since their proofs are real. What is ignored here comes again by sync, or as the
 * missing ancestor of a heavier block.
 */
function checkWorthKeeping(turn: Turn, { hash, block }: Arrival, weight: bigint): void {
  const { state, context } = turn;
  const potential = weight + workAbove(state.orphans, hash);
  if (potential > state.head.facts.weight) return;
  const crowded = context.chain.atHeight(block.header.number, MAX_SIBLINGS).length >= MAX_SIBLINGS;
  if (!crowded && potential > weightBehindHead(turn)) return;
  const message = `Block ${hash} has a chain of work ${potential}; the head has ${state.head.facts.weight}.`;
  throw new RuleError('pow/low-work', message, {}, { blame: false });
}

function weightBehindHead({ state, context }: Turn): bigint {
  const number = state.head.header.number - LOW_WORK_DEPTH;
  if (number <= 0) return 0n;
  const hash = present(context.chain.canonical(number), `the canonical block of height ${number}`);
  return present(context.chain.get(hash), `block ${hash}`).facts.weight;
}

function holdOrphan(turn: Turn, arrival: Arrival): void {
  const { state, rules } = turn;
  const { header } = arrival.block;
  checkBody(arrival.block);
  if (header.difficulty < rules.settings.minimumDifficulty) {
    const expected = `at least ${rules.settings.minimumDifficulty}`;
    throw new RuleError('header/difficulty', `Block ${arrival.hash} has difficulty ${header.difficulty}; expected ${expected}.`);
  }
  rules.checkProof(header);
  if (Math.abs(header.number - state.head.header.number) > MAX_ORPHANS) {
    const message = `Block ${arrival.hash} of height ${header.number} is far from the head and its parent is unknown.`;
    throw new RuleError('pow/far-orphan', message, {}, { blame: false });
  }
  state.orphans.add(arrival);
  state.counts.orphans++;
  trace(turn, 'orphan', { hash: arrival.hash, number: header.number, parent: header.parentHash });
  fetchBlock(turn, state.orphans.missingAncestor(arrival), arrival.from);
}

function fetchBlock(turn: Turn, hash: Hash, from: NodeId | null): void {
  const { fetches } = turn.state;
  if (fetches.has(hash)) return;
  if (fetches.size === 0) turn.effects.push({ type: 'setTimer', id: FETCH_TIMER, delayMs: FETCH_RETRY_MS });
  fetches.set(hash, { attempts: 1 });
  turn.effects.push({ type: 'fetch', hash, from });
  if (fetches.size <= MAX_FETCHES) return;
  const [oldest] = fetches.keys();
  if (oldest !== undefined) fetches.delete(oldest);
}

function holdEarly(turn: Turn, arrival: Arrival): void {
  const { state, context, rules } = turn;
  if (arrival.block.header.timestamp - latestTime(rules.settings, context.wallMs) > MAX_EARLY_SECONDS) {
    ignore(turn, arrival.hash, FUTURE);
    return;
  }
  state.early = [...state.early, arrival].slice(-MAX_EARLY_BLOCKS);
  trace(turn, 'early', { hash: arrival.hash, number: arrival.block.header.number });
  setEarlyTimer(turn);
}

/** For the next of them; a jump of the clock makes it fire too early or too late, and then it is set again. */
function setEarlyTimer({ state, context, rules, effects }: Turn): void {
  if (state.early.length === 0) return;
  const next = Math.min(...state.early.map(({ block }) => block.header.timestamp));
  const delayMs = (next - rules.settings.futureLimitSeconds) * 1_000 - context.wallMs;
  effects.push({ type: 'setTimer', id: EARLY_TIMER, delayMs: Math.max(0, delayMs) });
}

function refuse(turn: Turn, arrival: Arrival, error: RuleError): void {
  if (!error.blame) {
    ignore(turn, arrival.hash, error.code);
    return;
  }
  turn.state.counts.invalid++;
  turn.state.orphans.dropDescendants(arrival.hash);
  trace(turn, 'invalid', { hash: arrival.hash, code: error.code });
  if (arrival.from !== null) turn.effects.push({ type: 'offence', from: arrival.from, error });
}

function ignore(turn: Turn, hash: Hash, code: string): void {
  turn.state.counts.ignored++;
  trace(turn, 'ignored', { hash, code });
}

/** The work of the heaviest chain that waits on top of this block. */
function workAbove(orphans: OrphanPool<Arrival>, parent: Hash): bigint {
  let most = 0n;
  for (const { hash, block } of orphans.children(parent)) {
    const work = workOf(targetOf(block.header.difficulty)) + workAbove(orphans, hash);
    if (work > most) most = work;
  }
  return most;
}
