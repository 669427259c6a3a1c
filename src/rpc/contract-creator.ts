/**
 * Who made a contract, found without an index: the first block after which it has code, by halving, and in that block the
 * transaction that made it, by its receipt or by executing the block again.
 */
import type { Address, Hash } from '../base/types.ts';
import type { HeaderNode } from '../chain/tree.ts';
import { isDelegation } from '../execution/admission.ts';
import { Breather } from './breather.ts';
import { effective, framesOfBlock } from './frames.ts';
import { firstBlockWhere } from './state-history.ts';
import type { Tracing } from './tracing.ts';

export interface Creation {
  readonly hash: Hash;
  /** Who called CREATE, or sent the transaction. */
  readonly creator: Address;
}

/** Null for an address without code, one that delegates (EIP-7702), and a contract of genesis, which nobody made. */
export async function findCreator(context: Tracing, contract: Address): Promise<Creation | null> {
  const { chain, state } = context.backend;
  const code = await state.code(chain.head.header, contract);
  if (code.length === 0 || isDelegation(code)) return null;
  const block = await firstBlockWhere(chain, async (header) => (await state.code(header, contract)).length > 0);
  if (block === undefined || block.header.number === 0) return null;
  return (await byReceipt(context, block, contract)) ?? byExecution(context, block, contract);
}

async function byReceipt({ backend: { chain } }: Tracing, block: HeaderNode, contract: Address): Promise<Creation | null> {
  const index = chain.receipts(block.hash)?.findIndex(({ contractAddress, success }) => success && contractAddress === contract) ?? -1;
  const bytes = index < 0 ? undefined : chain.block(block.hash)?.transactions[index];
  if (bytes === undefined) return null;
  const { hash, sender } = chain.decode(bytes);
  return { hash, creator: sender };
}

async function byExecution(context: Tracing, block: HeaderNode, contract: Address): Promise<Creation | null> {
  const { chain } = context.backend;
  const breather = new Breather();
  for (const [index, frames] of (await framesOfBlock(context, block)).entries()) {
    const made = effective(frames).find(({ type, to }) => (type === 'CREATE' || type === 'CREATE2') && to === contract);
    const bytes = chain.block(block.hash)?.transactions[index];
    if (made !== undefined && bytes !== undefined) return { hash: chain.decode(bytes).hash, creator: made.from };
    await breather.breathe();
  }
  return null;
}
