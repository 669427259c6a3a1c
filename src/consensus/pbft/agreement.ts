/**
 * The three phases (section 4.2): pre-prepare, prepare, commit. One height at a time: a member prepares a block on the block
 * that it has committed, once it has executed it.
 */
import { assert } from '../../base/assert.ts';
import { EMPTY, equalBytes } from '../../base/bytes.ts';
import { RuleError } from '../../base/errors.ts';
import type { Hash } from '../../base/types.ts';
import { hashHeader } from '../../chain/header.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import { roundOf } from '../members/building.ts';
import { blame, execute, keep as keepBlock, prove, settle, toOthers } from '../members/decisions.ts';
import type { Votes } from '../votes.ts';
import type { Ballot, Phase } from './ballots.ts';
import { accuse } from './evidence.ts';
import type { PbftMessage } from './messages.ts';
import { activeHeight, highWaterMark, keep, primaryOf, type Round, roundAt, type Turn, trace } from './state.ts';

/** Proposals above the active height that are kept until their turn comes; each may be as large as a block. */
const PROPOSALS_AHEAD = 2;
/** So far may the time of a proposal be ahead of this node's clock. */
export const FUTURE_LIMIT_MS = 10_000;

/** <PRE-PREPARE, v, n, d> with its block, of the view that this member is in. Throws RuleError. */
export function receiveProposal(turn: Turn, message: Extract<PbftMessage, { type: 'preprepare' }>): void {
  const { state, rules } = turn;
  const { block, vote } = message;
  const ballot = rules.ballots.ballotOf('prepare', vote);
  const { number } = block.header;
  if (ballot.hash !== hashHeader(block.header) || ballot.height !== number) {
    throw new RuleError(
      'pbft/proposal',
      `A proposal for ${ballot.hash} (${ballot.height}) comes with block ${number}, which is another one.`,
    );
  }
  checkPrimary(turn, ballot.view, vote);
  const isWanted = number >= activeHeight(state) && number <= Math.min(highWaterMark(turn), activeHeight(state) + PROPOSALS_AHEAD);
  if (state.isChanging || ballot.view !== state.entered.view || !isWanted) return;
  const known = state.rounds.get(number);
  if (known?.proposal?.hash === ballot.hash) return;
  checkPlace(turn, ballot, block);
  // Shown by somebody else, the vote alone may have come before.
  const isKnown = equalBytes(known?.votes.prepare.get(primaryOf(turn, ballot.view))?.statement ?? EMPTY, vote.statement);
  if (!isKnown && !takeVote(turn, 'prepare', vote)) return;
  const round = roundAt(state, number);
  if (round.proposal === null) round.proposal = { block, hash: ballot.hash, vote };
}

function checkPrimary(turn: Turn, view: number, { members }: Votes): void {
  const primary = primaryOf(turn, view);
  if (members[0] === primary) return;
  throw new RuleError('pbft/not-primary', `Member ${members[0]} proposes in view ${view}, whose primary is ${primary}.`);
}

/** Of a proposal in a view that has not begun here: which. Throws RuleError unless its primary has signed it. */
export function checkProposer(turn: Turn, vote: Votes): number {
  const { view, height } = turn.rules.ballots.ballotOf('prepare', vote);
  checkPrimary(turn, view, vote);
  if (!turn.rules.ballots.electorate('prepare').isSigned(vote)) throw unsigned('prepare', vote, height);
  return view;
}

function unsigned(phase: Phase, { members }: Votes, height: number): RuleError {
  return new RuleError('pbft/signature', `A ${phase} of member ${members[0]} for height ${height} is not signed by it.`);
}

/** In a new view the block that was prepared before comes first, and all others are made in it (section 4.4: O). */
function checkPlace({ state: { entered } }: Turn, { view, height, hash }: Ballot, block: Parameters<typeof roundOf>[0]): void {
  const { base, carried } = entered;
  if (height <= base) {
    throw new RuleError('pbft/decided', `A proposal in view ${view} for height ${height}, where a block was committed before that view.`);
  }
  if (carried !== null && height === base + 1) {
    if (hash === carried) return;
    throw new RuleError(
      'pbft/not-carried',
      `The proposal for height ${height} in view ${view} is ${hash}; expected ${carried}, which was prepared before.`,
    );
  }
  if (roundOf(block) !== BigInt(view)) {
    throw new RuleError('pbft/round', `Block ${height}, proposed in view ${view}, says that it was made in view ${roundOf(block)}.`);
  }
}

/** A vote that counts, if it is of this view and of a height between the water marks. Throws RuleError. */
export function receiveVote(turn: Turn, phase: Phase, vote: Votes): void {
  const { state, rules } = turn;
  const { view, height } = rules.ballots.ballotOf(phase, vote);
  if (view !== state.entered.view || height < activeHeight(state)) return;
  // Commits count also after this member has left the view: they prove what they prove.
  if (state.isChanging && phase === 'prepare') return;
  if (height > highWaterMark(turn)) {
    state.isCurious = true;
    return;
  }
  const enough = phase === 'prepare' ? state.rounds.get(height)?.certificate : null;
  // One more changes nothing, and is not worth the check of a signature.
  if (enough && equalBytes(enough.statement, vote.statement)) return;
  takeVote(turn, phase, vote);
}

/** False for one that was known, or that contradicts what its member has said. */
function takeVote(turn: Turn, phase: Phase, vote: Votes): boolean {
  const { state, rules } = turn;
  const electorate = rules.ballots.electorate(phase);
  const ballot = rules.ballots.ballotOf(phase, vote);
  const [member = 0] = vote.members;
  const known = state.rounds.get(ballot.height)?.votes[phase].get(member);
  if (known !== undefined && equalBytes(known.statement, vote.statement)) return false;
  if (!electorate.isSigned(vote)) throw unsigned(phase, vote, ballot.height);
  const round = roundAt(state, ballot.height);
  if (known !== undefined) {
    accuse(turn, { phase, votes: [known, vote] });
    return false;
  }
  if (phase === 'prepare') confront(turn, round, member, ballot.hash);
  const certificate = electorate.count(round.votes[phase], vote);
  if (certificate === null) return true;
  if (phase === 'prepare') round.certificate = certificate;
  else learnCommitted(turn, { height: ballot.height, hash: ballot.hash, certificate: electorate.encode(certificate) });
  return true;
}

/** Who prepares another block was told something else by the primary: it is shown what the primary said here. */
function confront({ council, effects, state }: Turn, { proposal, shownTo }: Round, member: number, hash: Hash): void {
  const node = council.membership.nodeAt(member);
  if (proposal === null || proposal.vote === null || proposal.hash === hash || shownTo.has(member) || node === undefined) return;
  shownTo.add(member);
  effects.push({ type: 'send', to: node, message: { type: 'vote', phase: 'prepare', vote: proposal.vote }, after: state.lsn });
}

/** A certificate that was checked, or made here. */
export function learnCommitted(turn: Turn, proof: NonNullable<Turn['state']['best']>): void {
  const { state, chain, effects } = turn;
  if (proof.height <= (state.best?.height ?? 0)) return;
  state.best = proof;
  prove(turn, proof);
  if (chain.get(proof.hash) === undefined && state.rounds.get(proof.height)?.proposal?.hash !== proof.hash) {
    effects.push({ type: 'fetch', hash: proof.hash, from: null });
  }
}

/** At the end of every step, first: what is proven becomes the head, and final. Returns the head. */
export function decideProven(turn: Turn): HeaderNode {
  const { state, decisions } = turn;
  for (const proof of decisions.proofs.values()) if (proof.height > (state.best?.height ?? 0)) state.best = proof;
  keepProven(turn);
  const head = settle(turn);
  const { shown } = decisions;
  if (shown !== null && shown.height >= activeHeight(state)) blockCommitted(turn, shown);
  return head;
}

/** A proposal that was not to be voted for (of a time that has not come by this node's clock) may be decided by others. */
function keepProven(turn: Turn): void {
  const { best, rounds } = turn.state;
  const proposal = best === null ? null : rounds.get(best.height)?.proposal;
  if (!proposal || proposal.hash !== best?.hash || turn.chain.get(best.hash) !== undefined) return;
  if (turn.chain.get(proposal.block.header.parentHash) !== undefined) keepBlock(turn, proposal.block, null);
}

function blockCommitted(turn: Turn, proof: NonNullable<Turn['state']['best']>): void {
  const { state, chain, nowMs } = turn;
  state.committed = proof;
  keep(turn, [{ type: 'committed', certificate: proof.certificate }]);
  for (const height of state.rounds.keys()) if (height <= proof.height) state.rounds.delete(height);
  if (state.prepared !== null && state.prepared.height <= proof.height) state.prepared = null;
  state.lastBlockMs = nowMs;
  // Where one block was full of work, there may be more of it.
  if ((chain.block(proof.hash)?.transactions.length ?? 0) > 0) state.hasWork = true;
  if (proof.height > state.entered.base) {
    state.isOwed = false;
    state.calmView = state.entered.view;
  }
  trace(turn, 'committed', { height: proof.height, hash: proof.hash, view: state.entered.view });
}

/** Others have decided what is not here yet: sync brings it. */
export function isMissing({ state }: Turn): boolean {
  const { best, entered } = state;
  return (best !== null && best.height >= activeHeight(state)) || entered.base >= activeHeight(state);
}

/** After a crash the head may be newer than what can be proven: its height is voted on again, or others prove it. */
export function isUnproven({ state, chain }: Turn): boolean {
  return chain.head.header.number >= activeHeight(state) && !((state.best?.height ?? 0) >= activeHeight(state));
}

/** At the end of every step: prepares what is proposed, and commits what is prepared, as soon as it can be. */
export function voteWhenReady(turn: Turn): void {
  const { state, chain } = turn;
  const round = state.rounds.get(activeHeight(state));
  if (state.place === null || state.isChanging || round === undefined || round.proposal === null || round.isRejected) return;
  const { proposal } = round;
  const { best } = state;
  if ((best !== null && best.height >= activeHeight(state)) || activeHeight(state) > highWaterMark(turn)) return;
  const ballot = { view: state.entered.view, height: activeHeight(state), hash: proposal.hash };
  const decided = chain.canonical(ballot.height);
  if (decided !== undefined && decided !== ballot.hash) return;
  const isProven = round.certificate !== null && turn.rules.ballots.ballotOf('prepare', round.certificate).hash === ballot.hash;
  const status = chain.status(ballot.hash);
  if (status === 'invalid') return reject(turn, round, invalid(ballot));
  if (status !== 'executed') return void (status === undefined ? insert(turn, round, isProven) : execute(turn, ballot.hash));
  if (hasSigned(turn, 'prepare', ballot) || (!isProven && isEarly(turn, round))) return commitWhenPrepared(turn, round, ballot, isProven);
  prepare(turn, round, ballot);
  commitWhenPrepared(turn, round, ballot, round.certificate !== null);
}

function insert(turn: Turn, round: Round, isProven: boolean): void {
  const { state, chain, rules, decisions, effects } = turn;
  const block = round.proposal?.block;
  const parent = chain.get(state.committed?.hash ?? chain.genesis.hash);
  if (block === undefined || parent === undefined || (!isProven && isEarly(turn, round))) return;
  try {
    const facts = rules.verifyHeader(block, parent);
    effects.push({ type: 'insert', block, facts });
    execute({ decisions, effects }, hashHeader(block.header));
  } catch (error) {
    reject(turn, round, error);
  }
}

function invalid({ hash, height }: Ballot): RuleError {
  return new RuleError('pbft/invalid-block', `Block ${hash} (${height}) was proposed, and is not valid.`, { hash, height });
}

/** The view timer does the rest. */
function reject(turn: Turn, round: Round, error: unknown): void {
  round.isRejected = true;
  blame(turn, turn.council.membership.nodeAt(primaryOf(turn, turn.state.entered.view)) ?? null, error);
}

/** A chain whose time is ahead of the clocks stands still in time, and goes on. What a quorum has prepared was looked at by others. */
function isEarly({ state: { entered, committed }, chain, wallMs }: Turn, { proposal }: Round): boolean {
  if (proposal === null || proposal.hash === entered.carried) return false;
  const { timestamp } = proposal.block.header;
  const parent = chain.get(committed?.hash ?? chain.genesis.hash);
  return 1_000 * timestamp > wallMs + FUTURE_LIMIT_MS && timestamp !== parent?.header.timestamp;
}

/** Whether something was signed in this view and height, or later. */
function hasSigned({ state }: Turn, phase: Phase, { view, height }: Ballot): boolean {
  const last = state.signed[phase];
  return last !== null && (last.view > view || (last.view === view && last.height >= height));
}

/** <PREPARE, v, n, d, i>; the primary's comes with the block and is its pre-prepare. */
function prepare(turn: Turn, round: Round, ballot: Ballot): void {
  const { state } = turn;
  if (round.proposal === null) return;
  const { block, hash } = round.proposal;
  const after = keep(turn, [{ type: 'block', view: ballot.view, block, isVoted: true }]);
  const vote = sign(turn, 'prepare', ballot);
  if (primaryOf(turn, ballot.view) === state.place) {
    round.proposal = { block, hash, vote };
    toOthers<PbftMessage>(turn, { type: 'preprepare', block, vote }, after);
  } else {
    toOthers<PbftMessage>(turn, { type: 'vote', phase: 'prepare', vote }, after);
  }
  trace(turn, 'prepare', { view: ballot.view, height: ballot.height, hash });
  takeVote(turn, 'prepare', vote);
}

/** <COMMIT, v, n, D(m), i>. */
function commitWhenPrepared(turn: Turn, round: Round, ballot: Ballot, isProven: boolean): void {
  const { state, rules } = turn;
  if (!isProven || round.certificate === null || round.proposal === null || hasSigned(turn, 'commit', ballot)) return;
  const certificate = rules.ballots.electorate('prepare').encode(round.certificate);
  state.prepared = { ...ballot, certificate, block: round.proposal.block };
  const lsn = keep(turn, [{ type: 'prepared', certificate }]);
  const vote = sign(turn, 'commit', ballot);
  toOthers<PbftMessage>(turn, { type: 'vote', phase: 'commit', vote }, lsn);
  state.unsaved = { lsn, vote };
  trace(turn, 'prepared', { view: ballot.view, height: ballot.height, hash: ballot.hash });
}

/** What is signed ascends, so that nothing is ever signed twice, whatever is forgotten of rounds. */
function sign(turn: Turn, phase: Phase, ballot: Ballot): Votes {
  const { state, rules, council } = turn;
  assert(!hasSigned(turn, phase, ballot), () => `${phase} in view ${ballot.view} at ${ballot.height} is the first`);
  assert(state.place !== null && council.signer !== null, 'a member signs');
  state.signed[phase] = ballot;
  return rules.ballots.electorate(phase).vote(state.place, council.signer, rules.ballots.statement(phase, ballot));
}

/** After `persisted`: now this member's own commit counts. */
export function countOwnCommit(turn: Turn, lsn: number): void {
  const { state } = turn;
  if (state.unsaved === null || state.unsaved.lsn > lsn) return;
  const { vote } = state.unsaved;
  state.unsaved = null;
  receiveVote(turn, 'commit', vote);
}
