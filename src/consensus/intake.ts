/**
 * The way of blocks into the chain, for engines that keep every block whose header is good: insert it when its parent is
 * here, fetch the parent when it is not, and execute parents before children. Pure: what is to be done comes back as effects.
 */
import type { Hash, NodeId } from '../base/types.ts';
import type { Block } from '../chain/block.ts';
import { hashHeader } from '../chain/header.ts';
import type { ChainView, Facts, HeaderNode } from '../chain/tree.ts';
import type { Effect } from './engine.ts';

/** Blocks of one height that are looked at. More can only come from members that misbehave; what is beyond is never executed. */
const MAX_SIBLINGS = 256;

type BlockEffect = Extract<Effect<never>, { readonly type: 'insert' | 'check' | 'fetch' }>;

/**
 * What to do with a block that has come; nothing when it is known. Without its parent it is dropped, and the parent asked
 * for: by the time that is here, whoever cares for the block will have spoken of it again.
 */
export function intake(chain: ChainView, block: Block, from: NodeId | null, facts: Facts): BlockEffect[] {
  const { parentHash } = block.header;
  const hash = hashHeader(block.header);
  if (chain.get(hash) !== undefined) return [];
  if (chain.get(parentHash) === undefined) return [{ type: 'fetch', hash: parentHash, from }];
  const insert = { type: 'insert', block, facts } as const;
  return chain.status(parentHash) === 'executed' ? [insert, { type: 'check', hash }] : [insert];
}

/** After `checked`: the children of the block, if it is valid, can be executed now. */
export function nextChecks(chain: ChainView, hash: Hash): BlockEffect[] {
  const waiting = childrenOf(chain, hash).filter((child) => chain.status(child.hash) === 'stored');
  return chain.status(hash) === 'executed' ? waiting.map((child) => ({ type: 'check', hash: child.hash })) : [];
}

/** After `start`: what was stored before a crash and not executed, on whatever above the finalized block was. */
export function interruptedChecks(chain: ChainView): BlockEffect[] {
  const effects: BlockEffect[] = [];
  for (let number = chain.finalized.header.number; number < chain.maxHeight; number++) {
    for (const { hash } of chain.atHeight(number, MAX_SIBLINGS)) effects.push(...nextChecks(chain, hash));
  }
  return effects;
}

export function childrenOf(chain: ChainView, hash: Hash): HeaderNode[] {
  const parent = chain.get(hash);
  if (parent === undefined) return [];
  return chain.atHeight(parent.header.number + 1, MAX_SIBLINGS).filter(({ header }) => header.parentHash === hash);
}
