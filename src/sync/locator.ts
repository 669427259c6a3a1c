/**
 * A short description of our chain from which a peer finds the newest block that we share: the last hashes one by one,
 * then ever larger steps down to genesis. Source of the idea: Bitcoin's getheaders.
 */
import type { Hash } from '../base/types.ts';
import type { ChainView } from '../chain/tree.ts';

const SINGLE_STEPS = 10;

/** Canonical hashes, newest first, genesis last; some 10 + log2(height) of them. */
export function locatorOf(chain: ChainView): Hash[] {
  const hashes: Hash[] = [];
  let step = 1;
  for (let number = chain.head.header.number; number > 0; number -= step) {
    const hash = chain.canonical(number);
    if (hash !== undefined) hashes.push(hash);
    if (hashes.length >= SINGLE_STEPS) step *= 2;
  }
  hashes.push(chain.genesis.hash);
  return hashes;
}
