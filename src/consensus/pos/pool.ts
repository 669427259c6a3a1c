/**
 * Votes that wait for a block, added up as far as they go (consensus-specs phase0/validator.md, "Attestations" and
 * "Attestation aggregation"). A block has room for few aggregates, so votes for the same data whose committee members do not
 * overlap become one.
 *
 * Bounds: only votes whose signatures were verified come in, those of two epochs, and of each slot and committee so many
 * different ones as even a committee of equivocators cannot fill sensibly.
 */
import type { Signatures } from '../../base/signatures.ts';
import { isSameVote } from './detector.ts';
import type { Attestation, AttestationData, Slot } from './types.ts';

/** Votes for one data: aggregates none of which covers another. */
interface Group {
  readonly data: AttestationData;
  readonly aggregates: Attestation[];
}

export interface VotePool {
  readonly groups: Map<Slot, Group[]>;
}

/** Different data of one slot: honest voters differ in the head they see, seldom in more. */
export const MAX_GROUPS_PER_SLOT = 128;
/** That overlap, so that they could not be added up. */
export const MAX_AGGREGATES_PER_GROUP = 16;

export function newVotePool(): VotePool {
  return { groups: new Map() };
}

/** True when it brings the vote of somebody who was not counted for this data. */
export function addToPool(pool: VotePool, vote: Attestation, signatures: Signatures): boolean {
  const { slot } = vote.data;
  const groups = pool.groups.get(slot) ?? [];
  let group = groups.find(({ data }) => isSameVote(data, vote.data));
  if (group === undefined) {
    if (groups.length >= MAX_GROUPS_PER_SLOT) return false;
    group = { data: vote.data, aggregates: [] };
    groups.push(group);
    pool.groups.set(slot, groups);
  }
  if (isCovered(group, vote.bits)) return false;
  merge(group.aggregates, vote, signatures);
  return true;
}

/** Whether all of these votes are here already. */
export function isKnown(pool: VotePool, { data, bits }: Attestation): boolean {
  const group = pool.groups.get(data.slot)?.find((each) => isSameVote(each.data, data));
  return group !== undefined && isCovered(group, bits);
}

/** Of one data, the aggregate with the most votes. */
export function bestAggregate(pool: VotePool, data: AttestationData): Attestation | undefined {
  const group = pool.groups.get(data.slot)?.find((each) => isSameVote(each.data, data));
  return group?.aggregates.reduce<Attestation | undefined>(
    (best, each) => (best === undefined || countBits(each.bits) > countBits(best.bits) ? each : best),
    undefined,
  );
}

/** Every aggregate, the newest slot first. */
export function* aggregates(pool: VotePool): Generator<Attestation> {
  for (const slot of [...pool.groups.keys()].sort((a, b) => b - a))
    for (const group of pool.groups.get(slot) ?? []) yield* group.aggregates;
}

export function forgetVotesBefore(pool: VotePool, slot: Slot): void {
  for (const each of pool.groups.keys()) if (each < slot) pool.groups.delete(each);
}

export function hasBit(bits: Uint8Array, position: number): boolean {
  return (((bits[position >> 3] ?? 0) >> (position & 7)) & 1) === 1;
}

export function countBits(bits: Uint8Array): number {
  let count = 0;
  for (const byte of bits) for (let rest = byte; rest > 0; rest &= rest - 1) count++;
  return count;
}

function isCovered({ aggregates }: Group, bits: Uint8Array): boolean {
  return bits.every((byte, i) => (byte & ~aggregates.reduce((all, each) => all | (each.bits[i] ?? 0), 0)) === 0);
}

/** Adds the vote to the first aggregate that it does not overlap, or puts it beside them, without those that it covers. */
function merge(aggregates: Attestation[], vote: Attestation, signatures: Signatures): void {
  const at = aggregates.findIndex(({ bits }) => bits.every((byte, i) => (byte & (vote.bits[i] ?? 0)) === 0));
  const known = aggregates[at];
  if (known !== undefined) {
    aggregates[at] = {
      data: known.data,
      bits: known.bits.map((byte, i) => byte | (vote.bits[i] ?? 0)),
      signature: signatures.aggregate([known.signature, vote.signature]),
    };
    return;
  }
  const kept = aggregates.filter(({ bits }) => bits.some((byte, i) => (byte & ~(vote.bits[i] ?? 0)) !== 0));
  if (kept.length < MAX_AGGREGATES_PER_GROUP) kept.push(vote);
  aggregates.splice(0, aggregates.length, ...kept);
}
