/** Blocks that this node keeps to itself, in a test network, and how it hides that it has them from peers who ask. */
import type { Hash } from '../base/types.ts';
import type { Block } from '../chain/block.ts';
import { hashHeader } from '../chain/header.ts';
import type { HeaderNode } from '../chain/tree.ts';

/** More than a node makes while anybody watches. With one more, the oldest is published. */
export const MAX_WITHHELD = 256;

export class Withheld {
  readonly #blocks = new Map<Hash, Block>();
  readonly #publish: (block: Block) => void;

  constructor(publish: (block: Block) => void) {
    this.#publish = publish;
  }

  get size(): number {
    return this.#blocks.size;
  }

  has(hash: Hash): boolean {
    return this.#blocks.has(hash);
  }

  keep(block: Block): void {
    this.#blocks.set(hashHeader(block.header), block);
    const [oldest] = this.#blocks;
    if (this.#blocks.size > MAX_WITHHELD && oldest !== undefined) this.#release(...oldest);
  }

  /** Oldest first. */
  publish(): void {
    for (const [hash, block] of this.#blocks) this.#release(hash, block);
  }

  /** The newest block on the way down from this one that others may know of. */
  public(node: HeaderNode, header: (hash: Hash) => HeaderNode | undefined): HeaderNode {
    let shown = node;
    for (let next: HeaderNode | undefined = node; next !== undefined && this.has(next.hash); ) {
      next = header(next.header.parentHash);
      shown = next ?? shown;
    }
    return shown;
  }

  #release(hash: Hash, block: Block): void {
    this.#blocks.delete(hash);
    this.#publish(block);
  }
}
