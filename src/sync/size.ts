/** How much of a memory or message bound a block uses up. */
import type { Block, ProvenBlock } from '../chain/block.ts';

/** Header, seal and framing; the true figure is some 600 bytes and at most 2,000. */
const BLOCK_OVERHEAD_BYTES = 1_024;

/** An estimate within a few hundred bytes of the encoded size, without encoding. */
export function blockBytes({ transactions, payload, certificate }: Block & Partial<ProvenBlock>): number {
  const rest = BLOCK_OVERHEAD_BYTES + payload.length + (certificate?.length ?? 0);
  return transactions.reduce((sum, transaction) => sum + transaction.length, rest);
}
