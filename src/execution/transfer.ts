/**
 * A transaction that runs no code, executed without the EVM: value and calldata to an account that has none. It is the
 * commonest transaction and thirty times cheaper this way. A property test holds it equal to runTx, down to the root.
 *
 * What the EVM would have done, in its order: charge the sender for the whole gas limit and raise its nonce; move the
 * value; give back what was not used; pay the tip; remove whom all this touched and left empty (EIP-161). The gas used
 * is known beforehand: the intrinsic gas, or the floor of EIP-7623 where that is more.
 */
import type { Address } from '../base/types.ts';
import { type Fork, isAtLeast } from '../chain/params.ts';
import { EMPTY_ACCOUNT, hasCode, isEmpty } from './account.ts';
import type { BlockContext } from './environment.ts';
import type { WorldState } from './state.ts';
import { effectiveGasPrice, type Tx } from './transaction.ts';
import { BLOB, SET_CODE } from './transaction-codec.ts';
import { minimumGas } from './transaction-rules.ts';

/** Addresses that begin with ten zero bytes are left to the EVM: precompiles have no code in the state, and yet run. */
const RESERVED_PREFIX = `0x${'0'.repeat(20)}`;

/** Whether nothing but balances and a nonce can change. */
export function isPlainTransfer(tx: Tx, state: WorldState): tx is Tx & { to: Address } {
  if (tx.to === null || tx.type === SET_CODE || tx.type === BLOB || tx.to.startsWith(RESERVED_PREFIX)) return false;
  const recipient = state.account(tx.to);
  return recipient === null || !hasCode(recipient);
}

/** The transaction must have been admitted. Answers the gas used. */
export function executeTransfer(tx: Tx & { to: Address }, state: WorldState, context: BlockContext, fork: Fork): bigint {
  const gasUsed = minimumGas(tx, fork);
  const baseFee = context.baseFeePerGas ?? 0n;
  const price = effectiveGasPrice(tx, baseFee);
  const tip = isAtLeast(fork, 'london') ? price - baseFee : price;
  const sender = state.account(tx.sender) ?? EMPTY_ACCOUNT;
  state.setAccount(tx.sender, { ...sender, nonce: sender.nonce + 1n, balance: sender.balance - gasUsed * price - tx.value });
  credit(state, tx.to, tx.value);
  credit(state, context.beneficiary, gasUsed * tip);
  return gasUsed;
}

/** Adds to a balance, even nothing: an account that is touched and empty is removed. */
function credit(state: WorldState, address: Address, wei: bigint): void {
  const before = state.account(address);
  const after = { ...(before ?? EMPTY_ACCOUNT), balance: (before?.balance ?? 0n) + wei };
  if (!isEmpty(after)) state.setAccount(address, after);
  else if (before !== null) state.removeAccount(address);
}
