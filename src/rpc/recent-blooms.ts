/**
 * Blooms of a piece of the canonical chain, kept in memory: indexers ask for the same blocks again and again, and to read a
 * bloom from the store takes a hundred times as long as to look at it.
 *
 * Blocks name their parents, so as long as the last block of the piece is canonical, all of it is.
 */
import { EMPTY, fromHex } from '../base/bytes.ts';
import { EMPTY_BLOOM } from '../chain/header.ts';
import type { CanonicalBloom, ChainAccess } from './backend.ts';
import { Breather } from './breather.ts';

/** As many as one query may ask for; some 4 MB. */
const MAX_BLOCKS = 10_000;
/** So few are read at once, as an iterator waits for other threads, on a busy machine for long. */
const MAX_SINGLE_READS = 32;

type Chain = Pick<ChainAccess, 'blooms' | 'canonical' | 'header'>;

export class RecentBlooms {
  readonly #chain: Chain;
  /** The height of the first block. */
  #lowest = 0;
  #blocks: readonly CanonicalBloom[] = [];

  constructor(chain: Chain) {
    this.#chain = chain;
  }

  /** Of the canonical chain between two heights, both inclusive, as it is at the call; shorter where the chain is. */
  async read(from: number, to: number): Promise<readonly CanonicalBloom[]> {
    const known = this.#known(from, to);
    if (known.length > to - from) return known;
    const next = from + known.length;
    const blocks = [...known, ...(to - next < MAX_SINGLE_READS ? this.#readSingly(next, to) : await this.#readTogether(next, to))];
    if (blocks.length <= MAX_BLOCKS) {
      this.#lowest = from;
      this.#blocks = blocks;
    }
    return blocks;
  }

  #readSingly(from: number, to: number): CanonicalBloom[] {
    const heights = Array.from({ length: to - from + 1 }, (_, index) => from + index);
    const hashes = heights.map((number) => this.#chain.canonical(number)).filter((hash) => hash !== undefined);
    return hashes.map((hash) => {
      const bloom = this.#chain.header(hash)?.header.logsBloom ?? EMPTY_BLOOM;
      return { hash, bloom: bloom === EMPTY_BLOOM ? EMPTY : fromHex(bloom) };
    });
  }

  async #readTogether(from: number, to: number): Promise<CanonicalBloom[]> {
    const breather = new Breather();
    const blocks: CanonicalBloom[] = [];
    for await (const block of this.#chain.blooms(from, to)) {
      blocks.push(block);
      await breather.breathe();
    }
    return blocks;
  }

  /** What of the range is in memory, from its beginning on. */
  #known(from: number, to: number): readonly CanonicalBloom[] {
    const known = from < this.#lowest ? [] : this.#blocks.slice(from - this.#lowest, to - this.#lowest + 1);
    const last = known.at(-1);
    return last !== undefined && this.#chain.canonical(from + known.length - 1) === last.hash ? known : [];
  }
}
