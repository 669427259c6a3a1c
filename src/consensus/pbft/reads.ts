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
import { RuleError } from '../../base/errors.ts';
import type { NodeId } from '../../base/types.ts';
import { toOthers } from '../members/decisions.ts';
import { heardOf, isOpen, type ReadPolicy } from '../members/reads.ts';
import { learnCommitted } from './agreement.ts';
import type { PbftMessage } from './messages.ts';
import type { PbftState, Turn } from './state.ts';

/** Of a view time-out: as often as a member that waits says where it stands. */
const ASKS_PER_TIMEOUT = 2;

/** How reads of this node are asked. */
export function readPolicy(turn: Turn): ReadPolicy {
  const { viewTimeoutMs, maxViewTimeoutMs } = turn.rules.settings;
  return {
    engine: 'pbft',
    againMs: Math.ceil(viewTimeoutMs / ASKS_PER_TIMEOUT),
    giveUpMs: maxViewTimeoutMs,
    ask: (read) => toOthers<PbftMessage>(turn, { type: 'ask', read, height: turn.state.storedHeight }),
  };
}

/** The highest block that this member may have helped to decide. */
export function provenHeight({ best, prepared, base }: PbftState): number {
  return Math.max(best?.height ?? base, prepared?.height ?? base);
}

export function answerAsk({ state, effects }: Turn, from: NodeId, { read, height }: Extract<PbftMessage, { type: 'ask' }>): void {
  const { best, prepared } = state;
  const committed = best !== null && best.height > height ? best.certificate : EMPTY;
  const certificate = prepared !== null && prepared.height > height ? prepared.certificate : EMPTY;
  effects.push({ type: 'send', to: from, message: { type: 'answer', read, committed, prepared: certificate } });
}

/** Throws RuleError for an answer that claims more than it proves. */
export function takeAnswer(turn: Turn, from: NodeId, { read, committed, prepared }: Extract<PbftMessage, { type: 'answer' }>): void {
  const { state, council, rules } = turn;
  if (!isOpen(state.reads, read)) return;
  let height = 0;
  if (committed.length > 0) {
    const proof = { ...council.proven(committed), certificate: committed };
    learnCommitted(turn, proof);
    height = proof.height;
  }
  if (prepared.length > 0) {
    const ballot = rules.ballots.prepared(prepared);
    if (ballot === null) throw new RuleError('pbft/answer', 'An answer to a read has a prepared certificate that proves nothing.');
    height = Math.max(height, ballot.height);
  }
  heardOf(state.reads, read, from, height, council.membership.quorum);
}
