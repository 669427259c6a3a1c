/** Headers and statuses of stored blocks in the working view. Those that were last asked for stay decoded. */
import { present } from '../base/assert.ts';
import { BoundedMap } from '../base/bounded.ts';
import type { Hash } from '../base/types.ts';
import type { BlockStatus, HeaderNode } from '../chain/tree.ts';
import { missing } from './checked.ts';
import { TABLES } from './layout.ts';
import type { Staging } from './staging.ts';

/** Whoever changes the status changes the row as well. */
export interface Entry {
  readonly node: HeaderNode;
  status: BlockStatus;
}

/** About 2 KB each. */
const CACHED_HEADERS = 4_096;

export class Entries {
  readonly #staging: Staging;
  readonly #cached = new BoundedMap<Hash, Entry>(CACHED_HEADERS);

  constructor(staging: Staging) {
    this.#staging = staging;
  }

  /** Undefined for a block that is not stored: every such answer is a read of the database. */
  get(hash: Hash): Entry | undefined {
    const cached = this.#cached.get(hash);
    if (cached !== undefined) return cached;
    const number = this.#staging.get(TABLES.number, hash);
    if (number === undefined) return undefined;
    const name = `block ${number} (${hash})`;
    const record = this.#staging.need(TABLES.header, { number, hash }, name);
    const entry = { node: { ...record, hash }, status: this.#staging.need(TABLES.status, { number, hash }, name) };
    this.#cached.set(hash, entry);
    return entry;
  }

  /** A block whose rows were just staged. */
  keep(entry: Entry): void {
    this.#cached.set(entry.node.hash, entry);
  }

  /** A block that another row names. Throws StorageError `storage/missing`. */
  node(hash: Hash): HeaderNode {
    const entry = this.get(hash);
    if (entry === undefined) throw missing(TABLES.header, `block ${hash}`);
    return entry.node;
  }

  /** A block that the caller must have stored before. */
  known(hash: Hash): Entry {
    return present(this.get(hash), `block ${hash}`);
  }
}
