/** A chain with blocks that are on their way into it: each can be checked against the one before it in the same step. */
import type { Hash } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { hashHeader } from '../../chain/header.ts';
import type { BlockView, HeaderNode } from '../../chain/tree.ts';
import { factsOf } from '../members/council.ts';

export class Ahead implements BlockView {
  readonly #chain: BlockView;
  readonly #blocks = new Map<Hash, Block>();

  constructor(chain: BlockView) {
    this.#chain = chain;
  }

  add(block: Block): void {
    this.#blocks.set(hashHeader(block.header), block);
  }

  get(hash: Hash): HeaderNode | undefined {
    const block = this.#blocks.get(hash);
    if (block === undefined) return this.#chain.get(hash);
    const { header, seal } = block;
    return { header, seal, hash, facts: factsOf(header) };
  }

  block(hash: Hash): Block | undefined {
    return this.#blocks.get(hash) ?? this.#chain.block(hash);
  }
}
