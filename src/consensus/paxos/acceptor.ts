/**
 * The acceptor. Source: Paxos Made Simple, section 2.2 (P1a: it accepts what it has not promised not to) and 3; Paxos Made
 * Moderately Complex, figure 4. One promise is for all slots.
 */
import { present } from '../../base/assert.ts';
import { RuleError } from '../../base/errors.ts';
import type { NodeId } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import { blame } from '../members/decisions.ts';
import { insertBlock, nodeOf } from '../members/runs.ts';
import { placeOfBallot } from './ballots.ts';
import { learnCommit } from './learner.ts';
import { positionOf } from './log.ts';
import type { PaxosMessage, Promise1b } from './messages.ts';
import { persistAccepted, persistPromise, tell } from './persist.ts';
import { stepDown } from './roles.ts';
import { paxosRules } from './rules.ts';
import type { Turn } from './state.ts';

type Accept = Extract<PaxosMessage, { type: 'accept' }>;
type Prepare = Extract<PaxosMessage, { type: 'prepare' }>;
type Lead = Extract<PaxosMessage, { type: 'lead' }>;

/** From now on nothing of an older ballot is accepted. */
export function promise(turn: Turn, ballot: number): void {
  const { state } = turn;
  if (ballot <= state.promised) return;
  raise(turn, ballot);
  persistPromise(turn);
}

function raise(turn: Turn, ballot: number): void {
  const { state } = turn;
  state.promised = ballot;
  state.seen = Math.max(state.seen, ballot);
  state.leader = null;
  state.leaderRound = 0;
  state.ahead.clear();
  if (state.role.role !== 'follower' && state.role.ballot < ballot) stepDown(turn);
}

/** Phase 1b. */
export function receivePrepare(turn: Turn, from: NodeId, { ballot, height }: Prepare): void {
  const { state } = turn;
  if (!isOwners(turn, from, ballot)) return;
  if (ballot < state.promised) return preempt(turn, from, ballot);
  if (ballot > state.promised) state.elector.yield({ nowMs: turn.nowMs, patienceMs: turn.settings.suspicionMs, random: turn.random });
  promise(turn, ballot);
  tell(turn, from, promiseOf(turn, ballot, height));
}

/** All that is accepted in slots that the asker does not know to be decided. */
function promiseOf({ state, chain }: Turn, ballot: number, known: number): Promise1b {
  const { log } = state;
  const decided = positionOf(chain.head);
  const votes = log.entries.filter(({ height }) => height > known);
  const below = votes[0] === undefined ? log.last : present(log.at(votes[0].height - 1), 'what is below an accepted block');
  const { height, hash } = below;
  return {
    type: 'promise',
    ballot,
    decided,
    below: { height, hash },
    votes: votes.map((vote) => ({ ballot: vote.ballot, hash: vote.hash })),
  };
}

/** Phase 2b. */
export function receiveAccept(turn: Turn, from: NodeId, { ballot, block, commit }: Accept): void {
  const { state } = turn;
  if (!recogniseLeader(turn, from, ballot)) return;
  learnCommit(turn, from, commit);
  state.ahead.put(block, state.log.base.height);
  acceptAhead(turn, from, ballot);
  acknowledge(turn);
}

export function receiveLead(turn: Turn, from: NodeId, { ballot, commit, round }: Lead): void {
  const { state } = turn;
  if (!recogniseLeader(turn, from, ballot)) return;
  state.leaderRound = Math.max(state.leaderRound, round);
  learnCommit(turn, from, commit);
  acknowledge(turn);
}

/** False: another ballot counts now. A leader whose ballot was not promised yet is followed as well: a majority has. */
function recogniseLeader(turn: Turn, from: NodeId, ballot: number): boolean {
  const { state } = turn;
  if (!isOwners(turn, from, ballot)) return false;
  if (ballot < state.promised) {
    preempt(turn, from, ballot);
    return false;
  }
  promise(turn, ballot);
  state.leader = from;
  return true;
}

function isOwners({ council, effects }: Turn, from: NodeId, ballot: number): boolean {
  const place = placeOfBallot(ballot);
  if (council.membership.placeOf(from) === place) return true;
  const message = `Node ${from} uses the ballot ${ballot}, which belongs to the member at place ${place}.`;
  effects.push({ type: 'offence', from, error: new RuleError('paxos/ballot-owner', message, { ballot }) });
  return false;
}

function preempt(turn: Turn, to: NodeId, ballot: number): void {
  tell(turn, to, { type: 'preempted', ballot, promised: turn.state.promised });
}

/** Accepts what has been proposed under this ballot, as far as parents are accepted. */
export function acceptAhead(turn: Turn, from: NodeId, ballot: number): void {
  const { state } = turn;
  const { ahead, log } = state;
  ahead.dropUpTo(log.base.height);
  let next = ahead.take(log.acceptedUpTo(ballot) + 1);
  while (next !== undefined) {
    if (!accept(turn, ballot, next, from)) return;
    next = ahead.take(next.header.number + 1);
  }
}

/** `from`: whom to blame for a block that breaks a rule; null for this node itself. False: it was not accepted. */
export function accept(turn: Turn, ballot: number, block: Block, from: NodeId | null): boolean {
  const { state, chain, effects, nowMs } = turn;
  const { log } = state;
  const { height, hash } = positionOf(block);
  if (!log.canAccept(ballot, block.header)) return false;
  const known = log.entry(height);
  if (known?.ballot === ballot) return known.hash === hash;
  try {
    if (known?.hash !== hash) paxosRules(turn.council).verifyHeader(block, parentOf(turn, block), chain, turn.wallMs);
  } catch (error) {
    blame(turn, from, error);
    return false;
  }
  const dropped = persistAccepted(turn, ballot, block);
  state.lastBlockMs = nowMs;
  if (dropped > 0) effects.push({ type: 'trace', name: 'replaced', data: { height, dropped } });
  // It is executed at once: should this node lead next, it builds on it.
  insertBlock(turn, block);
  return true;
}

/** Accepted in this very step, its parent is not in the chain yet. */
function parentOf({ chain, state }: Turn, { header }: Block): HeaderNode {
  const known = chain.get(header.parentHash);
  if (known !== undefined) return known;
  return nodeOf(present(state.log.entry(header.number - 1), 'the parent of what is accepted').block);
}

/** To the leader of the promised ballot: how far this acceptor is, once that is on disk. */
export function acknowledge(turn: Turn): void {
  const { state, self } = turn;
  if (state.leader === null || state.leader === self) return;
  const height = state.log.acceptedUpTo(state.promised);
  tell(turn, state.leader, { type: 'accepted', ballot: state.promised, height, round: state.leaderRound });
}
