/**
 * Proposals that have come before their parents were accepted, since messages overtake each other. What does not fit is dropped:
 * the leader sends it again.
 */
import type { Block } from '../../chain/block.ts';
import { encodedBlock } from '../members/fields.ts';
import { MAX_ACCEPTED } from './log.ts';

/** What an honest leader has on its way, and one block more. Beyond, the highest go first. */
const MAX_AHEAD_BYTES = 16 * 1024 * 1024;

export class Ahead {
  readonly #blocks = new Map<number, Block>();
  #bytes = 0;

  get size(): number {
    return this.#blocks.size;
  }

  /** `base`: nothing is accepted at or below it any more, and nothing too far above it. The last that came for a slot counts. */
  put(block: Block, base: number): void {
    const { number } = block.header;
    this.take(number);
    if (number <= base || number > base + MAX_ACCEPTED) return;
    this.#blocks.set(number, block);
    this.#bytes += encodedBlock(block).length;
    while (this.#bytes > MAX_AHEAD_BYTES && this.size > 1) this.take(Math.max(...this.#blocks.keys()));
  }

  take(height: number): Block | undefined {
    const block = this.#blocks.get(height);
    if (block === undefined) return undefined;
    this.#blocks.delete(height);
    this.#bytes -= encodedBlock(block).length;
    return block;
  }

  dropUpTo(height: number): void {
    for (const at of [...this.#blocks.keys()]) if (at <= height) this.take(at);
  }

  clear(): void {
    this.#blocks.clear();
    this.#bytes = 0;
  }
}
