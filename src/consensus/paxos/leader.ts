/**
 * Phase 2: the leader proposes slot after slot, before earlier ones are decided, and counts who has accepted. Source: Paxos
 * Made Simple, section 3 (the window is its alpha); Paxos Made Moderately Complex, figure 6 (commander).
 */
import { assert, present } from '../../base/assert.ts';
import { RuleError } from '../../base/errors.ts';
import type { NodeId } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { decide } from '../members/decisions.ts';
import { encodedBlock } from '../members/fields.ts';
import { reachedBy } from '../members/reached.ts';
import { MAX_INFLIGHT_BYTES } from '../members/runs.ts';
import { accept } from './acceptor.ts';
import type { Position } from './log.ts';
import type { PaxosMessage } from './messages.ts';
import { tell } from './persist.ts';
import { advance, lookForLoss, newProgress, type Progress } from './progress.ts';
import { answerReads } from './reads.ts';
import { stepDown } from './roles.ts';
import { changeRole, type Leadership, leadershipOf, type Turn } from './state.ts';

type AcceptedMessage = Extract<PaxosMessage, { type: 'accepted' }>;

/** `chain`: from the slot above the base on, all that has to be proposed under this ballot before anything new. */
export function becomeLeader(turn: Turn, ballot: number, chain: readonly Block[], hasGap: boolean): void {
  const { state, council, self, effects } = turn;
  const { base } = state.log;
  const top = base.height + chain.length;
  const progress = new Map([...council.membership.others(self)].map((node) => [node, newProgress(base.height + 1)]));
  state.leader = self;
  changeRole(turn, { role: 'leader', ballot, takenOver: top, top, progress, hasGap, round: 0 });
  const undecided = top - state.commit.height;
  effects.push({ type: 'trace', name: 'elected', data: { ballot, height: top, undecided, hasGap, others: countOthers(chain, ballot) } });
  for (const block of chain) assert(accept(turn, ballot, block, null), 'a leader accepts what it proposes');
  heartbeat(turn);
}

/** How many of them were made under older ballots: all, since no ballot is used twice. */
function countOthers(chain: readonly Block[], ballot: number): number {
  return chain.filter(({ header }) => Number(header.nonce) !== ballot).length;
}

/** A block of its own, for the next slot. */
export function proposeNext(turn: Turn, leadership: Leadership, block: Block): void {
  assert(accept(turn, leadership.ballot, block, null), 'a leader accepts what it proposes');
  leadership.top = block.header.number;
  leadership.hasGap = false;
}

/** At the end of every step: what each acceptor may be sent now. */
export function sendProposals(turn: Turn): void {
  const leadership = leadershipOf(turn.state);
  if (leadership === null) return;
  for (const [to, progress] of leadership.progress) {
    const { window } = turn.settings;
    while (progress.next <= Math.min(leadership.top, progress.accepted + window) && !isFull(turn, progress)) {
      const block = proposalAt(turn, progress.next);
      if (block === null) break;
      tell(turn, to, { type: 'accept', ballot: leadership.ballot, block, commit: turn.state.commit });
      progress.next++;
    }
  }
}

/** As much is on the way as the network holds back for a peer. */
function isFull(turn: Turn, { accepted, next }: Progress): boolean {
  let bytes = 0;
  for (let height = accepted + 1; height < next; height++) {
    const block = proposalAt(turn, height);
    if (block !== null) bytes += encodedBlock(block).length;
  }
  return bytes >= MAX_INFLIGHT_BYTES;
}

/** In slots that are decided and on disk the decided block is the only one that may be proposed. */
function proposalAt({ state, chain }: Turn, height: number): Block | null {
  const own = state.log.entry(height);
  if (own !== undefined) return own.block;
  const hash = chain.canonical(height);
  return hash === undefined ? null : (chain.block(hash) ?? null);
}

export function heartbeat(turn: Turn): void {
  const leadership = leadershipOf(turn.state);
  if (leadership === null) return;
  leadership.round++;
  for (const [to, progress] of leadership.progress) {
    lookForLoss(progress);
    tell(turn, to, { type: 'lead', ballot: leadership.ballot, commit: turn.state.commit, round: leadership.round });
  }
}

/** A leader that a majority does not seem to hear should not keep its clients waiting. */
export function checkMajority(turn: Turn): void {
  const { state, council, nowMs, effects } = turn;
  const { size, quorum } = council.membership;
  const suspected = [...state.detector.suspected(nowMs)].length;
  if (state.role.role !== 'leader' || size - suspected >= quorum) return;
  effects.push({ type: 'trace', name: 'noMajority', data: { ballot: state.role.ballot } });
  stepDown(turn);
}

/** Phase 2b. Throws RuleError `paxos/accepted` for an answer to a heartbeat that there was not. */
export function receiveAccepted(turn: Turn, from: NodeId, { ballot, height, round }: AcceptedMessage): void {
  const leadership = leadershipOf(turn.state);
  const progress = leadership?.progress.get(from);
  if (leadership?.ballot !== ballot || progress === undefined) return;
  if (round > leadership.round) {
    throw new RuleError('paxos/accepted', `An answer to heartbeat ${round} of ballot ${ballot}, whose last is ${leadership.round}.`, {
      round,
    });
  }
  advance(progress, height, round);
  countAccepted(turn);
  answerReads(turn);
}

/** A slot is decided when a majority has accepted it under this ballot; so are all below, since acceptors go slot by slot. */
export function countAccepted(turn: Turn): void {
  const { state, council, effects } = turn;
  const leadership = leadershipOf(state);
  if (leadership === null) return;
  const { ballot, top, progress } = leadership;
  const own = state.log.acceptedUpTo(ballot, state.persisted);
  const height = Math.min(top, reachedBy(council.membership.quorum, [own, ...[...progress.values()].map(({ accepted }) => accepted)]));
  if (height <= state.commit.height) return;
  const { hash }: Position = present(state.log.entry(height), 'a block that this leader has proposed');
  state.commit = { height, hash };
  effects.push({ type: 'trace', name: 'chosen', data: { height, hash, ballot } });
  decide(turn, state.commit);
  answerReads(turn);
  for (const [to, each] of progress) tellCommit(turn, leadership, to, each);
}

/** With the next block, or by itself: others show their clients what is decided. */
function tellCommit(turn: Turn, { ballot, top, round }: Leadership, to: NodeId, { next }: Progress): void {
  if (next > top) tell(turn, to, { type: 'lead', ballot, commit: turn.state.commit, round });
}
