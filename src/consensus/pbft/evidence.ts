/**
 * Evidence of equivocation: two votes of one member in one phase, view and height, for two blocks. A primary's pre-prepare
 * is its prepare, so that two proposals are evidence too. It proves itself, so it is kept, shown and passed on; what follows
 * from it is for people, but for this: a primary that is convicted in its own view is not waited for.
 */
import { equalBytes } from '../../base/bytes.ts';
import { RuleError } from '../../base/errors.ts';
import { toOthers } from '../members/decisions.ts';
import type { Ballots } from './ballots.ts';
import type { Evidence, PbftMessage } from './messages.ts';
import { keep, primaryOf, type Turn, trace } from './state.ts';

/** Against one member. One is enough to know it. */
const MAX_EVIDENCE_EACH = 4;

/** Both votes are checked. */
export function accuse(turn: Turn, evidence: Evidence): void {
  const { state, rules } = turn;
  const { view, height } = rules.ballots.ballotOf(evidence.phase, evidence.votes[0]);
  const [member = 0] = evidence.votes[0].members;
  const key = `${member}/${evidence.phase}/${view}/${height}`;
  const known = [...state.evidence.keys()].filter((other) => other.startsWith(`${member}/`));
  if (known.length >= MAX_EVIDENCE_EACH || known.includes(key)) return;
  state.evidence.set(key, evidence);
  const after = keep(turn, [{ type: 'evidence', evidence }]);
  toOthers<PbftMessage>(turn, { type: 'evidence', evidence }, after);
  trace(turn, 'evidence', { member, phase: evidence.phase, view, height });
  const isPrimary = member === primaryOf(turn, state.entered.view) && view === state.entered.view;
  if (isPrimary && !state.isChanging) state.hasLostTrust = true;
}

/** Throws RuleError for what proves nothing. */
export function receiveEvidence(turn: Turn, evidence: Evidence): void {
  checkEvidence(turn.rules.ballots, evidence);
  accuse(turn, evidence);
}

/** Throws RuleError `pbft/evidence`. */
export function checkEvidence(ballots: Ballots, { phase, votes }: Evidence): void {
  const [first, second] = votes.map((vote) => ({ ...ballots.ballotOf(phase, vote), member: vote.members[0] }));
  const isSame = first?.member === second?.member && first?.view === second?.view && first?.height === second?.height;
  const contradicts = !equalBytes(votes[0].statement, votes[1].statement);
  if (isSame && contradicts && votes.every((vote) => ballots.electorate(phase).isSigned(vote))) return;
  throw new RuleError(
    'pbft/evidence',
    `What is said to be evidence against member ${first?.member} shows no contradiction that it signed.`,
  );
}
