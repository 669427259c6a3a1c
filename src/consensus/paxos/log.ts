/**
 * What an acceptor has accepted (Paxos Made Simple, section 3: for each slot the value with the highest ballot), above the
 * decided block that is the head on disk (the base).
 *
 * A value names its parent, so what is accepted is always one chain: a slot is accepted under a ballot only after its parent
 * was, under the same ballot, or is decided; a value that takes the place of another one makes those above it fall away,
 * since their parent has lost. Hence ballots never ascend from a slot to the one above it. README.md has the argument.
 */
import { assert } from '../../base/assert.ts';
import type { Hash, Lsn } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { hashHeader } from '../../chain/header.ts';

/** A slot, and the block that is its value. */
export interface Position {
  readonly height: number;
  readonly hash: Hash;
}

export interface Accepted extends Position {
  /** The highest under which it was accepted. Its block may be that of an earlier one. */
  readonly ballot: number;
  readonly block: Block;
  /** Of the record that has the block, and of the one that has the ballot. */
  readonly blockLsn: Lsn;
  readonly lsn: Lsn;
}

/** Slots above the base: decided ones that are not on disk yet, and twice the largest window. */
export const MAX_ACCEPTED = 512;

export class AcceptedLog {
  /** Decided and on disk, and so is everything before it. */
  base: Position;
  #entries: Accepted[] = [];

  constructor(base: Position) {
    this.base = base;
  }

  get entries(): readonly Accepted[] {
    return this.#entries;
  }

  get last(): Position {
    return this.#entries.at(-1) ?? this.base;
  }

  entry(height: number): Accepted | undefined {
    return this.#entries[height - this.base.height - 1];
  }

  at(height: number): Position | undefined {
    return height === this.base.height ? this.base : this.entry(height);
  }

  /** Whether this block may be accepted under this ballot as far as its parent goes, and there is room. */
  canAccept(ballot: number, { number, parentHash }: Block['header']): boolean {
    const below = number - 1;
    if (number > this.base.height + MAX_ACCEPTED) return false;
    const parent = this.at(below);
    return parent?.hash === parentHash && (below === this.base.height || this.entry(below)?.ballot === ballot);
  }

  /** The new ballot of what is accepted already; or a new value, in whose stead others fall away. How many did. */
  put(accepted: Accepted): number {
    const { height, hash, block } = accepted;
    const index = height - this.base.height - 1;
    assert(this.at(height - 1)?.hash === block.header.parentHash, () => `what is accepted at ${height} follows what is below`);
    const old = this.#entries[index];
    assert(old === undefined || old.ballot <= accepted.ballot, 'the ballot of a slot only ascends');
    if (old?.hash === hash) {
      this.#entries[index] = { ...accepted, blockLsn: old.blockLsn };
      return 0;
    }
    return this.#entries.splice(index, Number.POSITIVE_INFINITY, accepted).length;
  }

  /** The chain on disk has come to this decided block. How many accepted blocks were found to have lost. */
  rebase(base: Position): number {
    if (base.height <= this.base.height) return 0;
    const isOwn = this.entry(base.height)?.hash === base.hash;
    const kept = isOwn ? this.#entries.slice(base.height - this.base.height) : [];
    const lost = isOwn ? 0 : this.#entries.filter(({ height }) => height >= base.height).length;
    this.#entries = kept;
    this.base = base;
    return lost;
  }

  /** Up to this height everything is accepted under this ballot, or decided. `persisted`: and on disk. */
  acceptedUpTo(ballot: number, persisted?: Lsn): number {
    let { height } = this.base;
    for (const entry of this.#entries) {
      if (entry.ballot !== ballot || (persisted !== undefined && entry.lsn > persisted)) break;
      height = entry.height;
    }
    return height;
  }
}

export function positionOf({ header }: Pick<Block, 'header'>): Position {
  return { height: header.number, hash: hashHeader(header) };
}
