/** A transaction by its sender and nonce, without an index: the first block after which the nonce is higher, by halving. */
import type { Address, Hash } from '../base/types.ts';
import type { Backend } from './backend.ts';
import { Breather } from './breather.ts';
import { firstBlockWhere } from './state-history.ts';

/** Null when there is none: not yet, or the nonce was used by a contract or an authorization (EIP-7702). */
export async function findBySenderAndNonce({ chain, state }: Backend, sender: Address, nonce: bigint): Promise<Hash | null> {
  const block = await firstBlockWhere(chain, async (header) => ((await state.account(header, sender))?.nonce ?? 0n) > nonce);
  const breather = new Breather();
  for (const bytes of (block && chain.block(block.hash)?.transactions) ?? []) {
    const tx = chain.decode(bytes);
    if (tx.sender === sender && tx.nonce === nonce) return tx.hash;
    await breather.breathe();
  }
  return null;
}
