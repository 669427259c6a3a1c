/**
 * What gossip brings, checked as far as can be done at once: enough to know whether to pass it on, and never more work
 * than its sender had. Whether it is then believed is for the engine and the pool. What breaks a rule is thrown as a
 * RuleError: the network rejects it, and counts it against the sender when the error blames it.
 */
import { RuleError } from '../base/errors.ts';
import type { Hash, NodeId } from '../base/types.ts';
import { type Block, checkPayload, decodeBlock } from '../chain/block.ts';
import { checkUnclesHash, foreignBody } from '../chain/foreign-body.ts';
import type { Header } from '../chain/header.ts';
import type { ChainView } from '../chain/tree.ts';
import type { AnyEngine } from '../consensus/engine.ts';
import { transactionsRoot, withdrawalsRoot } from '../execution/roots.ts';
import type { Mempool } from '../mempool/mempool.ts';
import { decodeTransactions } from '../network/messages.ts';
import { takeBlock, type Verdict } from './block-intake.ts';
import type { ClockPort } from './ports.ts';

export interface InboxOptions {
  readonly engine: AnyEngine;
  readonly view: ChainView;
  readonly pool: Mempool;
  readonly clock: ClockPort;
  /** Hands a block to the driver; false when its queue is full. */
  readonly deliver: (block: Block, from: NodeId) => boolean;
}

export class Inbox {
  readonly #options: InboxOptions;

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  /** Throws RuleError for bytes that are no block, and as `takeBlock` does. */
  block(bytes: Uint8Array, from: NodeId): Verdict {
    return takeBlock({ ...this.#options, checkBody }, decodeBlock(bytes), from);
  }

  /** Passed on when it brought anything new; rejected only when something in it could never be valid anywhere. */
  transactions(bytes: Uint8Array): Verdict {
    return this.pending(decodeTransactions(bytes)).length > 0 ? 'accept' : 'ignore';
  }

  /** Offers them to the pool and answers those that it took. Throws RuleError at the first that could never be valid. */
  pending(transactions: readonly Uint8Array[]): readonly Uint8Array[] {
    return transactions.filter((transaction) => {
      try {
        this.#options.pool.add(transaction, 'gossip');
        return true;
      } catch (error) {
        // Another node's pool may well hold what our own head makes stale; a bad signature is nobody's mistake.
        if (!(error instanceof RuleError) || (error.blame && error.code.startsWith('tx/'))) throw error;
        return false;
      }
    });
  }
}

/**
 * The body belongs to the header. This must be known before the block counts for anything under its hash: otherwise
 * whoever relays a good header with another body could have the good block marked invalid (compare CVE-2012-2459).
 */
export function checkBody(block: Block): void {
  checkPayload(block);
  checkRoot('transactionsRoot', block.header, transactionsRoot(block.transactions));
}

/** The same for a block that was made elsewhere, whose payload holds uncles and withdrawals. */
export function checkForeignBody(block: Block): void {
  const { uncles, withdrawals } = foreignBody(block);
  checkUnclesHash(block.header, uncles);
  checkRoot('transactionsRoot', block.header, transactionsRoot(block.transactions));
  checkRoot('withdrawalsRoot', block.header, block.header.withdrawalsRoot && withdrawalsRoot(withdrawals));
}

function checkRoot(field: 'transactionsRoot' | 'withdrawalsRoot', header: Header, root: Hash | undefined): void {
  if (root === header[field]) return;
  throw new RuleError(`block/${field}`, `The body of block ${header.number} has the ${field} ${root}; the header says ${header[field]}.`);
}

export function bodyMatches(block: Block): boolean {
  try {
    checkBody(block);
    return true;
  } catch (error) {
    if (error instanceof RuleError) return false;
    throw error;
  }
}
