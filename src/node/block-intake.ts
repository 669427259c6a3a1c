/** What becomes of a block that gossip brings, before the engine sees it: the same in a node and in the simulator. */
import { RuleError } from '../base/errors.ts';
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
 * Cheap checks first: nobody's large body is looked at before its header has shown work. A block whose parent is unknown,
 * or whose time has not come, goes to the engine, which will wait for what is missing, but is not passed on; neither is
 * one that the engine does not find worth keeping. Throws RuleError for one that breaks a rule.
 */
export function takeBlock(intake: BlockIntake, block: Block, from: NodeId): Verdict {
  const { view, checkBody, deliver } = intake;
  const hash = hashHeader(block.header);
  if (view.status(hash) !== undefined) return 'ignore';
  checkSealedHeader(intake, block);
  checkBody(block);
  if (!deliver(block, from)) return 'ignore';
  // The driver has taken its step by now, unless it is in the middle of another.
  const status = view.status(hash);
  return status === 'stored' || status === 'executed' ? 'accept' : 'ignore';
}

function checkSealedHeader({ engine, view, clock }: BlockIntake, block: Block): void {
  const parent = view.get(block.header.parentHash);
  if (parent === undefined) return engine.verifySeal(block);
  try {
    engine.verifyHeader(block, parent, view, clock.wallMs());
  } catch (error) {
    // Without blame it is only early, which is for the engine to handle.
    if (!(error instanceof RuleError) || error.blame) throw error;
  }
}
