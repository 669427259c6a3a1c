/**
 * The nodes that decide together under a permissioned engine, and how many of them are enough. A member is a node (its
 * messages are authenticated by the transport) with a key (its signatures prove to others what was decided).
 *
 * Where an engine changes its members while it runs (Ongaro's dissertation, section 4.3), a membership may be joint: then
 * it has the voters of before and those to come, and decides with a quorum of each. Learners are told everything and decide
 * nothing.
 */
import { keccak_256 } from '@noble/hashes/sha3.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { assert } from '../../base/assert.ts';
import { fromHex, hashOf } from '../../base/bytes.ts';
import type { PublicKey } from '../../base/signatures.ts';
import type { Hash, NodeId } from '../../base/types.ts';
import { encodeRlp, type RlpValue } from '../../chain/rlp.ts';
import { MAX_MEMBERS } from '../votes.ts';

export interface Member {
  readonly node: NodeId;
  readonly publicKey: PublicKey;
}

/** What may go wrong with a member: it is silent ('crash'), or it says anything ('byzantine'). */
export type Faults = 'crash' | 'byzantine';

/**
 * The fewest of `members` of whom any two groups have a member in common that follows the protocol: more than half where
 * members only crash, two thirds rounded up where up to a third less one lie. (2f + 1 is right for 3f + 1 members only.)
 */
export function quorumOf(members: number, faults: Faults): number {
  return faults === 'crash' ? Math.floor(members / 2) + 1 : Math.ceil((2 * members) / 3);
}

/** So many may be faulty: with the others there is still a quorum. */
export function faultyOf(members: number, faults: Faults): number {
  return faults === 'crash' ? Math.ceil(members / 2) - 1 : Math.ceil(members / 3) - 1;
}

/** What a membership may have besides its voters. */
export interface Others {
  /** The voters to come, while a change is under way; else null. */
  readonly incoming?: readonly Member[] | null;
  readonly learners?: readonly Member[];
}

/** Raised with every change of how a membership is written down (`fieldsOfMembership`). */
export const MEMBERSHIP_FORMAT = 1;

export class Membership {
  /**
   * All who vote: the voters in their order, then those to come who are new. A member's place in it is its number in whatever
   * this membership signs.
   */
  readonly members: readonly Member[];
  readonly voters: readonly Member[];
  readonly incoming: readonly Member[] | null;
  readonly learners: readonly Member[];
  readonly faults: Faults;
  /** Of `voters`. A joint membership asks for more: see `isQuorum`. */
  readonly quorum: number;
  /** How many may be faulty. One more than these have a correct one among them. */
  readonly faulty: number;
  /** Blocks name it in their mixHash: who reads a header knows who decides on it. */
  readonly id: Hash;
  readonly #places: ReadonlyMap<NodeId, number>;
  readonly #learners: ReadonlyMap<NodeId, Member>;

  constructor(voters: readonly Member[], faults: Faults, { incoming = null, learners = [] }: Others = {}) {
    const known = new Set(voters.map(({ node }) => node));
    this.members = [...voters, ...(incoming ?? []).filter(({ node }) => !known.has(node))];
    const all = this.members.length + learners.length;
    assert(voters.length > 0 && incoming?.length !== 0 && all <= MAX_MEMBERS, `1 to ${MAX_MEMBERS} members, not ${all}`);
    this.voters = voters;
    this.incoming = incoming;
    this.learners = learners;
    this.faults = faults;
    this.quorum = quorumOf(voters.length, faults);
    this.faulty = faultyOf(voters.length, faults);
    // Networks that never change have the id of their list of members, and nothing else.
    const isPlain = incoming === null && learners.length === 0;
    this.id = hashOf(keccak_256(encodeRlp(isPlain ? fieldsOfMembers(voters) : fieldsOfMembership(this))));
    this.#places = new Map(this.members.map(({ node }, place) => [node, place]));
    this.#learners = new Map(learners.map((learner) => [learner.node, learner]));
    const isEachOnce =
      this.#places.size === this.members.length && new Set([...this.#places.keys(), ...this.#learners.keys()]).size === all;
    assert(isEachOnce, 'every member is another node');
  }

  /** How many vote. */
  get size(): number {
    return this.members.length;
  }

  /** Undefined for who does not vote. */
  placeOf(node: NodeId): number | undefined {
    return this.#places.get(node);
  }

  /** Undefined for a place that nobody has. */
  nodeAt(place: number): NodeId | undefined {
    return this.members[place]?.node;
  }

  /** Undefined for who is no learner. */
  learner(node: NodeId): Member | undefined {
    return this.#learners.get(node);
  }

  /** Whether this node votes or learns. */
  has(node: NodeId): boolean {
    return this.#places.has(node) || this.#learners.has(node);
  }

  /** Whether so many of these places are a quorum: of the voters and, in a joint membership, of those to come as well. */
  isQuorum(places: readonly number[]): boolean {
    const nodes = new Set(places.map((place) => this.nodeAt(place)));
    return [this.voters, this.incoming ?? this.voters].every(
      (side) => side.filter(({ node }) => nodes.has(node)).length >= quorumOf(side.length, this.faults),
    );
  }

  /** All who vote but this one, in order. */
  *others(self: NodeId): Generator<NodeId> {
    for (const { node } of this.members) if (node !== self) yield node;
  }

  /** All who are told what is decided, but this one: those who vote, and learners. */
  *audience(self: NodeId): Generator<NodeId> {
    yield* this.others(self);
    for (const { node } of this.learners) if (node !== self) yield node;
  }
}

/** RLP: [format, voters, those to come (empty if none), learners]. */
export function fieldsOfMembership({ voters, incoming, learners }: Pick<Membership, 'voters' | 'incoming' | 'learners'>): RlpValue[] {
  return [MEMBERSHIP_FORMAT, fieldsOfMembers(voters), fieldsOfMembers(incoming ?? []), fieldsOfMembers(learners)];
}

function fieldsOfMembers(members: readonly Member[]): RlpValue[] {
  return members.map(({ node, publicKey }) => [utf8ToBytes(node), fromHex(publicKey)]);
}
