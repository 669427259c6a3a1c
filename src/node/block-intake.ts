/** What becomes of a block that gossip brings, before the engine sees it: the same in a node and in the simulator. */
import type { NodeId } from '../base/types.ts';
import type { Block } from '../chain/block.ts';
import { hashHeader } from '../chain/header.ts';
import type { ChainView } from '../chain/tree.ts';
import type { AnyEngine } from '../consensus/engine.ts';
import type { ClockPort } from './ports.ts';

/** gossipsub's answers: pass it on, hold it against the sender, or neither. */
export type Verdict = 'accept' | 'reject' | 'ignore';

export interface BlockIntake {
  readonly engine: AnyEngine;
  readonly view: ChainView;
  readonly clock: ClockPort;
  /** Throws RuleError unless transactions and payload are those that the header commits to. */
  readonly checkBody: (block: Block) => void;
  /** Hands a block to the driver; false when its queue is full. */
  readonly deliver: (block: Block, from: NodeId) => boolean;
}

/**
 * A block whose parent is unknown goes to the engine, which will ask for the parent, but is not passed on. Throws
 * RuleError for one that breaks a rule.
 */
export function takeBlock({ engine, view, clock, checkBody, deliver }: BlockIntake, block: Block, from: NodeId): Verdict {
  if (view.status(hashHeader(block.header)) !== undefined) return 'ignore';
  checkBody(block);
  const parent = view.get(block.header.parentHash);
  if (parent !== undefined) engine.verifyHeader(block, parent, view, clock.wallMs());
  const taken = deliver(block, from);
  return taken && parent !== undefined ? 'accept' : 'ignore';
}
