/** The blocks of a run as a picture knows them: every hash that somebody named, and of real blocks where they came from. */

const HASH = /^0x[0-9a-f]{64}$/;
/** Adversaries make up hashes. */
const MAX_HASHES = 500_000;

export interface BlockRecord {
  readonly hash: string;
  /** -1 for a hash that was named and never seen as a block. */
  number: number;
  /** Place of the parent; 0 where it is not known. */
  parent: number;
  bornUs: number;
  producer: number;
  transactions: number;
}

export class BlockCollector {
  readonly records: BlockRecord[] = [];
  readonly #places = new Map<string, number>();

  /** 1-based; 0 for what is no hash, and for more hashes than anybody wants to look at. */
  place(hash: unknown): number {
    if (typeof hash !== 'string' || !HASH.test(hash)) return 0;
    const known = this.#places.get(hash);
    if (known !== undefined) return known;
    if (this.records.length >= MAX_HASHES) return 0;
    const place = this.records.push({ hash, number: -1, parent: 0, bornUs: -1, producer: -1, transactions: 0 });
    this.#places.set(hash, place);
    return place;
  }

  record(place: number): BlockRecord | undefined {
    return this.records[place - 1];
  }

  /** The place of a block that somebody has made; 0 for anything else. */
  known(hash: unknown): number {
    const place = typeof hash === 'string' ? (this.#places.get(hash) ?? 0) : 0;
    return (this.record(place)?.number ?? -1) < 0 ? 0 : place;
  }

  /** A node has this block or sends it. True when it is the first to do so. */
  seen(place: number, node: number, atUs: number, number: number): boolean {
    const record = this.record(place);
    if (record === undefined || record.number >= 0) return false;
    Object.assign(record, { number, bornUs: atUs, producer: node });
    return true;
  }

  /** What is known once a node has looked into it. */
  describe(place: number, parentHash: unknown, transactions: number): void {
    const record = this.record(place);
    if (record === undefined || record.parent !== 0) return;
    record.transactions = transactions;
    record.parent = this.place(parentHash);
    const parent = this.record(record.parent);
    // Genesis is never inserted: every node was born with it.
    if (record.number === 1 && parent !== undefined && parent.number < 0) Object.assign(parent, { number: 0, bornUs: 0 });
  }
}
