/**
 * Every block that any node had on its chain while this page looked, as a tree, and which of them are on the chain that
 * most nodes follow (`main`). Bounded: the lowest heights go first.
 */
import type { Block } from './block.ts';

export const MAX_BLOCKS = 12_000;
/** Pruning sorts all heights, so it waits until this much too much is there. */
const SLACK = 1.1;

export interface Fork {
  /** Where two branches meet. */
  readonly ancestor: Block;
  /** Blocks of the first branch above it. */
  readonly left: number;
  readonly right: number;
}

export class Chain {
  readonly #maxBlocks: number;
  readonly #blocks = new Map<string, Block>();
  readonly #byHeight = new Map<number, string[]>();
  readonly #main = new Map<number, string>();
  #top: Block | null = null;

  constructor(maxBlocks = MAX_BLOCKS) {
    this.#maxBlocks = maxBlocks;
  }

  get size(): number {
    return this.#blocks.size;
  }

  /** The head of the main chain. */
  get top(): Block | null {
    return this.#top;
  }

  get(hash: string): Block | undefined {
    return this.#blocks.get(hash);
  }

  /** False when it was there already. */
  add(block: Block): boolean {
    if (this.#blocks.has(block.hash)) return false;
    this.#blocks.set(block.hash, block);
    const level = this.#byHeight.get(block.number);
    if (level === undefined) this.#byHeight.set(block.number, [block.hash]);
    else level.push(block.hash);
    if (this.#blocks.size > SLACK * this.#maxBlocks) this.#prune();
    return true;
  }

  /** What was found out about a block since it was added. */
  countTransactions(hash: string, transactions: number): void {
    const block = this.#blocks.get(hash);
    if (block !== undefined) this.#blocks.set(hash, { ...block, transactions });
  }

  at(height: number): readonly Block[] {
    return (this.#byHeight.get(height) ?? []).flatMap((hash) => this.#blocks.get(hash) ?? []);
  }

  /** The block of this height on the main chain, where it is known. */
  mainAt(height: number): Block | undefined {
    const hash = this.#main.get(height);
    return hash === undefined ? undefined : this.#blocks.get(hash);
  }

  isMain({ hash, number }: Block): boolean {
    return this.#main.get(number) === hash;
  }

  /** Says which branch is the main one. Walks back only as far as it differs from the one before. */
  setMain(hash: string): void {
    const head = this.#blocks.get(hash);
    if (head === undefined) return;
    for (let height = head.number + 1; height <= (this.#top?.number ?? -1) && this.#main.has(height); height++) this.#main.delete(height);
    let block: Block | undefined = head;
    while (block !== undefined && !this.isMain(block)) {
      this.#main.set(block.number, block.hash);
      block = this.#parentOf(block);
    }
    this.#top = head;
  }

  /** A node said that this block of the past is on its chain; where nothing is known yet, that is the main one. */
  noteMain({ number, hash }: Block): void {
    if (!this.#main.has(number) && number < (this.#top?.number ?? 0)) this.#main.set(number, hash);
  }

  /** The block of this height on the branch of a head, where it is known. */
  heldAt(headHash: string, height: number): Block | undefined {
    let block = this.#blocks.get(headHash);
    while (block !== undefined && block.number > height && !this.isMain(block)) block = this.#parentOf(block);
    if (block === undefined || block.number < height) return undefined;
    return block.number === height ? block : this.mainAt(height);
  }

  /** The lowest height from which on the branch of this block is known without a gap. */
  knownFrom(hash: string): number {
    let block = this.#blocks.get(hash);
    let lowest = block?.number ?? 0;
    while (block !== undefined) {
      lowest = block.number;
      block = this.#parentOf(block);
    }
    return lowest;
  }

  /** Where the branches of two blocks meet; null when that lies below what is known. */
  fork(leftHash: string, rightHash: string): Fork | null {
    let left = this.#blocks.get(leftHash);
    let right = this.#blocks.get(rightHash);
    const from = { left: left?.number ?? 0, right: right?.number ?? 0 };
    while (left !== undefined && right !== undefined && left !== right) {
      const difference = left.number - right.number;
      if (difference >= 0) left = this.#parentOf(left);
      if (difference <= 0) right = this.#parentOf(right);
    }
    if (left === undefined || right === undefined) return null;
    return { ancestor: left, left: from.left - left.number, right: from.right - left.number };
  }

  /** Whether a block is on the branch that ends with this head. Walks no further than to the main chain. */
  holds(headHash: string, wanted: Block): boolean {
    let block = this.#blocks.get(headHash);
    while (block !== undefined && block.number > wanted.number && !this.isMain(block)) block = this.#parentOf(block);
    if (block === undefined || block.number < wanted.number) return false;
    return block.hash === wanted.hash || (this.isMain(block) && this.isMain(wanted));
  }

  /**
   * How many blocks a node left behind that went from one head to another; 0 where it only went on. Null when unknown. A node may go
   * back to where branches part before it has executed the one that it takes.
   */
  reorgDepth(before: string, after: string): number | null {
    return this.fork(before, after)?.left ?? null;
  }

  /** A parent that claims a height not below its child's would make walks endless. */
  #parentOf(block: Block): Block | undefined {
    const parent = this.#blocks.get(block.parent);
    return parent !== undefined && parent.number === block.number - 1 ? parent : undefined;
  }

  #prune(): void {
    const heights = [...this.#byHeight.keys()].sort((a, b) => a - b);
    for (const height of heights) {
      if (this.#blocks.size <= this.#maxBlocks) return;
      for (const hash of this.#byHeight.get(height) ?? []) this.#blocks.delete(hash);
      this.#byHeight.delete(height);
      this.#main.delete(height);
    }
  }
}
