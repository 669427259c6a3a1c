/**
 * Which histories this node believes that it has not seen come to be (consensus-specs phase0/weak-subjectivity.md, "Weak
 * Subjectivity Sync"). Whoever has withdrawn their stake can sign another past for nothing, and no rule of the chain tells it
 * from the true one.
 *
 * 1. Somebody who slept for longer than the weak-subjectivity period, counted from the newest block that it knows to be final,
 *    refuses blocks from before it woke up. What is made from then on it takes: so a network that merely stood still goes on.
 * 2. A block that the operator trusts makes up for the sleep. Until it is part of the chain here nothing is signed, and blocks are
 *    taken only from sync, which follows no branch that has not shown by its headers that it leads to the trusted block
 *    (`verifyHeader` and sync's least weight see to that). Then what is on other branches is dropped, and rule 1 counts from it.
 */
import { assert } from '../../base/assert.ts';
import { RuleError } from '../../base/errors.ts';
import type { Arrival } from '../orphans.ts';
import { MIN_UNBONDING_EPOCHS } from './settings.ts';
import { slotOf, type Turn, trace } from './state.ts';
import { epochOf } from './time.ts';
import type { Slot } from './types.ts';
import { weakSubjectivityPeriod } from './weak-subjectivity.ts';

/** Slots of this long before waking up are the present: nodes of a network that goes on do not all start in one moment. */
export const PRESENT_EPOCHS = 64;

assert(PRESENT_EPOCHS <= MIN_UNBONDING_EPOCHS, 'whoever signs what counts as the present still has stake to lose');

/** At a start, and whenever the clock has jumped: what happened before this slot was not seen here. */
export function wakeUp(turn: Turn, slot: Slot): void {
  const { state, rules } = turn;
  const { settings } = rules;
  state.awakeSince = slot;
  if (!hasSleptTooLong(turn)) return;
  const periodEpochs = weakSubjectivityPeriod(settings, state.anchor.state);
  trace(turn, 'sleptTooLong', { finalEpoch: epochOf(settings, knownSlot(turn)), epoch: epochOf(settings, slot), periodEpochs });
}

/** Whether the block that the operator trusts is still to be found. */
export function isSearching({ rules: { trusted }, state, context }: Turn): boolean {
  if (trusted === undefined || state.store.blocks.has(trusted.hash)) return false;
  const anchor = context.chain.get(state.anchor.hash)?.header.number ?? 0;
  return anchor < trusted.number;
}

/** At each slot: an operator who has mistyped a block must not wait for ever. */
export function tellOfSearch(turn: Turn): void {
  const { trusted } = turn.rules;
  if (trusted !== undefined && isSearching(turn)) trace(turn, 'searching', { ...trusted });
}

/** Throws RuleError `pos/weak-subjectivity`, for which nobody is to blame. */
export function checkHistory(turn: Turn, { block, from }: Pick<Arrival, 'block' | 'from'>): void {
  const { rules, state } = turn;
  const { number } = block.header;
  const slot = slotOf(turn, block);
  // What leads to a trusted block is as good as the block.
  if (from === null || number <= (rules.trusted?.number ?? 0)) return;
  if (slot + PRESENT_EPOCHS * rules.settings.slotsPerEpoch >= state.awakeSince || !hasSleptTooLong(turn)) return;
  throw new RuleError(
    'pos/weak-subjectivity',
    `Block ${number} is of slot ${slot}, and this node was away from slot ${knownSlot(turn)}, its newest final block's, to ${state.awakeSince}: too long to believe a history of that time. Start it with --checkpoint <hash>:<number> of a newer final block, from somebody whom you trust.`,
    { number, slot },
    { blame: false },
  );
}

function hasSleptTooLong(turn: Turn): boolean {
  const { settings } = turn.rules;
  const { anchor, awakeSince } = turn.state;
  return epochOf(settings, awakeSince) > epochOf(settings, knownSlot(turn)) + weakSubjectivityPeriod(settings, anchor.state);
}

/** Of the newest block that is known to be final, by votes or by the operator's word. */
function knownSlot({ rules: { trusted }, state }: Turn): Slot {
  const told = trusted === undefined ? undefined : state.store.blocks.get(trusted.hash)?.slot;
  return Math.max(state.anchor.state.slot, told ?? 0);
}
