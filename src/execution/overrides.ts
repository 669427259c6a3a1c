/** State overrides, as geth has them: what accounts are instead, and where precompiles answer instead (StateOverride.Apply). */
import type { VM } from '@ethereumjs/vm';
import { fromHex } from '../base/bytes.ts';
import { RuleError } from '../base/errors.ts';
import type { Address } from '../base/types.ts';
import { EMPTY_ACCOUNT } from './account.ts';
import type { AccountOverride } from './call-types.ts';
import type { WorldState } from './state.ts';

export type StateOverrides = ReadonlyMap<Address, AccountOverride>;

/** Keyed by 40 hex digits, as the library keeps them. */
type Precompiles = VM['evm']['precompiles'];

export function applyOverrides(state: WorldState, overrides: StateOverrides): void {
  for (const [address, override] of overrides) applyOverride(state, address, override);
}

/** A precompile whose account is overridden answers no more, or elsewhere. Throws RuleError `call/precompile`. */
export function movePrecompiles(precompiles: Precompiles, overrides: StateOverrides): void {
  const moved = new Set<Address>();
  for (const [address, { movePrecompileTo: to }] of overrides) {
    if (moved.has(address)) throw refused(`account ${address} has already been overridden by a precompile`);
    const precompile = precompiles.get(address.slice(2));
    if (to !== undefined) {
      if (precompile === undefined) throw refused(`account ${address} is not a precompile`);
      if (overrides.has(to)) throw refused(`account ${to} is already overridden`);
      precompiles.set(to.slice(2), precompile);
      moved.add(to);
    }
    precompiles.delete(address.slice(2));
  }
}

function applyOverride(state: WorldState, address: Address, override: AccountOverride): void {
  const account = state.account(address) ?? EMPTY_ACCOUNT;
  const { nonce = account.nonce, balance = account.balance } = override;
  // An override of nothing must not make an account.
  const isChanged = override.nonce !== undefined || override.balance !== undefined || (override.state ?? override.stateDiff) !== undefined;
  if (isChanged) state.setAccount(address, { ...account, nonce, balance });
  if (override.code !== undefined) state.setCode(address, override.code);
  if (override.state !== undefined) state.clearStorage(address);
  for (const [slot, value] of override.state ?? override.stateDiff ?? []) state.setSlot(address, slot, fromHex(value));
}

function refused(message: string): RuleError {
  return new RuleError('call/precompile', message);
}
