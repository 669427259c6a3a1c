/**
 * EIP-7702 authorizations, for calls. In blocks @ethereumjs' runTx applies them; a call is not a transaction, so it needs
 * its own. An authorization that does not hold is passed over, as the EIP wants.
 */
import { RLP } from '@ethereumjs/rlp';
import { bigToBytes, bigToFixed, concatBytes, fromHex, toHex } from '../base/bytes.ts';
import { type Address, ZERO_ADDRESS } from '../base/types.ts';
import { EMPTY_ACCOUNT, hasCode } from './account.ts';
import { DELEGATION_PREFIX, isDelegation } from './admission.ts';
import { keccak256 } from './keccak.ts';
import { recovery } from './recovery.ts';
import type { WorldState } from './state.ts';
import type { Authorization } from './transaction-codec.ts';

const SIGNING_MAGIC = 0x05;
const MAX_NONCE = 2n ** 64n - 1n;
const CURVE_ORDER_HALF = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;
/** Given back for each authority that existed already: 25,000 were charged for making it, 12,500 is the true cost. */
const EXISTING_ACCOUNT_REFUND = 12_500n;

/** Answers the authorities that were looked at (they count as warm) and the gas to refund. */
export function applyAuthorizations(
  state: WorldState,
  chainId: number,
  list: readonly Authorization[],
): { warm: Address[]; refund: bigint } {
  const warm: Address[] = [];
  let refund = 0n;
  for (const authorization of list) {
    const authority = authorityOf(authorization, chainId);
    if (authority === null) continue;
    warm.push(authority);
    const account = state.account(authority);
    const { nonce } = account ?? EMPTY_ACCOUNT;
    if (nonce !== authorization.nonce) continue;
    if (account !== null && hasCode(account) && !isDelegation(state.code(authority))) continue;
    if (account !== null) refund += EXISTING_ACCOUNT_REFUND;
    state.setAccount(authority, { ...(account ?? EMPTY_ACCOUNT), nonce: nonce + 1n });
    const clear = authorization.address === ZERO_ADDRESS;
    state.setCode(authority, clear ? new Uint8Array(0) : concatBytes(Uint8Array.from(DELEGATION_PREFIX), fromHex(authorization.address)));
  }
  return { warm, refund };
}

/** Who signed it, or null when it is void whatever the state is. */
function authorityOf(authorization: Authorization, ownChainId: number): Address | null {
  const { chainId, nonce } = authorization;
  if ((chainId !== 0n && chainId !== BigInt(ownChainId)) || nonce >= MAX_NONCE) return null;
  return signerOf(authorization);
}

/** Null when the signature is nobody's. */
export function signerOf({ chainId, address, nonce, yParity, r, s }: Authorization): Address | null {
  if ((yParity !== 0 && yParity !== 1) || s > CURVE_ORDER_HALF) return null;
  const message = RLP.encode([bigToBytes(chainId), fromHex(address), bigToBytes(nonce)]);
  const hash = keccak256(concatBytes(Uint8Array.of(SIGNING_MAGIC), message));
  const key = recovery.recover(concatBytes(bigToFixed(r, 32), bigToFixed(s, 32)), yParity, hash);
  return key === null ? null : (toHex(keccak256(key).subarray(12)) as Address);
}
