/** Where a phase ends on a branch of the chain. */
import type { Hash } from '../../base/types.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import type { Turn } from './state.ts';
import type { Phase } from './timeline.ts';

/** The lowest anchor of this phase among a block and its ancestors that are not final yet, or the newest final one; null for none. */
export function anchorUpTo({ network, chain }: Pick<Turn, 'network' | 'chain'>, phase: Phase, hash: Hash): HeaderNode | null {
  const { timeline } = network;
  const end = timeline.endOf(phase);
  const from = chain.get(hash);
  // Under a gadget a phase ends at a height only, and what is not final may be long.
  if (phase.engine.finality !== 'instant' && (end === null || (from?.header.number ?? 0) < end)) return null;
  const floor = Math.max(phase.anchor.height, chain.finalized.header.number - 1);
  let found: HeaderNode | null = null;
  for (let at = from; at !== undefined && at.header.number > floor; at = chain.get(at.header.parentHash)) {
    if (timeline.isAnchor(phase, at, chain)) found = at;
  }
  return found;
}
