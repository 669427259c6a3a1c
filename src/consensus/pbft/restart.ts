/** What a start makes of the consensus log: the votes and views that this member has given its word for, and their blocks. */
import { unreachable } from '../../base/assert.ts';
import { RuleError } from '../../base/errors.ts';
import type { Hash } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { hashHeader } from '../../chain/header.ts';
import type { Event } from '../engine.ts';
import { factsOf } from '../members/council.ts';
import { SETTLE_TIMER } from '../members/decisions.ts';
import { recordsOf } from '../members/records.ts';
import { learnCommitted } from './agreement.ts';
import { type Ballot, type Phase, viewOf } from './ballots.ts';
import { stableAt } from './checkpoints.ts';
import { decodeRecord, type LogRecord } from './records.ts';
import { activeHeight, primaryOf, roundAt, type Turn } from './state.ts';
import { tellStatus } from './transfer.ts';
import { checkChange, outcomeOf } from './views.ts';

export function start(turn: Turn, event: Extract<Event<never>, { type: 'start' }>): void {
  const { state, rules, chain } = turn;
  state.lsn = event.lsn;
  state.reads.incarnation = event.incarnation;
  const blocks = new Map<Hash, Block>();
  const decode = (bytes: Uint8Array) => decodeRecord(rules.ballots, bytes);
  for (const [record] of recordsOf(event, decode)) takeRecord(turn, record, blocks);
  insertBlocks(turn, blocks);
  if (state.best === null) learnStored(turn);
  const { best } = state;
  if (best !== null && chain.canonical(best.height) === best.hash) {
    state.committed = best;
    turn.decisions.shown = best;
  }
  state.stable = stableAt(turn, Math.min(activeHeight(state) - 1, chain.finalized.header.number));
  if (state.prepared !== null && state.prepared.height < activeHeight(state)) state.prepared = null;
  state.calmView = state.entered.view;
  state.isOwed = state.entered.newView !== null && state.entered.base >= activeHeight(state) - 1;
  restoreRound(turn, blocks);
  tellStatus(turn);
}

/** A chain without its log (a backup, or one that was written by somebody else) says itself how far it is proven. */
function learnStored(turn: Turn): void {
  const { council, chain } = turn;
  const { hash } = chain.finalized;
  const certificate = chain.certificate?.(hash);
  if (certificate === undefined) return;
  try {
    const decision = council.proven(certificate);
    if (decision.hash === hash) learnCommitted(turn, { ...decision, certificate });
  } catch (error) {
    // Of members or of an engine before these: nothing that they could go on from.
    if (!(error instanceof RuleError)) throw error;
  }
}

function takeRecord(turn: Turn, record: LogRecord, blocks: Map<Hash, Block>): void {
  const { state, rules, council } = turn;
  switch (record.type) {
    case 'block': {
      const hash = hashHeader(record.block.header);
      blocks.set(hash, record.block);
      if (record.isVoted) note(turn, 'prepare', { view: record.view, height: record.block.header.number, hash });
      return;
    }
    case 'prepared': {
      const ballot = rules.ballots.prepared(record.certificate);
      const block = ballot && blocks.get(ballot.hash);
      if (!block) return;
      state.prepared = { ...ballot, certificate: record.certificate, block };
      note(turn, 'commit', ballot);
      return;
    }
    case 'committed':
      return learnCommitted(turn, { ...council.proven(record.certificate), certificate: record.certificate });
    case 'viewChange': {
      const checked = checkChange(rules, record.change);
      state.view = checked.view;
      state.isChanging = true;
      const block = checked.prepared && blocks.get(checked.prepared.hash);
      if (state.place !== null) state.changes.set(state.place, { ...checked, block: block ?? null });
      if (checked.checkpoint !== null) learnCommitted(turn, checked.checkpoint);
      return;
    }
    case 'newView': {
      const { newView, block } = record;
      const view = viewOf(newView.vote);
      const changes = newView.changes.map((change) => checkChange(rules, change));
      state.view = view;
      state.isChanging = false;
      state.entered = { view, ...outcomeOf(changes), block, newView };
      for (const { checkpoint } of changes) if (checkpoint !== null) learnCommitted(turn, checkpoint);
      return;
    }
    case 'evidence': {
      const { phase, votes } = record.evidence;
      const { view, height } = rules.ballots.ballotOf(phase, votes[0]);
      state.evidence.set(`${votes[0].members[0]}/${phase}/${view}/${height}`, record.evidence);
      return;
    }
    default:
      return unreachable(record);
  }
}

/** What was written again at a checkpoint may stand after what is newer. */
function note({ state }: Turn, phase: Phase, ballot: Ballot): void {
  const last = state.signed[phase];
  if (last === null || ballot.view > last.view || (ballot.view === last.view && ballot.height > last.height)) state.signed[phase] = ballot;
}

/** The chain on disk may lack what was only inserted. Lower ones come first. */
function insertBlocks({ chain, effects }: Turn, blocks: ReadonlyMap<Hash, Block>): void {
  const ascending = [...blocks].sort(([, a], [, b]) => a.header.number - b.header.number);
  const inserted = new Set<Hash>();
  for (const [hash, block] of ascending) {
    const { parentHash } = block.header;
    if (chain.get(hash) !== undefined || (chain.get(parentHash) === undefined && !inserted.has(parentHash))) continue;
    inserted.add(hash);
    effects.push({ type: 'insert', block, facts: factsOf(block.header) });
  }
  if (inserted.size > 0) effects.push({ type: 'setTimer', id: SETTLE_TIMER, delayMs: 0 });
}

/** What was voted for in this view, so that the same is said again to those who ask. */
function restoreRound(turn: Turn, blocks: ReadonlyMap<Hash, Block>): void {
  const { state, rules, council } = turn;
  const { entered, place } = state;
  const { prepare, commit } = state.signed;
  if (place === null || council.signer === null || prepare?.view !== entered.view) return;
  const block = blocks.get(prepare.hash);
  if (block === undefined || prepare.height < activeHeight(state)) return;
  const round = roundAt(state, prepare.height);
  const vote = rules.ballots.electorate('prepare').vote(place, council.signer, rules.ballots.statement('prepare', prepare));
  round.proposal = { block, hash: prepare.hash, vote: primaryOf(turn, entered.view) === place ? vote : null };
  round.votes.prepare.set(place, vote);
  if (commit === null || commit.view !== entered.view || commit.height !== prepare.height || state.prepared === null) return;
  round.certificate = rules.ballots.electorate('prepare').decode(state.prepared.certificate);
  round.votes.commit.set(place, council.electorate.vote(place, council.signer, rules.ballots.statement('commit', commit)));
}
