/**
 * Raft's log as far as it is in memory: blocks above a decided one (the base), each the child of the one before. Blocks
 * that are decided stay for a while, for followers that are a little behind; what is older is in the chain.
 *
 * Because a block names its parent by hash, two logs with the same block at one height are the same up to it (Log
 * Matching, figure 3.2, needs no proof here).
 */
import { assert, present } from '../../base/assert.ts';
import type { Hash, Lsn } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import type { Council } from '../members/council.ts';

/** A place in a log: a block's height and hash, and the term whose leader made it. */
export interface Position {
  readonly height: number;
  readonly hash: Hash;
  readonly term: number;
}

/** And who decides on it. The last place of a log says who is in force. */
export interface Place extends Position {
  readonly council: Council;
}

export interface Entry extends Place {
  readonly block: Block;
  readonly bytes: number;
  /** Of its record in the consensus log. */
  readonly lsn: Lsn;
}

/** Decided blocks that are kept, by number and by size in bytes. */
const MAX_KEPT_BLOCKS = 128;
const MAX_KEPT_BYTES = 16 * 1024 * 1024;

export class Log {
  /** Decided, and so is everything before it. */
  base: Place;
  readonly #entries: Entry[] = [];

  constructor(base: Place) {
    this.base = base;
  }

  get last(): Place {
    return this.#entries.at(-1) ?? this.base;
  }

  /** Undefined above the last and below the base. */
  at(height: number): Place | undefined {
    return height === this.base.height ? this.base : this.entry(height);
  }

  entry(height: number): Entry | undefined {
    return this.#entries[height - this.base.height - 1];
  }

  append(entry: Entry): void {
    const { block, height } = entry;
    assert(height === this.last.height + 1 && block.header.parentHash === this.last.hash, `block ${height} follows the last of the log`);
    assert(entry.term >= this.last.term, 'terms never descend in a log');
    this.#entries.push(entry);
  }

  /** Drops the entries from this height on. How many they were. */
  truncateFrom(height: number): number {
    assert(height > this.base.height, `block ${height} is decided, and stays`);
    return this.#entries.splice(height - this.base.height - 1).length;
  }

  /** Nothing of it holds besides what is decided: it goes on from there. */
  restartAt(base: Place): void {
    this.#entries.length = 0;
    this.base = base;
  }

  /** Blocks up to this height are decided and on disk: the oldest of them go, as far as too many are kept. */
  trim(stored: number): void {
    let kept = Math.min(stored, this.last.height) - this.base.height;
    let bytes = 0;
    for (let i = 0; i < kept; i++) bytes += this.#entries[i]?.bytes ?? 0;
    let dropped = 0;
    for (; kept > MAX_KEPT_BLOCKS || bytes > MAX_KEPT_BYTES; kept--) bytes -= this.#entries[dropped++]?.bytes ?? 0;
    if (dropped === 0) return;
    this.base = present(this.#entries[dropped - 1], 'the last block that is dropped');
    this.#entries.splice(0, dropped);
  }

  /** The height up to which all is on disk: in the chain (`stored`), or in records up to `persisted`. */
  durable(stored: number, persisted: Lsn): number {
    // A log that goes on from a block which the chain on disk has not reached holds nothing yet.
    if (this.base.height > stored) return stored;
    for (let height = this.last.height; height > stored; height--) {
      if (present(this.entry(height), 'an entry').lsn <= persisted) return height;
    }
    return stored;
  }

  /** The first record that a restart needs, when the chain on disk has this height. */
  firstLsn(stored: number): Lsn | undefined {
    return this.entry(Math.max(stored, this.base.height) + 1)?.lsn;
  }

  /** The highest place up to `height` whose term is at most `term`; the base if there is none above it. */
  latestWithin(height: number, term: number): Place {
    let at = Math.min(height, this.last.height);
    while (at > this.base.height && present(this.entry(at), 'an entry').term > term) at--;
    return this.at(at) ?? this.base;
  }

  /** From this height on, oldest first. */
  from(height: number): readonly Entry[] {
    return this.#entries.slice(Math.max(0, height - this.base.height - 1));
  }
}
