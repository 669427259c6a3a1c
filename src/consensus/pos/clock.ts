/**
 * Time as this node sees it, and whether it may be believed. Slots follow the system clock, which may jump; on Medalla (August
 * 2020) bad time servers made validators sign hours ahead, and once time was right again they could not sign at all.
 *
 * So nothing is signed for two epochs after a jump (in monotonic time), nor while new blocks of more than a third of the
 * stake are of another time than ours. A step of the clock below half a slot is no jump: time servers correct clocks.
 */

import { genesisSeconds, type Turn, trace } from './state.ts';
import { epochOf, slotAt, slotStartMs } from './time.ts';
import type { Gwei, Slot, ValidatorIndex } from './types.ts';

export const SLOT_TIMER = 'slot';

const SILENT_EPOCHS = 2;
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
  // Slots follow the clock back as well, or the node would be deaf until it is there again; `protection.ts` knows what was signed.
  if (currentSlot(turn) < state.slot) state.slot = state.votedSlot = currentSlot(turn);
  trace(turn, 'clockJump', { jumpMs: Math.round(jumpMs), silentMs: silenceMs(turn) });
  setSlotTimer(turn);
}

/** Whether a signature for the current slot may be made. */
export function maySign(turn: Turn): boolean {
  const { clock } = turn.state;
  return turn.context.nowMs >= clock.silentUntilMs && !isOutvoted(turn);
}

/** A block that is new to the network, by this validator, whose signature was checked, is of this slot. */
export function noteTime(turn: Turn, validator: ValidatorIndex, slot: Slot): void {
  const { disagreeing } = turn.state.clock;
  const isFar = Math.abs(slot - currentSlot(turn)) > turn.rules.settings.slotsPerEpoch;
  if (!isFar) disagreeing.delete(validator);
  else if (!disagreeing.has(validator)) {
    disagreeing.set(validator, turn.context.nowMs);
    trace(turn, 'otherTime', { validator, theirs: slot, ours: currentSlot(turn) });
  }
}

export function setSlotTimer(turn: Turn): void {
  const { wallMs } = turn.context;
  const next = wallMs < genesisSeconds(turn) * MS_PER_SECOND ? 0 : currentSlot(turn) + 1;
  const delayMs = slotStartMs(turn.rules.settings, genesisSeconds(turn), next) - wallMs;
  turn.effects.push({ type: 'setTimer', id: SLOT_TIMER, delayMs: Math.max(1, delayMs) });
}

function isOutvoted(turn: Turn): boolean {
  const { disagreeing } = turn.state.clock;
  for (const [validator, sinceMs] of disagreeing) if (sinceMs + silenceMs(turn) < turn.context.nowMs) disagreeing.delete(validator);
  const { validators, slot } = turn.state.anchor.state;
  const epoch = epochOf(turn.rules.settings, slot);
  let total: Gwei = 0n;
  let others: Gwei = 0n;
  for (const [index, validator] of validators.entries()) {
    if (validator.activationEpoch > epoch || epoch >= validator.exitEpoch) continue;
    total += validator.effectiveBalance;
    if (disagreeing.has(index)) others += validator.effectiveBalance;
  }
  return others * 3n > total;
}

function silenceMs({ rules: { settings } }: Turn): number {
  return SILENT_EPOCHS * settings.slotsPerEpoch * settings.slotSeconds * MS_PER_SECOND;
}
