/**
 * Our state as @ethereumjs sees it: its StateManagerInterface over a WorldState. It differs from the library's own
 * manager in having no caches to flush and no tries to commit, which is where that one loses blocks' atomicity.
 */
import type { AccountFields, StateManagerInterface } from '@ethereumjs/common';
import { OriginalStorageCache } from '@ethereumjs/statemanager';
import { Account, type Address as LibraryAddress } from '@ethereumjs/util';
import { toHex } from '../base/bytes.ts';
import { InternalError } from '../base/errors.ts';
import type { Address, Hash } from '../base/types.ts';
import { EMPTY_ACCOUNT } from './account.ts';
import type { Pacer } from './pacer.ts';
import type { WorldState } from './state.ts';

const NO_ROOT = new Uint8Array(32);

export class EvmState implements StateManagerInterface {
  readonly originalStorageCache = new OriginalStorageCache((address, slot) => this.getStorage(address, slot));
  readonly #state: WorldState;
  readonly #pacer: Pacer;

  constructor(state: WorldState, pacer: Pacer) {
    this.#state = state;
    this.#pacer = pacer;
  }

  async getAccount(address: LibraryAddress): Promise<Account | undefined> {
    const account = this.#state.account(keyOf(address));
    // A copy, because the EVM changes what it gets before it puts it back.
    return account === null ? undefined : new Account(account.nonce, account.balance, account.storageRoot, account.codeHash);
  }

  async putAccount(address: LibraryAddress, account?: Account): Promise<void> {
    if (account === undefined) return this.deleteAccount(address);
    const { nonce, balance, storageRoot, codeHash } = account;
    this.#state.setAccount(keyOf(address), { nonce, balance, storageRoot, codeHash });
  }

  async deleteAccount(address: LibraryAddress): Promise<void> {
    this.#state.removeAccount(keyOf(address));
  }

  async modifyAccountFields(address: LibraryAddress, fields: AccountFields): Promise<void> {
    const account = this.#state.account(keyOf(address)) ?? EMPTY_ACCOUNT;
    this.#state.setAccount(keyOf(address), {
      nonce: fields.nonce ?? account.nonce,
      balance: fields.balance ?? account.balance,
      storageRoot: fields.storageRoot ?? account.storageRoot,
      codeHash: fields.codeHash ?? account.codeHash,
    });
  }

  async putCode(address: LibraryAddress, code: Uint8Array): Promise<void> {
    this.#state.setCode(keyOf(address), code);
  }

  async getCode(address: LibraryAddress): Promise<Uint8Array> {
    return this.#state.code(keyOf(address));
  }

  async getCodeSize(address: LibraryAddress): Promise<number> {
    return this.#state.code(keyOf(address)).length;
  }

  async getStorage(address: LibraryAddress, slot: Uint8Array): Promise<Uint8Array> {
    return this.#state.slot(keyOf(address), toHex(slot) as Hash);
  }

  async putStorage(address: LibraryAddress, slot: Uint8Array, value: Uint8Array): Promise<void> {
    this.#state.setSlot(keyOf(address), toHex(slot) as Hash, value);
  }

  async clearStorage(address: LibraryAddress): Promise<void> {
    this.#state.clearStorage(keyOf(address));
  }

  /** Every message call passes here, so that deep recursion lets the event loop run as loops do (see `environment.ts`). */
  async checkpoint(): Promise<void> {
    if (this.#pacer.due) await this.#pacer.rest();
    this.#state.checkpoint();
  }

  async commit(): Promise<void> {
    this.#state.commit();
  }

  async revert(): Promise<void> {
    this.#state.revert();
  }

  clearCaches(): void {}

  /** Asked for the library's own receipts from before byzantium, which nobody reads: `block-run.ts` makes ours. */
  async getStateRoot(): Promise<Uint8Array> {
    return NO_ROOT;
  }

  setStateRoot(): Promise<void> {
    return unused('setStateRoot');
  }

  hasStateRoot(): Promise<boolean> {
    return unused('hasStateRoot');
  }

  shallowCopy(): StateManagerInterface {
    throw unusable('shallowCopy');
  }
}

function keyOf(address: LibraryAddress): Address {
  return toHex(address.bytes) as Address;
}

/** Roots are WorldState's business, once a block; nothing in the library's runTx or EVM sets or looks for one. */
async function unused(method: string): Promise<never> {
  throw unusable(method);
}

function unusable(method: string): InternalError {
  return new InternalError('internal/state-manager', `The EVM called ${method}, which synod never needs of it.`);
}
