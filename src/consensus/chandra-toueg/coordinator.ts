/**
 * The coordinator of a round. Source: Chandra and Toueg, figure 6, phases 2 and 4. In round 1 nobody can have an estimate of an
 * earlier round, so any first value will do, and none is waited for.
 */
import { assert } from '../../base/assert.ts';
import type { NodeId } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { hashHeader } from '../../chain/header.ts';
import { keep } from '../members/decisions.ts';
import { learnDecision } from './deciding.ts';
import { draftValue } from './initiating.ts';
import { noteEstimate, noteOf } from './notes.ts';
import { ownEstimate, sendProposal } from './rounds.ts';
import { type Attempt, blockOf, coordinates, type Estimate, type Turn, trace } from './state.ts';

/** At the end of every step. */
export function coordinate(turn: Turn): void {
  const { attempt } = turn.state;
  if (attempt === null || !coordinates(turn, attempt)) return;
  if (noteOf(turn.state, attempt.height).timestamp === attempt.round) return countAcks(turn, attempt);
  const block = chooseValue(turn, attempt);
  if (block !== null) propose(turn, attempt, block);
}

/** Phase 2. Null: not yet. */
function chooseValue(turn: Turn, attempt: Attempt): Block | null {
  const { council, self } = turn;
  const { height, round, estimates } = attempt;
  const own = ownEstimate(turn, height);
  const all = new Map<NodeId, Estimate>([...estimates, [self, own]]);
  if (round > 1 && all.size < council.membership.quorum) return null;
  const [from, best] = newest(all, self);
  if (best.timestamp > 0) return wholeValue(turn, height, best, from);
  for (const { value } of [own, ...estimates.values()]) if (value !== null && value.block !== null) return value.block;
  // Nobody has a value.
  draftValue(turn, round);
  return null;
}

/** The estimate with the highest timestamp: a value that a majority has adopted is among those of any majority, and none is newer. */
function newest(all: ReadonlyMap<NodeId, Estimate>, self: NodeId): readonly [NodeId, Estimate] {
  let best: readonly [NodeId, Estimate] = [self, { timestamp: 0, value: null }];
  for (const entry of all) if (entry[1].timestamp > best[1].timestamp) best = entry;
  return best;
}

function wholeValue(turn: Turn, height: number, { value }: Estimate, from: NodeId): Block | null {
  assert(value !== null, 'an adopted estimate has a value');
  return value.block ?? blockOf(turn, height, value.hash) ?? fetchValue(turn, value.hash, from);
}

function fetchValue({ state, effects, nowMs, settings }: Turn, hash: NonNullable<Estimate['value']>['hash'], from: NodeId): null {
  // Asked for again no more often than everything else is said again.
  if (nowMs >= state.fetchAgainMs) {
    state.fetchAgainMs = nowMs + settings.heartbeatMs;
    effects.push({ type: 'fetch', hash, from });
  }
  return null;
}

/** The own estimate is the proposal from now on; it is on disk before anybody hears of it, or a crash could make it two. */
function propose(turn: Turn, attempt: Attempt, block: Block): void {
  const { state, council, self } = turn;
  const { height, round } = attempt;
  const note = noteOf(state, height);
  trace(turn, 'proposed', { height, round, hash: hashHeader(block.header), adopted: ownEstimate(turn, height).timestamp });
  noteEstimate(turn, note, round, block);
  keep(turn, block, null);
  for (const to of council.membership.others(self)) sendProposal(turn, attempt, to, true);
}

/** Phase 4: with a majority of acknowledgements, its own among them once it is on disk, the value is decided. */
function countAcks(turn: Turn, { height, round, acks }: Attempt): void {
  const { state, council } = turn;
  const note = noteOf(state, height);
  const count = acks.size + (state.persisted >= note.lsn ? 1 : 0);
  if (count < council.membership.quorum || note.hash === null) return;
  trace(turn, 'decided', { height, round, hash: note.hash, acks: count });
  learnDecision(turn, { height, hash: note.hash }, null, false);
}
