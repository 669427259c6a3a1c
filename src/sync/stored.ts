/**
 * What the chain has of a block whose height is known. Above everything that is stored there is nothing to look up: without this,
 * each step of a sync read the disk for every body of its window, and that was half of the work of catching up (measured).
 */
import type { Hash } from '../base/types.ts';
import type { BlockStatus, ChainView, HeaderNode } from '../chain/tree.ts';

export function storedStatus(chain: ChainView, number: number, hash: Hash): BlockStatus | undefined {
  return number > chain.maxHeight ? undefined : chain.status(hash);
}

export function storedNode(chain: ChainView, number: number, hash: Hash): HeaderNode | undefined {
  return number > chain.maxHeight ? undefined : chain.get(hash);
}
