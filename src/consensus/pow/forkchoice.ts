/**
 * Which block is the head: the tip of the heaviest valid branch, and of equal ones the first seen.
 * Source: the Bitcoin paper, section 5; Bitcoin Core, FindMostWorkChain and ActivateBestChainStep.
 *
 * Blocks are executed one at a time along the way to the heaviest candidate. As soon as an executed block is heavier than
 * the head it becomes the head, in one step however deep the reorganisation: before that the branch is not worth a change
 * of head, and after it a longer wait would only lose progress (a sync imports thousands of blocks this way).
 *
 *   heaviest candidate        the way down to an executed block     what is done
 *   none                      -                                     nothing: the head is the heaviest
 *   any                       meets an invalid block                the whole way is invalid; next candidate
 *   any                       leaves the chain below finality       forgotten; next candidate
 *   executed itself           -                                     it becomes the head (after a restart)
 *   stored                    ends at an executed block             its lowest stored block is executed
 */
import { assert, present } from '../../base/assert.ts';
import type { RuleError } from '../../base/errors.ts';
import type { Hash } from '../../base/types.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import { type Candidate, type Plan, statusOf, type Turn, trace } from './state.ts';

/** Branch tips that are heavier than the head; each costs its sender that much work. When full, the lightest goes. */
export const MAX_CANDIDATES = 1_024;
/** Blocks of one plan. A longer way is planned again from where the first part ends. */
export const MAX_PLAN_BLOCKS = 4_096;
/** How far below the head a restart looks for branches, and how many blocks of one height it looks at. */
export const RESTART_DEPTH = 128;
export const MAX_SIBLINGS = 64;
/** Blocks that a restart looks at, lowest first: what lies beyond is found again when a block on top of it comes. */
export const MAX_RESTART_BLOCKS = 16_384;

assert(MAX_RESTART_BLOCKS >= 2 * RESTART_DEPTH * MAX_SIBLINGS, 'siblings below the head leave a restart room for what is above it');

/** Takes the head from the chain and finds the branches above it again. First seen is forgotten: the head wins ties. */
export function recoverCandidates(turn: Turn): void {
  const { state, context } = turn;
  const { chain } = context;
  state.head = chain.head;
  state.candidates.clear();
  state.plan = null;
  state.checking = null;
  const lowest = Math.max(chain.finalized.header.number + 1, state.head.header.number - RESTART_DEPTH);
  let left = MAX_RESTART_BLOCKS;
  for (let number = lowest; number <= chain.maxHeight && left > 0; number++) {
    for (const node of chain.atHeight(number, Math.min(MAX_SIBLINGS, left))) {
      if (node.facts.weight > state.head.facts.weight && statusOf(turn, node.hash) !== 'invalid') addCandidate(turn, node);
      left--;
    }
  }
}

/** A stored block is a candidate in place of its parent if it is heavier than the head. */
export function addCandidate({ state }: Turn, node: HeaderNode): void {
  if (node.facts.weight <= state.head.facts.weight) return;
  const parent = node.header.parentHash;
  const replaced = state.candidates.delete(parent);
  if (replaced && state.plan?.tip === parent) state.plan.tip = node.hash;
  state.candidates.set(node.hash, { node, order: state.arrivals++ });
  if (state.candidates.size <= MAX_CANDIDATES) return;
  let lightest: Candidate | undefined;
  for (const candidate of state.candidates.values()) {
    if (lightest === undefined || isBetter(lightest, candidate)) lightest = candidate;
  }
  if (lightest !== undefined) state.candidates.delete(lightest.node.hash);
}

/** Moves on towards the heaviest candidate, unless a block is being executed already. */
export function chooseHead(turn: Turn): void {
  const { state } = turn;
  if (state.checking !== null) return;
  for (let best = heaviest(turn); best !== undefined; best = heaviest(turn)) {
    if (state.plan?.tip !== best.node.hash || state.plan.path.length === 0) state.plan = planTo(turn, best.node);
    if (state.plan === null) {
      state.candidates.delete(best.node.hash);
      continue;
    }
    const next = state.plan.path.pop();
    if (next !== undefined) {
      state.checking = next;
      turn.effects.push({ type: 'check', hash: next });
      return;
    }
    moveHead(turn, best.node);
  }
  state.plan = null;
}

/** The reply to `check`. */
export function blockChecked(turn: Turn, hash: Hash, error: RuleError | null): void {
  const { state } = turn;
  if (hash !== state.checking) {
    state.counts.stale++;
    return;
  }
  state.checking = null;
  if (error === null) {
    const node = present(turn.headers.get(hash), `executed block ${hash}`);
    if (node.facts.weight > state.head.facts.weight) moveHead(turn, node);
  } else {
    rejectBlock(turn, hash, error);
  }
  chooseHead(turn);
}

function rejectBlock(turn: Turn, hash: Hash, error: RuleError): void {
  const { state, effects } = turn;
  state.invalid.set(hash, true);
  state.plan = null;
  state.counts.invalid++;
  trace(turn, 'invalid', { hash, code: error.code });
  const from = state.senders.get(hash);
  if (from !== undefined && error.blame) effects.push({ type: 'offence', from, error });
}

function heaviest({ state }: Turn): Candidate | undefined {
  let best: Candidate | undefined;
  for (const candidate of state.candidates.values()) {
    if (best === undefined || isBetter(candidate, best)) best = candidate;
  }
  return best;
}

function isBetter(a: Candidate, b: Candidate): boolean {
  const [left, right] = [a.node.facts.weight, b.node.facts.weight];
  return left === right ? a.order < b.order : left > right;
}

/** Null when the tip can never be the head: something on its way is invalid, or it contradicts finality. */
function planTo(turn: Turn, tip: HeaderNode): Plan | null {
  const { state, context } = turn;
  const { finalized } = context.chain;
  const path: Hash[] = [];
  let node = tip;
  for (let status = statusOf(turn, node.hash); status !== 'executed'; status = statusOf(turn, node.hash)) {
    path.push(node.hash);
    if (status === 'invalid') {
      for (const hash of path) state.invalid.set(hash, true);
      return null;
    }
    // Only the lowest part of a long way is kept; forgetting in large pieces keeps that cheap.
    if (path.length === 2 * MAX_PLAN_BLOCKS) path.splice(0, MAX_PLAN_BLOCKS);
    node = parentOf(turn, node);
  }
  const fork = forkPoint(turn, node);
  if (fork.header.number < finalized.header.number) return null;
  return { tip: tip.hash, path: path.slice(-MAX_PLAN_BLOCKS) };
}

/** The first canonical block from this one down, or the first one below finality. */
function forkPoint(turn: Turn, from: HeaderNode): HeaderNode {
  const { chain } = turn.context;
  let node = from;
  while (node.header.number >= chain.finalized.header.number && !isCanonical(turn, node)) node = parentOf(turn, node);
  return node;
}

function isCanonical({ state, context }: Turn, node: HeaderNode): boolean {
  return node.hash === state.head.hash || context.chain.canonical(node.header.number) === node.hash;
}

function parentOf(turn: Turn, node: HeaderNode): HeaderNode {
  return present(turn.headers.get(node.header.parentHash), `the parent of block ${node.hash}`);
}

function moveHead(turn: Turn, node: HeaderNode): void {
  const { state, effects, context } = turn;
  const old = state.head;
  const fork = node.header.parentHash === old.hash ? old : forkPoint(turn, node);
  if (fork.header.number < context.chain.finalized.header.number) {
    // Finality passed the fork while the branch was being executed: the next plan will drop the candidate.
    state.plan = null;
    return;
  }
  effects.push({ type: 'setHead', hash: node.hash });
  // A restart may find executed blocks on top of the head: that is progress, not a reorganisation.
  const depth = old.header.number - fork.header.number;
  if (depth > 0) {
    state.counts.reorgs++;
    trace(turn, 'reorg', { depth, from: old.hash, to: node.hash });
  }
  state.head = node;
  for (const candidate of state.candidates.values()) {
    if (candidate.node.facts.weight <= node.facts.weight) state.candidates.delete(candidate.node.hash);
  }
}
