/**
 * A node's history (Junqueira, Reed, Serafini, DSN 2011, section IV: f.h), as far as it is in memory: the blocks after a
 * decided one, the root. Some decided blocks stay, for followers that are a little behind; the chain has all of them.
 *
 * A transaction id (zxid) is a pair of epoch and height. Since a block names its parent by hash, histories that share a
 * block share all that is before it, and a history cannot have a hole (ZOOKEEPER-4925).
 */
import { assert, present } from '../../base/assert.ts';
import type { Hash, Lsn } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';

export interface Zxid {
  readonly epoch: number;
  readonly height: number;
}

/** A block by its zxid and hash. */
export interface Position extends Zxid {
  readonly hash: Hash;
}

export interface Entry extends Position {
  readonly block: Block;
  readonly bytes: number;
  /** Its record in the consensus log. */
  readonly lsn: Lsn;
}

/** Decided blocks that stay in memory. */
const MAX_KEPT_BLOCKS = 128;
const MAX_KEPT_BYTES = 16 * 1024 * 1024;

/** Positive where `a` is the later one. */
export function compareZxids(a: Zxid, b: Zxid): number {
  return a.epoch - b.epoch || a.height - b.height;
}

export class History {
  #root: Position;
  #entries: Entry[] = [];

  constructor(root: Position) {
    this.#root = root;
  }

  /** Decided. */
  get root(): Position {
    return this.#root;
  }

  get last(): Position {
    return this.#entries.at(-1) ?? this.#root;
  }

  /** Undefined below the root and above the last. */
  at(height: number): Position | undefined {
    return height === this.#root.height ? this.#root : this.entry(height);
  }

  entry(height: number): Entry | undefined {
    return this.#entries[height - this.#root.height - 1];
  }

  has({ height, hash }: Pick<Position, 'height' | 'hash'>): boolean {
    return this.at(height)?.hash === hash;
  }

  append(entry: Entry): void {
    const { last } = this;
    assert(entry.block.header.parentHash === last.hash, `block ${entry.height} is the child of the last one, ${last.height}`);
    assert(entry.epoch >= last.epoch, 'epochs never descend in a history');
    this.#entries.push(entry);
  }

  /** Everything above this height goes. Returns the number of blocks that went. */
  truncateTo(height: number): number {
    assert(height >= this.#root.height, `block ${height + 1} is decided, and stays`);
    return this.#entries.splice(height - this.#root.height).length;
  }

  /** The chain went another way: nothing of the history holds but what is decided. */
  restartAt(root: Position): void {
    this.#root = root;
    this.#entries = [];
  }

  /** The chain on disk has come to this height: of what is decided, only the newest part stays in memory. */
  forget(stored: number): void {
    const decided = this.#entries.filter(({ height }) => height <= stored);
    let bytes = decided.reduce((sum, entry) => sum + entry.bytes, 0);
    let gone = 0;
    while (decided.length - gone > MAX_KEPT_BLOCKS || bytes > MAX_KEPT_BYTES) {
      const oldest = present(decided[gone++], 'a decided block in memory');
      bytes -= oldest.bytes;
      this.#root = oldest;
    }
    if (gone > 0) this.#entries = this.#entries.slice(gone);
  }

  /** The height up to which the history is on disk: in the chain (`stored`), or in records up to `persisted`. */
  durable(stored: number, persisted: Lsn): number {
    if (this.#root.height > stored) return stored;
    const onDisk = this.#entries.findLast(({ lsn }) => lsn <= persisted);
    return Math.max(stored, onDisk?.height ?? 0);
  }

  /** The first record that a restart needs when the chain on disk has come to this height. */
  firstLsn(stored: number): Lsn | undefined {
    return this.#entries.find(({ height }) => height > stored)?.lsn;
  }

  /** Of the blocks above one height and below another. */
  bytesBetween(above: number, below: number): number {
    let bytes = 0;
    for (let height = Math.max(above, this.#root.height) + 1; height < below; height++) bytes += this.entry(height)?.bytes ?? 0;
    return bytes;
  }
}
