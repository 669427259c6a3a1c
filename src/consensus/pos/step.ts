/** Proof-of-stake as a state machine: one event in, effects out. What each does is in the file that is named for it. */
import { unreachable } from '../../base/assert.ts';
import type { Context, Event } from '../engine.ts';
import { answerAdmin } from './admin.ts';
import { blockChecked, receiveBlock, retryEarly } from './blocks.ts';
import { currentSlot, SLOT_TIMER, setSlotTimer, watchClock } from './clock.ts';
import { forgetBefore } from './detector.ts';
import {
  AGGREGATE_TIMER,
  aggregate,
  beginSlot,
  blockBuilt,
  sendBlocks,
  sendLastVotes,
  VOTE_TIMER,
  voteForNewHead,
  voteWhenDue,
} from './duties.ts';
import { receiveEvidence } from './evidence.ts';
import { FETCH_TIMER, retryFetches } from './fetches.ts';
import { snapshotWhenStored, updateHead } from './head.ts';
import type { PosMessage } from './messages.ts';
import { start } from './restart.ts';
import type { PosRules } from './rules.ts';
import type { PosEffect, PosState, Turn } from './state.ts';
import { epochOf } from './time.ts';
import { tellOfSearch } from './trust.ts';
import type { Slot } from './types.ts';
import { countQueued, receiveVote, retryVotes } from './votes.ts';

export function step(rules: PosRules, state: PosState, event: Event<PosMessage>, context: Context): readonly PosEffect[] {
  const turn: Turn = { rules, state, context, effects: [], fresh: new Map() };
  watchClock(turn);
  // A timer's event may wait behind thousands of messages; the clock does not.
  if (event.type !== 'start') keepTime(turn);
  handle(turn, event);
  return turn.effects;
}

function handle(turn: Turn, event: Event<PosMessage>): void {
  switch (event.type) {
    case 'start':
      return start(turn, event);
    case 'timer':
      return timerFired(turn, event.id);
    case 'block':
      receiveBlock(turn, event.block, event.origin, event.from);
      return afterBlocks(turn);
    case 'checked':
      blockChecked(turn, event.hash, event.error);
      return afterBlocks(turn);
    case 'message':
      return receiveMessage(turn, event);
    case 'persisted':
      sendBlocks(turn, event.lsn);
      return afterBlocks(turn);
    case 'stored':
      return snapshotWhenStored(turn, event.finalized);
    case 'built':
      return blockBuilt(turn, event.request, event.block);
    case 'admin':
      return answerAdmin(turn, event.request, event.command);
    case 'sealed':
    case 'mempool':
      // This engine asks for no proof of work, proposes by the clock, and finds finality in the blocks themselves.
      return;
    default:
      return unreachable(event);
  }
}

function receiveMessage(turn: Turn, { from, message }: Extract<Event<PosMessage>, { type: 'message' }>): void {
  if (message.type === 'vote') receiveVote(turn, from, message.vote);
  else receiveEvidence(turn, from, message.offence);
}

function timerFired(turn: Turn, id: string): void {
  switch (id) {
    case SLOT_TIMER:
      return setSlotTimer(turn);
    case VOTE_TIMER:
      return voteWhenDue(turn);
    case AGGREGATE_TIMER:
      return aggregate(turn);
    case FETCH_TIMER:
      return retryFetches(turn);
  }
}

function keepTime(turn: Turn): void {
  if (currentSlot(turn) > turn.state.slot) slotBegins(turn, currentSlot(turn));
  voteWhenDue(turn);
}

/** Slots that went by unseen are not caught up with one by one: time is what the clock says. */
function slotBegins(turn: Turn, slot: Slot): void {
  const { state, rules } = turn;
  const { slotsPerEpoch } = rules.settings;
  const since = state.slot;
  state.slot = slot;
  setSlotTimer(turn);
  if (epochOf(rules.settings, since) !== epochOf(rules.settings, slot)) {
    forgetBefore(state.detector, epochOf(rules.settings, slot), slotsPerEpoch);
    state.unsettled.clear();
  }
  countQueued(turn, since);
  retryEarly(turn);
  updateHead(turn);
  tellOfSearch(turn);
  if (slot <= state.resendsUntil) sendLastVotes(turn);
  beginSlot(turn);
}

/** Blocks may have changed the head, and votes may have waited for them. */
function afterBlocks(turn: Turn): void {
  retryVotes(turn);
  updateHead(turn);
  voteForNewHead(turn);
}
