/**
 * Decisions, and how everybody hears of them. Source: figure 6, task 2 (R-deliver), and figure 2 (reliable broadcast: whoever
 * hears of a decision for the first time passes it on before it does anything else). Messages may be lost here, so heartbeats
 * name the height that was decided, who is behind asks, and whoever speaks of a decided instance is answered with its decision.
 */
import { RuleError } from '../../base/errors.ts';
import type { NodeId } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { hashHeader } from '../../chain/header.ts';
import type { Decision } from '../members/council.ts';
import { blame, decide, keep } from '../members/decisions.ts';
import { encodedBlock } from '../members/fields.ts';
import { checkChild } from '../members/runs.ts';
import type { ChandraTouegMessage, Value } from './messages.ts';
import { send } from './notes.ts';
import { rulesFor } from './rules.ts';
import { blockOf, nextHeight, type Turn } from './state.ts';

/** One question is answered with so many decisions; more than one block only up to this size. */
const MAX_ANSWERS = 16;
const MAX_ANSWER_BYTES = 1024 * 1024;

/**
 * The next instance is decided, or a later one. `from` has told of it; null: this node decided it as the coordinator. What a
 * member hears as an answer to its question is old, and is not passed on.
 */
export function learnDecision(turn: Turn, decision: Decision, from: NodeId | null, isAnswer: boolean): void {
  const { state, council, self, nowMs } = turn;
  if (decision.height < nextHeight(state)) return;
  decide(turn, decision);
  state.decided = decision;
  state.decidedBy = from;
  state.recent.set(decision.height, decision.hash);
  state.attempt = null;
  state.initial = null;
  state.lastBlockMs = nowMs;
  if (isAnswer) return;
  const message: ChandraTouegMessage = { type: 'decide', height: decision.height, value: { hash: decision.hash, block: null } };
  for (const to of council.membership.others(self)) if (to !== from) send(turn, to, message);
}

/** Throws RuleError `chandra-toueg/contradicts-decided`, `chandra-toueg/not-a-child`. */
export function receiveDecide(turn: Turn, from: NodeId, { height, value }: Extract<ChandraTouegMessage, { type: 'decide' }>): void {
  checkDecision(turn, height, value);
  const block = takeBlock(turn, from, height, value);
  if (block !== null) keep(turn, block, from);
  else if (value.block !== null) return;
  learnDecision(turn, { height, hash: value.hash }, from, value.block !== null);
  if (block === null) fetchMissing(turn);
}

/** Two decisions of one height, or one that does not follow from the last, nobody can have seen (Uniform Agreement). */
function checkDecision(turn: Turn, height: number, { hash, block }: Value): void {
  const { state, chain } = turn;
  const known = chain.canonical(height) ?? state.recent.get(height);
  if (known !== undefined && known !== hash) {
    const message = `At height ${height} this node has decided ${known}; a member says that ${hash} is decided.`;
    throw new RuleError('chandra-toueg/contradicts-decided', message, { height });
  }
  if (block !== null && height === nextHeight(state)) checkChild('chandra-toueg', block, state.decided);
}

/**
 * The block of the last decision, where it is not here: at once, and again with every heartbeat until it is. Where others before
 * it may be missing as well, whoever told of it is asked for all of them, in order.
 */
export function fetchMissing(turn: Turn): void {
  const { state, chain, effects, settings, nowMs } = turn;
  const { decided, decidedBy } = state;
  if (decidedBy === null || chain.get(decided.hash) !== undefined) return;
  const next = chain.head.header.number + 1;
  if (decided.height === next) effects.push({ type: 'fetch', hash: decided.hash, from: decidedBy });
  else if (nowMs >= state.askAgainMs) {
    // An answer may be several decisions without their blocks: were each a reason to ask again, there would be no end.
    state.askAgainMs = nowMs + settings.heartbeatMs;
    send(turn, decidedBy, { type: 'ask', height: next });
  }
}

/**
 * The block of a value that came, checked against its hash, its height and, where its parent is here, the rules of headers;
 * null where there is none, or it broke a rule.
 */
export function takeBlock(turn: Turn, from: NodeId, height: number, { hash, block }: Value): Block | null {
  if (block === null) return blockOf(turn, height, hash);
  const { chain, council, wallMs } = turn;
  try {
    if (hashHeader(block.header) !== hash || block.header.number !== height) {
      const message = `A block of height ${block.header.number} came as ${hash} of height ${height}, and is another.`;
      throw new RuleError('chandra-toueg/other-block', message, { height });
    }
    const parent = chain.get(block.header.parentHash);
    if (parent !== undefined) rulesFor(council).verifyHeader(block, parent, chain, wallMs);
    return block;
  } catch (error) {
    blame(turn, from, error);
    return null;
  }
}

/** The sender knows of a decision that this node has not heard of. Decided blocks are not piled up faster than they are executed. */
export function askFor(turn: Turn, from: NodeId): void {
  const { state, chain, settings, nowMs } = turn;
  if (nowMs < state.askAgainMs || state.decided.height - chain.head.header.number >= MAX_ANSWERS) return;
  state.askAgainMs = nowMs + settings.heartbeatMs;
  send(turn, from, { type: 'ask', height: nextHeight(state) });
}

/** What was decided from this height on, with the blocks, as far as it is not too much at once. */
export function answerDecided(turn: Turn, to: NodeId, height: number): void {
  const { state, chain } = turn;
  let bytes = 0;
  for (let at = Math.max(1, height); at < Math.min(nextHeight(state), height + MAX_ANSWERS); at++) {
    const hash = chain.canonical(at) ?? state.recent.get(at);
    if (hash === undefined) return;
    const block = blockOf(turn, at, hash);
    bytes += block === null ? 0 : encodedBlock(block).length;
    if (at > height && bytes > MAX_ANSWER_BYTES) return;
    send(turn, to, { type: 'decide', height: at, value: { hash, block } });
  }
}

/** To one that acknowledges what is decided already: it has the block. */
export function repeatDecision(turn: Turn, to: NodeId, height: number): void {
  const hash = turn.state.recent.get(height) ?? turn.chain.canonical(height);
  if (hash !== undefined) send(turn, to, { type: 'decide', height, value: { hash, block: null } });
}

/** The head may have gone further than what this node heard of, with blocks that sync has brought. */
export function followChain({ state, chain, nowMs }: Turn): void {
  const { head } = chain;
  if (head.header.number <= state.decided.height) return;
  state.decided = { height: head.header.number, hash: head.hash };
  state.decidedBy = null;
  state.lastBlockMs = nowMs;
  if (state.attempt !== null && state.attempt.height < nextHeight(state)) state.attempt = null;
}
