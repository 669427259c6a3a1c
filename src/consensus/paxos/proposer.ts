/**
 * Phase 1, of all open slots at once. Source: Paxos Made Simple, section 3; Paxos Made Moderately Complex, figure 6 (scout).
 * A ballot is on disk as this member's own promise before anybody hears of it, so that no life of it uses one twice.
 */
import { present } from '../../base/assert.ts';
import { RuleError } from '../../base/errors.ts';
import type { NodeId } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { decide } from '../members/decisions.ts';
import { promise } from './acceptor.ts';
import { nextBallot } from './ballots.ts';
import { becomeLeader } from './leader.ts';
import { ask } from './learner.ts';
import { MAX_ACCEPTED, type Position, positionOf } from './log.ts';
import type { PaxosMessage, Promise1b } from './messages.ts';
import { tell } from './persist.ts';
import { stepDown } from './roles.ts';
import { type Candidate, changeRole, type Turn } from './state.ts';
import { type Choice, chooseChain, type Report } from './takeover.ts';

/** Decided blocks whose way to the disk a new leader does not wait for: it proposes them again. */
const MAX_OPEN_DECIDED = 64;
/** Of `suspicionMs`: phase 1 is given up after so long, if nothing came of it. */
const PHASE_1_PATIENCES = 3;

/** The elector has chosen this member. */
export function stand(turn: Turn): void {
  const { state, chain, nowMs } = turn;
  if (state.place === null || state.role.role === 'leader') return;
  // Nobody can build on a block that this node computes differently.
  if (chain.status(state.log.last.hash) === 'invalid') return;
  if (state.role.role === 'candidate') stepDown(turn);
  const ballot = nextBallot(Math.max(state.seen, state.promised), state.place);
  promise(turn, ballot);
  const candidate: Candidate = { role: 'candidate', ballot, promises: new Map(), sinceMs: nowMs };
  changeRole(turn, candidate);
  prepare(turn, candidate);
}

/** To those who have not promised yet. Phase 1a. */
function prepare(turn: Turn, { ballot, promises }: Candidate): void {
  const { council, self, chain } = turn;
  for (const to of council.membership.others(self)) {
    if (!promises.has(to)) tell(turn, to, { type: 'prepare', ballot, height: chain.head.header.number });
  }
}

/** The clock strikes: what was lost is said again, until it is clear that nothing comes of it. */
export function insist(turn: Turn, candidate: Candidate): void {
  const { nowMs, settings } = turn;
  if (nowMs - candidate.sinceMs > PHASE_1_PATIENCES * settings.suspicionMs) return stepDown(turn);
  prepare(turn, candidate);
}

/** Phase 1b. Throws RuleError `paxos/promise`. */
export function receivePromise(turn: Turn, from: NodeId, message: Promise1b): void {
  const { role } = turn.state;
  if (role.role !== 'candidate' || message.ballot !== role.ballot) return;
  checkPromise(message);
  role.promises.set(from, message);
}

/** Who promises a ballot has accepted nothing under it or above it, and ballots never ascend along a chain (log.ts). */
function checkPromise({ ballot, votes }: Promise1b): void {
  const wrong = votes.find((vote, i) => vote.ballot >= ballot || vote.ballot > (votes[i - 1]?.ballot ?? ballot));
  if (wrong === undefined) return;
  const message = `A promise of ballot ${ballot} shows a block that was accepted under ${wrong.ballot}; expected lower ballots, which do not ascend.`;
  throw new RuleError('paxos/promise', message, { ballot });
}

/** Somebody has promised a higher ballot. */
export function receivePreempted(turn: Turn, { ballot, promised }: Extract<PaxosMessage, { type: 'preempted' }>): void {
  const { state } = turn;
  state.seen = Math.max(state.seen, promised);
  if (state.role.role === 'follower' || state.role.ballot !== ballot || promised <= ballot) return;
  turn.effects.push({ type: 'trace', name: 'preempted', data: { ballot, by: promised } });
  stepDown(turn);
}

/** At the end of every step: a majority has promised, and what it has shown is here. Phase 1 is over then. */
export function takeOver(turn: Turn): void {
  const { state, chain, council } = turn;
  const { role, log } = state;
  if (role.role !== 'candidate' || role.promises.size + 1 < council.membership.quorum) return;
  const promises = [...role.promises];
  if (!knowsDecided(turn, promises)) return;
  const head = positionOf(chain.head);
  if (head.height - log.base.height > MAX_OPEN_DECIDED) return;
  const own = { from: null, below: log.base, votes: log.entries.map(({ ballot, hash }) => ({ ballot, hash })) };
  const reports: Report[] = [own, ...promises.map(([from, { below, votes }]) => ({ from, below, votes }))];
  const { choices, hasGap } = chooseChain(head, reports);
  // It will have, when the chain on disk has come up to the head.
  if (head.height + choices.length > log.base.height + MAX_ACCEPTED) return;
  const blocks = blocksOf(turn, choices);
  if (blocks === null) return;
  becomeLeader(turn, role.ballot, [...decidedSince(turn, log.base), ...blocks], hasGap);
}

/** Whether everything that one of them knows to be decided is this node's head or below. */
function knowsDecided(turn: Turn, promises: readonly (readonly [NodeId, Promise1b])[]): boolean {
  const { chain } = turn;
  for (const [from, { decided }] of promises) {
    if (decided.height <= chain.head.header.number) continue;
    decide(turn, decided);
    if (chain.get(decided.hash) === undefined) ask(turn, from, decided.hash);
    return false;
  }
  return true;
}

/** Null while one is missing: it is asked for. */
function blocksOf(turn: Turn, choices: readonly Choice[]): Block[] | null {
  const { chain, state } = turn;
  const blocks: Block[] = [];
  for (const { hash, height, from } of choices) {
    const own = state.log.entry(height);
    const block = own?.hash === hash ? own.block : chain.block(hash);
    if (block === undefined) {
      const missing = choices.findLast((choice) => choice.from === from);
      if (from !== null) ask(turn, from, present(missing, 'the last block that this acceptor has').hash);
      return null;
    }
    blocks.push(block);
  }
  return blocks;
}

/** Decided blocks that are not on disk yet. */
function decidedSince({ chain }: Turn, { height: base }: Position): Block[] {
  const blocks: Block[] = [];
  for (let height = base + 1; height <= chain.head.header.number; height++) {
    const hash = present(chain.canonical(height), 'a decided block');
    blocks.push(present(chain.block(hash), 'the body of a decided block'));
  }
  return blocks;
}
