/** Headers as a tree: what engines and sync see of the chain. Reading is synchronous and has no side effects. */
import type { Address, Hash, Hex } from '../base/types.ts';
import type { Block } from './block.ts';
import type { SealedHeader } from './header.ts';

/**
 * What the engine derives from a header and its ancestors, kept beside it so that nothing ever walks back to genesis.
 * `weight` is cumulative and says which of two chains sync should prefer (work, or height where finality is instant).
 * `carried` is one more integer that the engine accumulates along the chain; proof-of-work keeps its pauses there.
 */
export interface Facts {
  readonly weight: bigint;
  readonly carried: bigint;
}

export interface HeaderNode extends SealedHeader {
  readonly hash: Hash;
  readonly facts: Facts;
}

/**
 * 'stored': header and body are kept, not executed. 'executed': its state and receipts are known and it is valid.
 * 'invalid': it, and so all its descendants, broke a rule when it was executed.
 */
export type BlockStatus = 'stored' | 'executed' | 'invalid';

/** One log of a contract. */
export interface Output {
  readonly topics: readonly Hash[];
  readonly data: Hex;
}

export interface HeaderView {
  get(hash: Hash): HeaderNode | undefined;
}

export interface BlockView extends HeaderView {
  /** The whole block. Undefined for one that is not stored. */
  block(hash: Hash): Block | undefined;
}

export interface ChainView extends BlockView {
  readonly genesis: HeaderNode;
  /** The canonical tip. Its state is known. */
  readonly head: HeaderNode;
  /** The highest block that the engine finalized (genesis at first). */
  readonly finalized: HeaderNode;
  status(hash: Hash): BlockStatus | undefined;
  /**
   * What this contract said in this block, in order: how the ledger tells the engine of deposits and exits. Undefined for
   * a block that is not executed.
   */
  outputs(hash: Hash, contract: Address): readonly Output[] | undefined;
  /** The hash of the canonical block of this height. */
  canonical(number: number): Hash | undefined;
  /** With which this block was finalized here, where it is on disk. Not every final block has one: it may be final by a descendant's. */
  certificate?(hash: Hash): Uint8Array | undefined;
  /** Every stored header of this height, canonical or not, at most `limit`. */
  atHeight(number: number, limit: number): readonly HeaderNode[];
  /** The greatest height at which a header is stored. */
  readonly maxHeight: number;
}
