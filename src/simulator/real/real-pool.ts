/** The node's transaction pool, filled as the node fills it: by its inbox from gossip, and by clients. */
import { RuleError, StorageError } from '../../base/errors.ts';
import type { Mempool } from '../../mempool/mempool.ts';
import type { Inbox } from '../../node/inbox.ts';
import type { PoolPort } from '../tier.ts';

/** `returned` is called with what an abandoned block gave back. */
export function realPool(pool: Mempool, inbox: Inbox, returned: (transaction: Uint8Array) => void): PoolPort {
  let isAdding = false;
  pool.onAdded((tx, origin) => {
    if (origin === 'local' && !isAdding) returned(tx.bytes);
  });

  function take(bytes: Uint8Array): boolean {
    isAdding = true;
    try {
      pool.add(bytes, 'local');
      return true;
    } catch (error) {
      // The client is told; a store that cannot be read is found out by the next write at the latest.
      if (!(error instanceof RuleError || error instanceof StorageError)) throw error;
      return false;
    } finally {
      isAdding = false;
    }
  }

  return {
    get size() {
      return pool.status().pending;
    },
    add: (bytes, origin) => (origin === 'local' ? take(bytes) : inbox.pending([bytes]).length > 0),
    some: (limit) => pool.executable(limit),
  };
}
