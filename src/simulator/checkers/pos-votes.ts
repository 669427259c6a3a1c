/** Votes and proposals by key, and which of them contradict: the slashing conditions written a second time. */
import type { PublicKey } from '../../base/signatures.ts';
import type { Hash } from '../../base/types.ts';
import type { AttestationData, Checkpoint, Epoch, Slot } from '../../consensus/pos/types.ts';
import type { CastVote } from './pos-reference.ts';

/** Two that one key must not both have signed. */
export interface Contradiction {
  readonly key: PublicKey;
  readonly what: string;
}

export class SignedHistory {
  /** By key and target epoch: different votes for one epoch are all kept. */
  readonly #votes = new Map<PublicKey, Map<Epoch, AttestationData[]>>();
  readonly #proposals = new Map<PublicKey, Map<Slot, Hash>>();
  /** Keys whose votes or proposals contradict. */
  readonly slashable = new Set<PublicKey>();

  /** Null for a vote of which nobody can tell whose it is. */
  vote(cast: CastVote | null): Contradiction[] {
    return cast === null ? [] : cast.keys.flatMap((key) => this.#voteOf(key, cast.data) ?? []);
  }

  proposal(key: PublicKey, slot: Slot, block: Hash): Contradiction | null {
    const known = this.#proposals.get(key) ?? new Map<Slot, Hash>();
    const first = known.get(slot) ?? block;
    this.#proposals.set(key, known.set(slot, first));
    if (first === block) return null;
    this.slashable.add(key);
    return { key, what: `two blocks for slot ${slot}: ${first} and ${block}` };
  }

  #voteOf(key: PublicKey, data: AttestationData): Contradiction | null {
    const byEpoch = this.#votes.get(key) ?? new Map<Epoch, AttestationData[]>();
    this.#votes.set(key, byEpoch);
    const same = byEpoch.get(data.target.epoch) ?? [];
    if (same.some((other) => nameOfVote(other) === nameOfVote(data))) return null;
    byEpoch.set(data.target.epoch, [...same, data]);
    const [other = surroundedBy(data, byEpoch)] = same;
    if (other === undefined) return null;
    this.slashable.add(key);
    return { key, what: `two votes: ${nameOfVote(other)} and ${nameOfVote(data)}` };
  }
}

/** A vote whose link lies within that of another, or around it. */
function surroundedBy(
  { source, target }: AttestationData,
  byEpoch: ReadonlyMap<Epoch, readonly AttestationData[]>,
): AttestationData | undefined {
  for (const others of byEpoch.values()) {
    for (const other of others) {
      const isInside = other.source.epoch < source.epoch && target.epoch < other.target.epoch;
      const isOutside = source.epoch < other.source.epoch && other.target.epoch < target.epoch;
      if (isInside || isOutside) return other;
    }
  }
  return undefined;
}

function nameOfVote({ slot, committee, head, source, target }: AttestationData): string {
  const name = ({ epoch, root }: Checkpoint) => `${epoch}/${root.slice(0, 10)}`;
  return `${name(source)}->${name(target)} for ${head.slice(0, 10)} in slot ${slot}, committee ${committee}`;
}
