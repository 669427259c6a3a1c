/**
 * Time as this node sees it, and whether it may be believed. Slots follow the system clock, which may jump; on Medalla (August
 * 2020) bad time servers made validators sign hours ahead, and once time was right again they could not sign at all.
 *
 * So nothing is signed for two epochs after a jump (in monotonic time), nor while others live in another time: while more than a
 * third of the stake has signed new blocks of slots more than an epoch from ours, valid or not. (Of those who live in the past we
 * may refuse the blocks, and of those who live in the future we cannot judge them.) Whose clock may well be
 * wrong, since it has jumped or has only just been read, needs less: most of the valid blocks that were new came more than an epoch
 * late, by however few. For others that would be too little, since any one validator can fill slots that were left empty, and could
 * silence everybody by one such block now and then.
 *
 * A step of the clock below half a slot is no jump: time servers correct clocks.
 */

import { atSlot } from './forkchoice.ts';
import { genesisSeconds, type Turn, trace } from './state.ts';
import { epochOf, slotAt, slotStartMs } from './time.ts';
import { isSearching, wakeUp } from './trust.ts';
import type { Gwei, Slot, ValidatorIndex } from './types.ts';

export const SLOT_TIMER = 'slot';

const SILENT_EPOCHS = 2;
/** Others are listened to for so long before the first signature after a long pause, which may be none but that of our clock. */
const LISTENING_SLOTS = 2;
/** After a start, how long those whom we hear are believed, however few they are. After a jump it is until the next start. */
const CAUTIOUS_EPOCHS = 8;
/** What others showed of their time is forgotten after this. */
const MEMORY_EPOCHS = 8;
const MS_PER_SECOND = 1_000;

/** The slot that the clock is in; 0 before genesis. */
export function currentSlot(turn: Turn): Slot {
  return Math.max(0, slotAt(turn.rules.settings, genesisSeconds(turn), turn.context.wallMs));
}

/** Before everything else in each step. */
export function watchClock(turn: Turn): void {
  const { state, context, rules } = turn;
  const { clock } = state;
  const jumpMs = context.wallMs - clock.lastWallMs - (context.nowMs - clock.lastNowMs);
  clock.lastWallMs = context.wallMs;
  clock.lastNowMs = context.nowMs;
  if (Math.abs(jumpMs) < (rules.settings.slotSeconds * MS_PER_SECOND) / 2) return;
  state.counts.clockJumps++;
  clock.silentUntilMs = context.nowMs + silenceMs(turn);
  clock.silentBecause = 'the clock jumped';
  clock.cautiousUntilMs = Number.POSITIVE_INFINITY;
  clock.lateness = [];
  clock.elsewhere.clear();
  // Slots follow the clock back as well, or the node would be deaf until it is there again; `protection.ts` knows what was signed.
  // So does the fork choice, at once: the next block may be one that it must hold to be timely.
  if (currentSlot(turn) < state.slot) {
    state.slot = state.votedSlot = currentSlot(turn);
    atSlot(state.store, state.slot);
  }
  wakeUp(turn, currentSlot(turn));
  trace(turn, 'clockJump', { jumpMs: Math.round(jumpMs), silentMs: silenceMs(turn) });
  setSlotTimer(turn);
}

/** Why no signature for the current slot may be made; null if one may. */
export function silenceReason(turn: Turn): string | null {
  const { silentUntilMs, silentBecause } = turn.state.clock;
  if (turn.context.nowMs < silentUntilMs) return silentBecause;
  if (isOutvoted(turn)) return 'others live in another slot';
  return isSearching(turn) ? 'the trusted block is not here yet' : null;
}

/** After a start: our clock may be wrong, and if it is right the newest block may be of long ago. */
export function listenFirst(turn: Turn): void {
  const { state, context, rules } = turn;
  const { slotsPerEpoch, slotSeconds } = rules.settings;
  state.clock.cautiousUntilMs = context.nowMs + inMs(turn, CAUTIOUS_EPOCHS);
  const pause = currentSlot(turn) - Number(state.head.facts.carried);
  if (pause <= SILENT_EPOCHS * slotsPerEpoch) return;
  state.clock.silentUntilMs = context.nowMs + LISTENING_SLOTS * slotSeconds * MS_PER_SECOND;
  state.clock.silentBecause = 'after a pause others are heard first';
}

/** A block that is new to the network, whose signature by this validator was checked and nothing else, is of this slot. */
export function noteSigned(turn: Turn, validator: ValidatorIndex, slot: Slot): void {
  const { elsewhere } = turn.state.clock;
  if (Math.abs(slot - currentSlot(turn)) <= turn.rules.settings.slotsPerEpoch) return void elsewhere.delete(validator);
  if (!elsewhere.has(validator)) trace(turn, 'otherTime', { validator, theirs: slot, ours: currentSlot(turn) });
  elsewhere.set(validator, turn.context.nowMs);
}

/** A block that is new to the network, and valid, is of this slot. */
export function noteValid(turn: Turn, slot: Slot): void {
  const { rules, context, state } = turn;
  const { slotsPerEpoch } = rules.settings;
  const isLate = currentSlot(turn) - slot > slotsPerEpoch;
  state.clock.lateness = [...state.clock.lateness, { isLate, atMs: context.nowMs }].slice(-slotsPerEpoch);
}

export function setSlotTimer(turn: Turn): void {
  const { wallMs } = turn.context;
  const next = wallMs < genesisSeconds(turn) * MS_PER_SECOND ? 0 : currentSlot(turn) + 1;
  const delayMs = slotStartMs(turn.rules.settings, genesisSeconds(turn), next) - wallMs;
  turn.effects.push({ type: 'setTimer', id: SLOT_TIMER, delayMs: Math.max(1, delayMs) });
}

function isOutvoted(turn: Turn): boolean {
  const { elsewhere, lateness, cautiousUntilMs } = turn.state.clock;
  const oldestMs = turn.context.nowMs - inMs(turn, MEMORY_EPOCHS);
  const recent = lateness.filter(({ atMs }) => atMs >= oldestMs);
  const isMostlyLate = recent.filter(({ isLate }) => isLate).length * 2 > recent.length;
  if (isMostlyLate && turn.context.nowMs < cautiousUntilMs) return true;
  for (const [validator, atMs] of elsewhere) if (atMs < oldestMs) elsewhere.delete(validator);
  const { validators, slot } = turn.state.anchor.state;
  const epoch = epochOf(turn.rules.settings, slot);
  let total: Gwei = 0n;
  let others: Gwei = 0n;
  for (const [index, validator] of validators.entries()) {
    if (validator.activationEpoch > epoch || epoch >= validator.exitEpoch) continue;
    total += validator.effectiveBalance;
    if (elsewhere.has(index)) others += validator.effectiveBalance;
  }
  return others * 3n > total;
}

function silenceMs(turn: Turn): number {
  return inMs(turn, SILENT_EPOCHS);
}

function inMs({ rules: { settings } }: Turn, epochs: number): number {
  return epochs * settings.slotsPerEpoch * settings.slotSeconds * MS_PER_SECOND;
}
