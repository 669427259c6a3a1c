/**
 * The branches of the tree of blocks that this node knows, each by its tip: what was left by reorganisations, what lost the
 * race, what is on its way in, and what was found invalid. Bitcoin's getchaintips asks the same.
 */
import type { Hash } from '../base/types.ts';
import type { HeaderNode } from '../chain/tree.ts';
import type { ChainAccess, KnownBlock } from './backend.ts';
import { Breather } from './breather.ts';

/** Of each height; more is a storm of forgeries, in which any will do. */
const MAX_BLOCKS_PER_HEIGHT = 64;

export interface Fork {
  readonly tip: HeaderNode;
  readonly status: KnownBlock['status'] | 'active';
  /** Blocks since it left the canonical chain, as far as was looked; 0 for the head. */
  readonly length: number;
  /** The height of the last block that it shares with the canonical chain; null where that is further down than was looked. */
  readonly root: number | null;
}

/** Those with tips at most `depth` blocks below the head, the highest first. */
export async function forksOf(chain: ChainAccess, depth: number): Promise<readonly Fork[]> {
  const breather = new Breather();
  const lowest = Math.max(0, chain.head.header.number - depth);
  const forks: Fork[] = [];
  let parents = new Set<Hash>();
  for (let number = chain.highest; number >= lowest; number--) {
    const blocks = chain.blocksAt(number, MAX_BLOCKS_PER_HEIGHT);
    for (const block of blocks) if (!parents.has(block.node.hash)) forks.push(forkTo(chain, block, lowest));
    parents = new Set(blocks.map(({ node }) => node.header.parentHash));
    await breather.breathe();
  }
  return forks;
}

function forkTo(chain: ChainAccess, { node: tip, status }: KnownBlock, lowest: number): Fork {
  let number = tip.header.number;
  let hash = tip.hash;
  while (chain.canonical(number) !== hash) {
    const parent = chain.blocksAt(number, MAX_BLOCKS_PER_HEIGHT).find(({ node }) => node.hash === hash)?.node.header.parentHash;
    number--;
    if (parent === undefined || number < lowest) return { tip, status, length: tip.header.number - number, root: null };
    hash = parent;
  }
  const length = tip.header.number - number;
  return { tip, status: hash === chain.head.hash && length === 0 ? 'active' : status, length, root: number };
}
