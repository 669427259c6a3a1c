/**
 * The nodes that decide together under a permissioned engine, and how many of them are enough. A member is a node (its
 * messages are authenticated by the transport) with a key (its signatures prove to others what was decided).
 */
import { keccak_256 } from '@noble/hashes/sha3.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { assert } from '../../base/assert.ts';
import { fromHex, hashOf } from '../../base/bytes.ts';
import type { PublicKey } from '../../base/signatures.ts';
import type { Hash, NodeId } from '../../base/types.ts';
import { encodeRlp } from '../../chain/rlp.ts';
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

export class Membership {
  /** In the order of the genesis settings; a member's place in it is its number everywhere. */
  readonly members: readonly Member[];
  readonly faults: Faults;
  readonly quorum: number;
  /** How many may be faulty. One more than these have a correct one among them. */
  readonly faulty: number;
  /** Blocks name it in their mixHash: who reads a header knows who decides on it. */
  readonly id: Hash;
  readonly #places: ReadonlyMap<NodeId, number>;

  constructor(members: readonly Member[], faults: Faults) {
    assert(members.length > 0 && members.length <= MAX_MEMBERS, `1 to ${MAX_MEMBERS} members, not ${members.length}`);
    this.members = members;
    this.faults = faults;
    this.quorum = quorumOf(members.length, faults);
    this.faulty = faultyOf(members.length, faults);
    this.id = hashOf(keccak_256(encodeRlp(members.map(({ node, publicKey }) => [utf8ToBytes(node), fromHex(publicKey)]))));
    this.#places = new Map(members.map(({ node }, place) => [node, place]));
    assert(this.#places.size === members.length, 'every member is another node');
  }

  get size(): number {
    return this.members.length;
  }

  /** Undefined for a stranger. */
  placeOf(node: NodeId): number | undefined {
    return this.#places.get(node);
  }

  /** Undefined for a place that nobody has. */
  nodeAt(place: number): NodeId | undefined {
    return this.members[place]?.node;
  }

  /** All members but this one, in order. */
  *others(self: NodeId): Generator<NodeId> {
    for (const { node } of this.members) if (node !== self) yield node;
  }
}
