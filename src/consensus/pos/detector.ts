/**
 * Finds slashable votes and proposals among those that pass by (Casper FFG, arXiv 1710.09437, section 2: no two votes with
 * one target epoch, and none within the span of another; consensus-specs `is_slashable_attestation_data`).
 *
 * What it remembers is bounded: of each validator one vote for each target epoch of the window, of each slot of the
 * window two proposals at most. Whoever was caught once is not looked at again.
 */
import type { AttestationData, Checkpoint, Epoch, IndexedAttestation, Offence, SignedProposal, Slot, ValidatorIndex } from './types.ts';

export interface Detector {
  /** By validator, then by target epoch. */
  readonly votes: Map<ValidatorIndex, Map<Epoch, IndexedAttestation>>;
  /** By slot, then by proposer: the first that were seen. */
  readonly proposals: Map<Slot, Map<ValidatorIndex, readonly SignedProposal[]>>;
  readonly caught: Set<ValidatorIndex>;
}

/** Older votes are forgotten. Evidence against them would still be taken, from whoever has it. */
export const DETECTION_EPOCHS = 64;
/** Of one proposer for one slot: as many as convict it. */
const MAX_PROPOSALS = 2;

export function newDetector(): Detector {
  return { votes: new Map(), proposals: new Map(), caught: new Set() };
}

/** Remembers a vote whose signature was verified. Answers evidence against those validators that it convicts. */
export function seeVote(detector: Detector, vote: IndexedAttestation): Offence[] {
  const found: Offence[] = [];
  for (const validator of vote.indices) {
    if (detector.caught.has(validator)) continue;
    const seen = detector.votes.get(validator);
    const same = seen?.get(vote.data.target.epoch);
    // Most votes come again, alone, in sums and in blocks.
    if (same !== undefined && isSameVote(same.data, vote.data)) continue;
    const earlier = slashableWith(seen, vote.data);
    if (earlier === undefined) {
      remember(detector, validator, vote);
      continue;
    }
    detector.caught.add(validator);
    const isKnown = found.some((offence) => offence.type === 'votes' && (offence.first === earlier || offence.second === earlier));
    if (!isKnown) found.push(surrounds(earlier.data, vote.data) ? votes(earlier, vote) : votes(vote, earlier));
  }
  return found;
}

/** Remembers a proposal whose signature was verified; evidence if it is the proposer's second block for the slot. */
export function seeProposal(detector: Detector, proposal: SignedProposal): Offence | null {
  const { slot, proposer } = proposal;
  const seen = proposalsOf(detector, proposal);
  if (seen.length >= MAX_PROPOSALS || seen.some(({ block }) => block === proposal.block)) return null;
  const ofSlot = detector.proposals.get(slot) ?? new Map<ValidatorIndex, readonly SignedProposal[]>();
  detector.proposals.set(slot, ofSlot.set(proposer, [...seen, proposal]));
  const [first] = seen;
  if (first === undefined || detector.caught.has(proposer)) return null;
  detector.caught.add(proposer);
  return { type: 'proposals', first, second: proposal };
}

/** Whether the proposer has shown so many other blocks for this slot that one more says nothing new. */
export function isSurplus(detector: Detector, proposal: SignedProposal): boolean {
  const seen = proposalsOf(detector, proposal);
  return seen.length >= MAX_PROPOSALS && seen.every(({ block }) => block !== proposal.block);
}

function proposalsOf({ proposals }: Detector, { slot, proposer }: SignedProposal): readonly SignedProposal[] {
  return proposals.get(slot)?.get(proposer) ?? [];
}

/** Forgets what is older than the window. */
export function forgetBefore(detector: Detector, epoch: Epoch, slotsPerEpoch: number): void {
  const oldest = epoch - DETECTION_EPOCHS;
  for (const [validator, byEpoch] of detector.votes) {
    for (const target of byEpoch.keys()) if (target < oldest) byEpoch.delete(target);
    if (byEpoch.size === 0) detector.votes.delete(validator);
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

function slashableWith(seen: ReadonlyMap<Epoch, IndexedAttestation> | undefined, data: AttestationData): IndexedAttestation | undefined {
  for (const vote of seen?.values() ?? []) if (isSlashable(vote.data, data)) return vote;
  return undefined;
}

function remember({ votes }: Detector, validator: ValidatorIndex, vote: IndexedAttestation): void {
  const byEpoch = votes.get(validator) ?? new Map<Epoch, IndexedAttestation>();
  byEpoch.set(vote.data.target.epoch, vote);
  votes.set(validator, byEpoch);
}

/** Evidence has the surrounding vote first. */
function votes(first: IndexedAttestation, second: IndexedAttestation): Offence {
  return { type: 'votes', first, second };
}
