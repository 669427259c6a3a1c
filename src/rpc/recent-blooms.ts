/**
 * Blooms of a piece of the canonical chain, kept in memory: indexers ask for the same blocks again and again, and to read a
 * bloom from the store takes a hundred times as long as to look at it.
 *
 * Blocks name their parents, so as long as the last block of the piece is canonical, all of it is.
 */
import type { CanonicalBloom, ChainAccess } from './backend.ts';
import { Breather } from './breather.ts';

/** As many as one query may ask for; some 4 MB. */
const MAX_BLOCKS = 10_000;

export class RecentBlooms {
  readonly #chain: Pick<ChainAccess, 'blooms' | 'canonical'>;
  /** The height of the first block. */
  #lowest = 0;
  #blocks: readonly CanonicalBloom[] = [];

  constructor(chain: Pick<ChainAccess, 'blooms' | 'canonical'>) {
    this.#chain = chain;
  }

  /** Of the canonical chain between two heights, both inclusive, as it is at the call; shorter where the chain is. */
  async read(from: number, to: number): Promise<readonly CanonicalBloom[]> {
    const known = this.#known(from, to);
    if (known.length > to - from) return known;
    const breather = new Breather();
    const blocks = [...known];
    for await (const block of this.#chain.blooms(from + known.length, to)) {
      blocks.push(block);
      await breather.breathe();
    }
    if (blocks.length <= MAX_BLOCKS) {
      this.#lowest = from;
      this.#blocks = blocks;
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
