/**
 * The follower's side of replication. Source: figure 3.1, AppendEntries, "receiver implementation" 1 to 5; section 3.5. The
 * hint in a refusal is etcd's: the leader skips a whole term at once. Decided blocks that a follower is far behind come as
 * chunks, which take the place of InstallSnapshot (section 5): the chain is the state machine, so there is nothing else to send.
 */
import { assert, present } from '../../base/assert.ts';
import { RuleError } from '../../base/errors.ts';
import type { NodeId } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { hashHeader } from '../../chain/header.ts';
import type { BlockView, HeaderNode } from '../../chain/tree.ts';
import { type Council, factsOf } from '../members/council.ts';
import { blame, decide, execute, keep, learn } from '../members/decisions.ts';
import { Ahead } from './ahead.ts';
import type { Position } from './log.ts';
import type { RaftMessage } from './messages.ts';
import { appendBlock, durableHeight, tell } from './persist.ts';
import { becomeFollower } from './roles.ts';
import { raftRules } from './rules.ts';
import type { Turn } from './state.ts';
import { leaderIsKnown } from './transfer.ts';

type Append = Extract<RaftMessage, { type: 'append' }>;
type Chunk = Extract<RaftMessage, { type: 'chunk' }>;

/** A leader of this term speaks. False: there is another one, which cannot be while members follow the protocol. */
export function recogniseLeader(turn: Turn, from: NodeId): boolean {
  const { state, self, nowMs, effects } = turn;
  const leader = state.role.role === 'leader' ? self : state.leader;
  if (leader !== null && leader !== from) {
    const message = `Node ${from} speaks as the leader of term ${state.term}; the leader of that term is ${leader}.`;
    effects.push({ type: 'offence', from, error: new RuleError('raft/two-leaders', message, { term: state.term }) });
    return false;
  }
  state.heardMs = nowMs;
  becomeFollower(turn, state.term, from);
  leaderIsKnown(turn);
  return true;
}

export function receiveAppend(turn: Turn, from: NodeId, message: Append): void {
  const { state } = turn;
  const { log } = state;
  const { prev, block, commit, round } = message;
  if (!recogniseLeader(turn, from)) return;
  // What is decided is in the leader's log as well (Leader Completeness).
  const isKnown = prev.height < state.commit || log.at(prev.height)?.hash === prev.hash;
  if (!isKnown) return reject(turn, from, message);
  const end = block === null ? prev.height : prev.height + 1;
  const isNew = block !== null && end > state.commit && log.at(end)?.hash !== hashHeader(block.header);
  if (isNew && !takeBlock(turn, from, prev, block)) return;
  state.matched = Math.max(state.matched, end);
  commitUpTo(turn, Math.min(commit, state.matched));
  // A new block is acknowledged when it is on disk; an empty message that says nothing new needs no answer.
  const isHeartbeat = round > state.answered.round;
  state.answered.round = Math.max(state.answered.round, round);
  if (!isNew && (block !== null || isHeartbeat)) acknowledge(turn, from);
}

/** Puts the block in the place of what contradicts it (figure 3.1, 3 and 4). False: it is not one that could follow. */
function takeBlock(turn: Turn, from: NodeId, prev: Position, block: Block): boolean {
  const { state, chain, effects } = turn;
  const { log } = state;
  let council: Council;
  try {
    council = checkBlock(turn, block, present(chain.get(prev.hash), 'a block of the log'), chain);
  } catch (error) {
    blame(turn, from, error);
    return false;
  }
  if (log.last.height > prev.height) {
    assert(prev.height >= state.commit, 'no decided block is ever replaced');
    const dropped = log.truncateFrom(prev.height + 1);
    effects.push({ type: 'trace', name: 'truncated', data: { from: prev.height + 1, dropped } });
  }
  appendBlock(turn, block, council);
  state.lastBlockMs = turn.nowMs;
  // It is executed at once: should this node lead next, it builds on it.
  keep(turn, block, from);
  return true;
}

/** Who decides on it. `chain` has its ancestors. Throws RuleError. */
function checkBlock(turn: Turn, block: Block, parent: HeaderNode, chain: BlockView): Council {
  const { header } = block;
  if (header.parentHash !== parent.hash) {
    const message = `Block ${header.number} came as the child of ${parent.hash}, and names the parent ${header.parentHash}.`;
    throw new RuleError('raft/not-a-child', message, { number: header.number });
  }
  raftRules(turn.council).verifyHeader(block, parent, chain, turn.wallMs);
  const term = Number(header.nonce);
  if (term <= turn.state.term) return turn.councils.admit(block, parent, chain);
  const message = `Block ${header.number} is of term ${term}, which comes after the leader's, ${turn.state.term}.`;
  throw new RuleError('raft/block-term', message, { number: header.number });
}

function commitUpTo(turn: Turn, height: number): void {
  const { state } = turn;
  if (height <= state.commit) return;
  state.commit = height;
  decide(turn, { height, hash: present(state.log.at(height), 'a block that is decided').hash });
}

function reject(turn: Turn, from: NodeId, { prev, round }: Append): void {
  const { state } = turn;
  const { height, term } = state.log.latestWithin(prev.height, prev.term);
  const hint = { height, term };
  state.answered.round = Math.max(state.answered.round, round);
  tell(turn, from, { type: 'reject', term: state.term, at: prev.height, hint, stored: state.stored, round });
}

/** To a leader whose term is over, or a candidate that asks in one: so that it learns of it. */
export function refuseOldTerm(turn: Turn, from: NodeId): void {
  const { state } = turn;
  const { height, term } = state.log.last;
  tell(turn, from, { type: 'reject', term: state.term, at: 0, hint: { height, term }, stored: state.stored, round: 0 });
}

function acknowledge(turn: Turn, leader: NodeId): void {
  const { state } = turn;
  const { answered, matched, term } = state;
  answered.durable = Math.min(durableHeight(state), matched);
  tell(turn, leader, { type: 'ack', term, durable: answered.durable, has: matched, round: answered.round });
}

/** After `persisted` and `stored`: what has come to be on disk. */
export function acknowledgeProgress(turn: Turn): void {
  const { state } = turn;
  if (state.role.role !== 'follower' || state.leader === null) return;
  if (Math.min(durableHeight(state), state.matched) > state.answered.durable) acknowledge(turn, state.leader);
}

/**
 * Decided blocks: they are kept, executed, and become the head, without a record in the log. They are acknowledged when they
 * are on disk as part of the chain.
 */
export function receiveChunk(turn: Turn, from: NodeId, { blocks, certificate }: Chunk): void {
  const { chain, effects } = turn;
  if (!recogniseLeader(turn, from)) return;
  const ahead = new Ahead(chain);
  const [first] = blocks;
  let parent = first && chain.get(first.header.parentHash);
  // The answer to the next heartbeat says from where on blocks are missing.
  if (parent === undefined) return;
  const parentStatus = chain.status(parent.hash);
  let isFirst = true;
  try {
    for (const block of blocks) {
      checkBlock(turn, block, parent, ahead);
      ahead.add(block);
      const hash = hashHeader(block.header);
      const known = chain.get(hash);
      if (known === undefined) {
        effects.push({ type: 'insert', block, facts: factsOf(block.header) });
        if (isFirst && parentStatus === 'executed') execute(turn, hash);
      }
      isFirst = false;
      parent = present(ahead.get(hash), 'the block');
    }
  } catch (error) {
    return blame(turn, from, error);
  }
  decide(turn, { height: parent.header.number, hash: parent.hash });
  effects.push({ type: 'trace', name: 'chunk', data: { from: blocks.length, to: parent.header.number } });
  if (certificate !== null) learn(turn, certificate, from);
}
