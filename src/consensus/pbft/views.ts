/**
 * View change and new view (section 4.4).
 *
 * A member prepares height n + 1 only on a committed block n. So there is at most one prepared block above the last committed
 * one, and a view change has room for one: C is the certificate of the last block that the member knows to be committed,
 * P a prepared certificate for the next height, or nothing. From a quorum V of these follows what the new view begins with:
 *
 *   base     = the highest block that a C in V proves                                   (min-s)
 *   carried  = of the P in V for base + 1, the one of the highest view; if none, any    (O)
 *
 * Why this is safe: a block that was committed at base + 1 was prepared by a quorum, whose correct members have P for it or
 * C for it or later; one of them is in every V, and it had said so before it left the view. A P of a later view replaces it
 * only if it is for the same block, by the same argument one view later.
 */
import { assert } from '../../base/assert.ts';
import { EMPTY } from '../../base/bytes.ts';
import { RuleError } from '../../base/errors.ts';
import type { Hash } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { hashHeader } from '../../chain/header.ts';
import { toOthers } from '../members/decisions.ts';
import { dropDraft } from '../members/drafting.ts';
import { learnCommitted } from './agreement.ts';
import { NEW_VIEW, VIEW_CHANGE, viewOf } from './ballots.ts';
import { changeDigest, type NewView, newViewDigest, type PbftMessage, type ViewChange } from './messages.ts';
import { baseOf, type CheckedChange, type Entered, keep, type PbftRules, primaryOf, type Turn, trace } from './state.ts';

/** Leaves the view, for this one. */
export function startViewChange(turn: Turn, view: number, reason: string): void {
  const { state, rules, council } = turn;
  const { best, place } = state;
  const base = best?.height ?? state.base;
  assert(view > state.view, () => `view ${view} is after view ${state.view}`);
  assert(place !== null && council.signer !== null, 'a member changes the view');
  state.view = view;
  state.isChanging = true;
  dropDraft(turn, state.drafts);
  const prepared = state.prepared?.height === base + 1 ? state.prepared : null;
  const said = { checkpoint: best?.certificate ?? EMPTY, prepared: prepared?.certificate ?? EMPTY };
  const vote = rules.ballots.turns.vote(place, council.signer, rules.ballots.turnStatement(VIEW_CHANGE, view, changeDigest(said)));
  const change = { ...said, vote };
  const block = prepared?.block ?? null;
  const after = keep(turn, [{ type: 'viewChange', change }]);
  state.changes.set(place, { change, view, checkpoint: best, base, prepared, block });
  toOthers<PbftMessage>(turn, { type: 'viewChange', change, block }, after);
  trace(turn, 'viewChange', { view, reason, base, prepared: prepared?.hash ?? null });
}

/** <VIEW-CHANGE, v+1, n, C, P, i> of another member. Throws RuleError. */
export function receiveViewChange(turn: Turn, change: ViewChange, block: Block | null): void {
  const { state, rules } = turn;
  const [member = 0] = change.vote.members;
  const view = viewOf(change.vote);
  if (view <= state.entered.view || view <= (state.changes.get(member)?.view ?? 0)) return;
  const checked = checkChange(rules, change);
  const hash = block === null ? undefined : hashHeader(block.header);
  if (hash !== checked.prepared?.hash) {
    throw new RuleError(
      'pbft/view-change',
      `A view change of member ${member} comes with block ${hash ?? 'none'}; it says that ${checked.prepared?.hash ?? 'none'} is prepared.`,
    );
  }
  state.changes.set(member, { ...checked, block: held(turn, hash) ?? block });
  if (checked.checkpoint !== null) learnCommitted(turn, checked.checkpoint);
}

/** Members mostly have the same block prepared: it is kept once. */
function held({ state: { changes, prepared } }: Turn, hash: Hash | undefined): Block | null {
  if (prepared !== null && prepared.hash === hash) return prepared.block;
  return [...changes.values()].find((change) => hash !== undefined && change.prepared?.hash === hash)?.block ?? null;
}

/** One that proves less than it says is refused as a whole: it must not stand in the way of those that prove something. */
export function checkChange(rules: PbftRules, change: ViewChange): CheckedChange {
  const { ballots, council } = rules;
  const { checkpoint, prepared, vote } = change;
  const view = viewOf(vote);
  if (!ballots.isTurn(VIEW_CHANGE, vote, changeDigest(change))) throw wrongChange(change, 'is not signed by it');
  const proof = checkpoint.length === 0 ? null : { ...council.proven(checkpoint), certificate: checkpoint };
  const base = proof?.height ?? baseOf(rules);
  const ballot = prepared.length === 0 ? null : ballots.prepared(prepared);
  if (prepared.length > 0 && ballot === null) throw wrongChange(change, 'has a prepared certificate that proves nothing');
  if (ballot !== null && (ballot.view >= view || ballot.height !== base + 1)) {
    throw wrongChange(change, `is for view ${view} on height ${base}, and has height ${ballot.height} prepared in view ${ballot.view}`);
  }
  return { change, view, checkpoint: proof, base, prepared: ballot };
}

function wrongChange({ vote }: ViewChange, what: string): RuleError {
  return new RuleError('pbft/view-change', `A view change of member ${vote.members[0]} ${what}.`);
}

/** At the end of every step: leaves a view with f + 1 others, and begins the next one as its primary. */
export function followViewChanges(turn: Turn): void {
  const { state, council } = turn;
  if (state.place === null) return;
  if (state.hasLostTrust && !state.isChanging) startViewChange(turn, state.view + 1, 'equivocation');
  state.hasLostTrust = false;
  // "If a replica receives a set of f + 1 valid view-change messages for views greater than its current view" (4.5.2).
  for (;;) {
    const later = [...state.changes.values()].map(({ view }) => view).filter((view) => view > state.view);
    if (later.length <= council.membership.faulty) break;
    startViewChange(turn, Math.min(...later), 'joined');
  }
  if (state.isChanging && primaryOf(turn, state.view) === state.place) beginView(turn);
}

/** Enough want this view or a later one: from now on its primary is waited for (4.5.2). */
export function hasQuorum({ state, council }: Turn): boolean {
  return [...state.changes.values()].filter(({ view }) => view >= state.view).length >= council.membership.quorum;
}

/** <NEW-VIEW, v+1, V, O>, when a quorum wants this very view. */
function beginView(turn: Turn): void {
  const { state, rules, council } = turn;
  const { view, place } = state;
  assert(place !== null && council.signer !== null, 'a member begins a view');
  const wanting = [...state.changes].filter(([, change]) => change.view === view).sort(([a], [b]) => a - b);
  if (wanting.length < council.membership.quorum) return;
  const chosen = wanting.map(([, change]) => change).slice(0, council.membership.quorum);
  const changes = chosen.map(({ change }) => change);
  const digest = newViewDigest(rules.ballots, changes);
  const newView = { changes, vote: rules.ballots.turns.vote(place, council.signer, rules.ballots.turnStatement(NEW_VIEW, view, digest)) };
  const { carried } = outcomeOf(chosen);
  const block = chosen.find(({ prepared }) => carried !== null && prepared?.hash === carried)?.block ?? null;
  const after = enterView(turn, newView, chosen, block);
  toOthers<PbftMessage>(turn, { type: 'newView', newView }, after);
}

/** A new view, from its primary or from anybody who has it. Throws RuleError. */
export function receiveNewView(turn: Turn, newView: NewView): void {
  const { state, rules } = turn;
  const view = viewOf(newView.vote);
  if (view < state.view || view <= state.entered.view) return;
  enterView(turn, newView, checkNewView(rules, newView), null);
}

/** Throws RuleError `pbft/new-view`, or what `checkChange` throws. */
export function checkNewView(rules: PbftRules, { changes, vote }: NewView): CheckedChange[] {
  const { ballots, council } = rules;
  const view = viewOf(vote);
  const members = new Set(changes.map((change) => change.vote.members[0]));
  const isQuorum = members.size === changes.length && changes.length === council.membership.quorum;
  const isPrimary = vote.members[0] === primaryOf({ council }, view);
  if (!isQuorum || !isPrimary || changes.some((change) => viewOf(change.vote) !== view)) {
    throw new RuleError(
      'pbft/new-view',
      `A new view ${view} of member ${vote.members[0]} with ${changes.length} view changes; expected one of member ${primaryOf({ council }, view)} with those of ${council.membership.quorum} members for it.`,
    );
  }
  if (!ballots.isTurn(NEW_VIEW, vote, newViewDigest(ballots, changes))) {
    throw new RuleError('pbft/new-view', `A new view ${view} is not signed by its primary.`);
  }
  return changes.map((change) => checkChange(rules, change));
}

/** What a new view begins with. */
export function outcomeOf(changes: readonly CheckedChange[]): Pick<Entered, 'base' | 'carried'> {
  const base = Math.max(...changes.map((change) => change.base));
  const prepared = changes.flatMap((change) => (change.prepared?.height === base + 1 ? change.prepared : []));
  const [highest] = prepared.sort((a, b) => b.view - a.view);
  return { base, carried: highest?.hash ?? null };
}

function enterView(turn: Turn, newView: NewView, changes: readonly CheckedChange[], block: Block | null) {
  const { state } = turn;
  const view = viewOf(newView.vote);
  const { base, carried } = outcomeOf(changes);
  // Before the first vote in this view, so that a restart does not forget what it must begin with.
  const lsn = keep(turn, [{ type: 'newView', newView, block }]);
  state.view = view;
  state.isChanging = false;
  state.entered = { view, base, carried, block, newView };
  state.rounds.clear();
  state.unsaved = null;
  dropDraft(turn, state.drafts);
  state.isOwed = true;
  for (const [member, change] of state.changes) if (change.view <= view) state.changes.delete(member);
  for (const { checkpoint } of changes) if (checkpoint !== null) learnCommitted(turn, checkpoint);
  trace(turn, 'newView', { view, base, carried });
  return lsn;
}
