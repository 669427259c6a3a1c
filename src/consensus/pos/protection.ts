/**
 * What each key of this node has signed, and so what it must not sign any more (EIP-3076, "Conditions": here in the form
 * with the least memory, low watermarks, which refuses at least as much as a complete history).
 *
 * The order of things is: ask (`mayPropose`, `mayVote`), note, persist the record, and only then let the signature leave.
 * After a restart what was recorded is sent again as it is; it is never signed anew.
 */
import type { PublicKey } from '../../base/signatures.ts';
import type { Epoch, Slot } from './types.ts';

/** Of one key. -1 for nothing yet. */
export interface Signed {
  /** Of the last proposal. */
  readonly slot: Slot;
  /** The greatest of all votes, each for itself. */
  readonly source: Epoch;
  readonly target: Epoch;
}

export type History = Map<PublicKey, Signed>;

export const NOTHING_SIGNED: Signed = { slot: -1, source: -1, target: -1 };

export function signedBy(history: History, key: PublicKey): Signed {
  return history.get(key) ?? NOTHING_SIGNED;
}

/** Condition 2: never two blocks for one slot, and so none for a slot that is not above the last. */
export function mayPropose(history: History, key: PublicKey, slot: Slot): boolean {
  return slot > signedBy(history, key).slot;
}

/** Conditions 4 and 5: the target ascends and the source does not go back, so that no vote equals or surrounds another. */
export function mayVote(history: History, key: PublicKey, source: Epoch, target: Epoch): boolean {
  const last = signedBy(history, key);
  return source <= target && source >= last.source && target > last.target;
}

export function noteProposal(history: History, key: PublicKey, slot: Slot): void {
  noteSigned(history, key, { ...NOTHING_SIGNED, slot });
}

export function noteVote(history: History, key: PublicKey, source: Epoch, target: Epoch): void {
  noteSigned(history, key, { ...NOTHING_SIGNED, source, target });
}

/** Takes the greater of everything: for what other processes have signed, and for records that are read again. */
export function noteSigned(history: History, key: PublicKey, more: Signed): void {
  const known = signedBy(history, key);
  history.set(key, {
    slot: Math.max(known.slot, more.slot),
    source: Math.max(known.source, more.source),
    target: Math.max(known.target, more.target),
  });
}
