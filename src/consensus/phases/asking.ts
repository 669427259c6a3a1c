/**
 * Asking whether a phase is over. What would be its last block may be here without its certificate: the one that sent it had none yet,
 * or is gone. Under an engine alone the next block would bring one; here nothing may come before this node has moved on.
 */
import { UsageError } from '../../base/errors.ts';
import type { NodeId } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { approvers } from './approvals.ts';
import { isChange } from './change.ts';
import type { Network, Turn } from './state.ts';
import type { Phase } from './timeline.ts';

export const OVER_TIMER = 'phases/over';
const ASK_AFTER_MS = 1_000;
/** Branches that end the phase, of each height. */
const MAX_SIBLINGS = 16;

/** A block of this phase has come that would be its last. */
export function askSoonWhetherOver(turn: Turn, phase: Phase, { header, payload }: Block): void {
  if (header.number === turn.network.timeline.endOf(phase) || isChange(payload)) askSoon(turn);
}

export function askSoon({ effects }: Turn): void {
  effects.push({ type: 'setTimer', id: OVER_TIMER, delayMs: ASK_AFTER_MS });
}

/** The timer: asks all who may know, as long as such a block is here. */
export function askWhetherOver(turn: Turn, phase: Phase): void {
  const { network, self, effects } = turn;
  const next = openEnd(turn, phase);
  if (next === null) return;
  const asked = new Set([...nodesOf(network, phase), ...nodesOf(network, next)]);
  asked.delete(self);
  for (const to of asked) effects.push({ type: 'send', to, message: { type: 'isOver', phase: phase.number } });
  askSoon(turn);
}

/** The phase that begins on a block of this one which is not final yet; null for none. */
function openEnd(turn: Turn, phase: Phase): Phase | null {
  const { network, chain } = turn;
  for (let number = chain.finalized.header.number + 1; number <= chain.maxHeight; number++) {
    for (const node of chain.atHeight(number, MAX_SIBLINGS)) {
      if (network.timeline.isAnchor(phase, node, chain)) return network.timeline.next(phase, node, chain) ?? null;
    }
  }
  return null;
}

function nodesOf(network: Network, phase: Phase): readonly NodeId[] {
  try {
    return approvers(network, phase).membership.members.map(({ node }) => node);
  } catch (error) {
    // It has no members.
    if (error instanceof UsageError) return [];
    throw error;
  }
}
