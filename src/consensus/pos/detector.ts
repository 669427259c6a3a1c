/**
 * Finds slashable votes and proposals among those that pass by (Casper FFG, arXiv 1710.09437, section 2: no two votes with
 * one target epoch, and none within the span of another; consensus-specs `is_slashable_attestation_data`).
 *
 * What it remembers is bounded: of each validator one vote for each target epoch of the window, of each slot of the
 * window two proposals at most. Whoever was caught once is not looked at again.
 *
 * It goes by keys: until a validator is final, its index may be another's on another branch, and both may well have voted.
 * Evidence goes by indices, so a key that has two of them convicts itself only by what it signed as one of them.
 */
import { present } from '../../base/assert.ts';
import type { PublicKey } from '../../base/signatures.ts';
import type { AttestationData, Checkpoint, Epoch, IndexedAttestation, Offence, SignedProposal, Slot, ValidatorIndex } from './types.ts';

export interface Detector {
  /** By target epoch. */
  readonly votes: Map<PublicKey, Map<Epoch, IndexedAttestation>>;
  /** By slot, then by proposer: the first that were seen. */
  readonly proposals: Map<Slot, Map<PublicKey, readonly SignedProposal[]>>;
  readonly caught: Set<PublicKey>;
}

/** All that is needed of a validator here. */
type Keyed = { readonly publicKey: PublicKey };

/** Older votes are forgotten. Evidence against them would still be taken, from whoever has it. */
export const DETECTION_EPOCHS = 64;
/** Of one proposer for one slot: as many as convict it. */
const MAX_PROPOSALS = 2;

export function newDetector(): Detector {
  return { votes: new Map(), proposals: new Map(), caught: new Set() };
}

/**
 * Remembers a vote whose signature was verified, by the keys of these `validators`. Answers evidence against those whom it
 * convicts.
 */
export function seeVote(detector: Detector, vote: IndexedAttestation, validators: readonly Keyed[]): Offence[] {
  const found: Offence[] = [];
  for (const index of vote.indices) {
    const { publicKey } = present(validators[index], 'a validator that voted');
    if (detector.caught.has(publicKey)) continue;
    const seen = detector.votes.get(publicKey);
    const same = seen?.get(vote.data.target.epoch);
    // Most votes come again, alone, in sums and in blocks.
    if (same !== undefined && isSameVote(same.data, vote.data)) continue;
    const earlier = slashableWith(seen, vote.data, index);
    if (earlier === undefined) {
      remember(detector, publicKey, vote);
      continue;
    }
    detector.caught.add(publicKey);
    const isKnown = found.some((offence) => offence.type === 'votes' && (offence.first === earlier || offence.second === earlier));
    if (!isKnown) found.push(surrounds(earlier.data, vote.data) ? votes(earlier, vote) : votes(vote, earlier));
  }
  return found;
}

/** Remembers a proposal whose signature, by this key, was verified; evidence if it is the proposer's second block for the slot. */
export function seeProposal(detector: Detector, proposal: SignedProposal, key: PublicKey): Offence | null {
  const { slot, proposer } = proposal;
  const seen = proposalsOf(detector, slot, key);
  if (seen.length >= MAX_PROPOSALS || seen.some(({ block }) => block === proposal.block)) return null;
  const ofSlot = detector.proposals.get(slot) ?? new Map<PublicKey, readonly SignedProposal[]>();
  detector.proposals.set(slot, ofSlot.set(key, [...seen, proposal]));
  const [first] = seen;
  if (first?.proposer !== proposer || detector.caught.has(key)) return null;
  detector.caught.add(key);
  return { type: 'proposals', first, second: proposal };
}

/** Whether the proposer has shown so many other blocks for this slot that one more says nothing new. */
export function isSurplus(detector: Detector, proposal: SignedProposal, key: PublicKey): boolean {
  const seen = proposalsOf(detector, proposal.slot, key);
  return seen.length >= MAX_PROPOSALS && seen.every(({ block }) => block !== proposal.block);
}

function proposalsOf({ proposals }: Detector, slot: Slot, key: PublicKey): readonly SignedProposal[] {
  return proposals.get(slot)?.get(key) ?? [];
}

/** Forgets what is older than the window. */
export function forgetBefore(detector: Detector, epoch: Epoch, slotsPerEpoch: number): void {
  const oldest = epoch - DETECTION_EPOCHS;
  for (const [key, byEpoch] of detector.votes) {
    for (const target of byEpoch.keys()) if (target < oldest) byEpoch.delete(target);
    if (byEpoch.size === 0) detector.votes.delete(key);
  }
  for (const slot of detector.proposals.keys()) if (slot < oldest * slotsPerEpoch) detector.proposals.delete(slot);
}

/** "is_slashable_attestation_data", in either order. */
export function isSlashable(a: AttestationData, b: AttestationData): boolean {
  return isDouble(a, b) || surrounds(a, b) || surrounds(b, a);
}

export function isDouble(a: AttestationData, b: AttestationData): boolean {
  return a.target.epoch === b.target.epoch && !isSameVote(a, b);
}

/** The link of the first spans the second's, with room on both sides. */
export function surrounds(outer: AttestationData, inner: AttestationData): boolean {
  return outer.source.epoch < inner.source.epoch && inner.target.epoch < outer.target.epoch;
}

export function isSameVote(a: AttestationData, b: AttestationData): boolean {
  return (
    a.slot === b.slot &&
    a.committee === b.committee &&
    a.head === b.head &&
    isSameCheckpoint(a.source, b.source) &&
    isSameCheckpoint(a.target, b.target)
  );
}

function isSameCheckpoint(a: Checkpoint, b: Checkpoint): boolean {
  return a.epoch === b.epoch && a.root === b.root;
}

function slashableWith(
  seen: ReadonlyMap<Epoch, IndexedAttestation> | undefined,
  data: AttestationData,
  index: ValidatorIndex,
): IndexedAttestation | undefined {
  for (const vote of seen?.values() ?? []) if (isSlashable(vote.data, data) && vote.indices.includes(index)) return vote;
  return undefined;
}

function remember({ votes }: Detector, key: PublicKey, vote: IndexedAttestation): void {
  const byEpoch = votes.get(key) ?? new Map<Epoch, IndexedAttestation>();
  byEpoch.set(vote.data.target.epoch, vote);
  votes.set(key, byEpoch);
}

/** Evidence has the surrounding vote first. */
function votes(first: IndexedAttestation, second: IndexedAttestation): Offence {
  return { type: 'votes', first, second };
}
