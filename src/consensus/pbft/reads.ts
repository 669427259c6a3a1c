/**
 * Linearizable reads. A write that was acknowledged is in a committed block, so a quorum has prepared that block, or knows
 * of it as committed. The reader asks all members for the highest block of which they can prove the one or the other; a
 * quorum of answers has one from a correct member of that quorum, so the highest block proven is not below the write's.
 * When this node's chain on disk has come up to it, the read may be answered.
 *
 * A claim without proof is refused, or one liar could stop all reads. What is prepared and never committed stops none
 * either: the next view commits another block of that height.
 * (The paper's read-only operations, section 5.1.3, answer from 2f + 1 replicas' states, and fail while writes go on; with
 * fewer replies they lose liveness, arXiv 2107.11144. Here a read waits for the chain, which goes on.)
 */
import { EMPTY } from '../../base/bytes.ts';
import { RuleError, type SynodError, UsageError } from '../../base/errors.ts';
import type { Json, NodeId } from '../../base/types.ts';
import type { RequestId } from '../engine.ts';
import { toOthers } from '../members/decisions.ts';
import { learnCommitted } from './agreement.ts';
import type { PbftMessage } from './messages.ts';
import type { Read, Turn } from './state.ts';

export const READ_TIMER = 'read';
const MAX_READS = 64;

export function startRead(turn: Turn, request: RequestId): void {
  const { state, rules, nowMs, effects } = turn;
  if (state.place === null) {
    return reply(turn, request, new UsageError('pbft/not-a-member', 'This node only follows; ask a member for a linearizable read.'));
  }
  if (state.reads.size >= MAX_READS) {
    return reply(turn, request, new UsageError('pbft/too-many-reads', `${MAX_READS} reads are waiting already; try again.`));
  }
  const height = Math.max(state.best?.height ?? 0, state.prepared?.height ?? 0);
  const id = state.nextRequest++;
  const untilMs = nowMs + rules.settings.maxViewTimeoutMs;
  state.reads.set(id, { request, untilMs, answered: new Set([state.place]), height });
  toOthers<PbftMessage>(turn, { type: 'ask', request: id, height: state.storedHeight });
  effects.push({ type: 'setTimer', id: READ_TIMER, delayMs: rules.settings.maxViewTimeoutMs });
}

/** Asks again, as messages get lost. */
export function repeatReads(turn: Turn): void {
  for (const id of turn.state.reads.keys()) toOthers<PbftMessage>(turn, { type: 'ask', request: id, height: turn.state.storedHeight });
}

export function answerAsk({ state, effects }: Turn, from: NodeId, { request, height }: Extract<PbftMessage, { type: 'ask' }>): void {
  const { best, prepared } = state;
  const committed = best !== null && best.height > height ? best.certificate : EMPTY;
  const certificate = prepared !== null && prepared.height > height ? prepared.certificate : EMPTY;
  effects.push({ type: 'send', to: from, message: { type: 'answer', request, committed, prepared: certificate } });
}

/** Throws RuleError for an answer that claims more than it proves. */
export function takeAnswer(turn: Turn, from: NodeId, { request, committed, prepared }: Extract<PbftMessage, { type: 'answer' }>): void {
  const { state, council, rules } = turn;
  const read = state.reads.get(request);
  const place = council.membership.placeOf(from);
  if (read === undefined || place === undefined) return;
  if (committed.length > 0) {
    const proof = { ...council.proven(committed), certificate: committed };
    learnCommitted(turn, proof);
    read.height = Math.max(read.height, proof.height);
  }
  if (prepared.length > 0) {
    const ballot = rules.ballots.prepared(prepared);
    if (ballot === null) throw new RuleError('pbft/answer', 'An answer to a read has a prepared certificate that proves nothing.');
    read.height = Math.max(read.height, ballot.height);
  }
  read.answered.add(place);
}

/** At the end of every step. */
export function finishReads(turn: Turn): void {
  const { state, council, nowMs } = turn;
  for (const [id, read] of state.reads) {
    const isConfirmed = read.answered.size >= council.membership.quorum && state.storedHeight >= read.height;
    if (isConfirmed) end(turn, id, read, { height: state.storedHeight });
    else if (nowMs >= read.untilMs) {
      const message = `${read.answered.size} of ${council.membership.quorum} members have answered, and the head is at ${state.storedHeight} of ${read.height}: no quorum can be reached now.`;
      end(turn, id, read, new RuleError('pbft/read-timeout', message, {}, { blame: false }));
    }
  }
}

function end(turn: Turn, id: number, read: Read, result: Json | SynodError): void {
  turn.state.reads.delete(id);
  reply(turn, read.request, result);
}

export function reply({ effects }: Turn, request: RequestId, result: Json | SynodError): void {
  effects.push({ type: 'reply', request, result });
}
