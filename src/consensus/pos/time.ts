/**
 * Slots and epochs (consensus-specs phase0, beacon-chain "compute_epoch_at_slot", "compute_start_slot_at_epoch";
 * fork-choice "get_current_slot"). Slot n begins n x slotSeconds after genesis, and a block of that slot carries exactly that
 * time, so the slot of a header follows from its timestamp.
 */
import type { PosSettings } from './settings.ts';
import type { Epoch, Slot } from './types.ts';

type EpochLength = Pick<PosSettings, 'slotsPerEpoch'>;
type SlotLength = Pick<PosSettings, 'slotSeconds'>;

const MS_PER_SECOND = 1_000;
/** "INTERVALS_PER_SLOT": votes are due after the first third of a slot, their sums after the second. */
const PARTS_OF_SLOT = 3;

export function epochOf(settings: EpochLength, slot: Slot): Epoch {
  return Math.floor(slot / settings.slotsPerEpoch);
}

export function firstSlot(settings: EpochLength, epoch: Epoch): Slot {
  return epoch * settings.slotsPerEpoch;
}

/** Epoch 0 is its own predecessor, as in the specs. */
export function previousEpoch(epoch: Epoch): Epoch {
  return Math.max(0, epoch - 1);
}

/** Seconds since 1970. */
export function timestampOf(settings: SlotLength, genesisSeconds: number, slot: Slot): number {
  return genesisSeconds + slot * settings.slotSeconds;
}

/** The slot that begins at exactly this time, in seconds since 1970; null where none does, as before genesis. */
export function slotOfTimestamp(settings: SlotLength, genesisSeconds: number, timestamp: number): Slot | null {
  const slot = (timestamp - genesisSeconds) / settings.slotSeconds;
  return Number.isSafeInteger(slot) && slot >= 0 ? slot : null;
}

/** The slot that a clock is in; negative before genesis. */
export function slotAt(settings: SlotLength, genesisSeconds: number, wallMs: number): Slot {
  return Math.floor((wallMs - genesisSeconds * MS_PER_SECOND) / (settings.slotSeconds * MS_PER_SECOND));
}

/** When a slot begins, in milliseconds since 1970. */
export function slotStartMs(settings: SlotLength, genesisSeconds: number, slot: Slot): number {
  return timestampOf(settings, genesisSeconds, slot) * MS_PER_SECOND;
}

/** When a slot's votes are due; until then its block is timely. Milliseconds since 1970, whole. */
export function voteDueMs(settings: SlotLength, genesisSeconds: number, slot: Slot): number {
  return slotStartMs(settings, genesisSeconds, slot) + partOfSlotMs(settings, 1);
}

/** When the sums of a slot's votes are due. Milliseconds since 1970, whole. */
export function aggregateDueMs(settings: SlotLength, genesisSeconds: number, slot: Slot): number {
  return slotStartMs(settings, genesisSeconds, slot) + partOfSlotMs(settings, 2);
}

function partOfSlotMs(settings: SlotLength, parts: number): number {
  return Math.floor((settings.slotSeconds * MS_PER_SECOND * parts) / PARTS_OF_SLOT);
}
