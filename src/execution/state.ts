/**
 * The state while one block (or one call) is executed: what was written, over the tries that stand at the parent's root.
 *
 * All of it is synchronous and in memory until `finish`, which updates each trie once. Every write leaves its own undo
 * behind, so a checkpoint is only a position in the list of undos. The invariant that makes reverts simple: `#accounts`
 * and `#storage` hold writes only; what was merely read lives in the tries, which never go back.
 */
import { assert, present } from '../base/assert.ts';
import { fromHex, toHex } from '../base/bytes.ts';
import { StorageError } from '../base/errors.ts';
import type { Address, Hash } from '../base/types.ts';
import { encodeRlp } from '../chain/rlp.ts';
import { type AccountState, decodeAccount, EMPTY_ACCOUNT, EMPTY_STORAGE_ROOT_BYTES, encodeAccount, hasCode } from './account.ts';
import { keccak256 } from './keccak.ts';
import { Pacer, paced } from './pacer.ts';
import { corrupt, decodeStored } from './stored.ts';
import { type NodeSink, type RecentTries, Trie } from './trie.ts';
import type { StateSource } from './types.ts';

/** Values without leading zeros; the empty one is zero. Keys are whole 32-byte slots. */
type Slots = Map<Hash, Uint8Array>;

export interface StateChange {
  readonly root: Hash;
  readonly nodes: ReadonlyMap<Hash, Uint8Array>;
  readonly codes: ReadonlyMap<Hash, Uint8Array>;
}

const EMPTY = new Uint8Array(0);

export class WorldState {
  readonly #source: StateSource;
  readonly #recent: RecentTries | undefined;
  readonly #trie: Trie;
  /** By root: content-addressed, so one that was read stays right whatever becomes of its account. */
  readonly #storageTries = new Map<Hash, Trie>();
  /** What was read, decoded. */
  readonly #loaded = new Map<Address, AccountState | null>();
  /** What was written; null: removed. */
  readonly #accounts = new Map<Address, AccountState | null>();
  readonly #storage = new Map<Address, Slots>();
  readonly #codes = new Map<Hash, Uint8Array>();
  readonly #undos: (() => void)[] = [];
  readonly #checkpoints: number[] = [];

  constructor(source: StateSource, root: Hash, recent?: RecentTries) {
    this.#source = source;
    this.#recent = recent;
    this.#trie = new Trie(source, root, recent);
  }

  /** Null when there is no such account. Throws StorageError when the state is not in the store. */
  account(address: Address): AccountState | null {
    const written = this.#accounts.get(address);
    if (written !== undefined) return written;
    const known = this.#loaded.get(address);
    if (known !== undefined) return known;
    const bytes = this.#trie.get(keccak256(fromHex(address)));
    const account = bytes === undefined ? null : decodeAccount(bytes);
    this.#loaded.set(address, account);
    return account;
  }

  setAccount(address: Address, account: AccountState): void {
    this.#write(this.#accounts, address, account);
  }

  /** With its storage. */
  removeAccount(address: Address): void {
    this.#write(this.#accounts, address, null);
    if (this.#storage.has(address)) this.#write(this.#storage, address, new Map());
  }

  slot(address: Address, slot: Hash): Uint8Array {
    const written = this.#storage.get(address)?.get(slot);
    if (written !== undefined) return written;
    const account = this.account(address);
    if (account === null) return EMPTY;
    const value = this.#storageTrie(account).get(keccak256(fromHex(slot)));
    return value === undefined ? EMPTY : decodeValue(value);
  }

  /** Leading zeros of the value are dropped. */
  setSlot(address: Address, slot: Hash, value: Uint8Array): void {
    const account = this.account(address);
    assert(account !== null, 'an account exists before its storage is written');
    let slots = this.#storage.get(address);
    if (slots === undefined) {
      slots = new Map();
      this.#write(this.#storage, address, slots);
    }
    this.#write(slots, slot, withoutLeadingZeros(value));
    // The account's leaf changes with its storage root, so it counts as written.
    if (!this.#accounts.has(address)) this.setAccount(address, account);
  }

  clearStorage(address: Address): void {
    const account = this.account(address);
    if (account === null) return;
    this.#write(this.#storage, address, new Map());
    this.setAccount(address, { ...account, storageRoot: EMPTY_STORAGE_ROOT_BYTES });
  }

  code(address: Address): Uint8Array {
    const account = this.account(address);
    if (account === null || !hasCode(account)) return EMPTY;
    const hash = toHex(account.codeHash) as Hash;
    const code = this.#codes.get(hash) ?? this.#source.code(hash);
    if (code === undefined) {
      throw new StorageError('execution/state-missing', `The code ${hash} of ${address} is not in the store.`, { hash });
    }
    return code;
  }

  /** Makes the account when there is none. */
  setCode(address: Address, code: Uint8Array): void {
    const codeHash = keccak256(code);
    this.#codes.set(toHex(codeHash) as Hash, code);
    this.setAccount(address, { ...(this.account(address) ?? EMPTY_ACCOUNT), codeHash });
  }

  checkpoint(): void {
    this.#checkpoints.push(this.#undos.length);
  }

  commit(): void {
    present(this.#checkpoints.pop(), 'a checkpoint to commit');
    if (this.#checkpoints.length === 0) this.#undos.length = 0;
  }

  revert(): void {
    const start = present(this.#checkpoints.pop(), 'a checkpoint to revert to');
    while (this.#undos.length > start) this.#undos.pop()?.();
  }

  /**
   * Updates the tries and hashes them: the new root, and exactly the nodes and codes that it needs and the store may lack.
   * Ends the use of this object.
   */
  async finish(pacer: Pacer = new Pacer()): Promise<StateChange> {
    assert(this.#checkpoints.length === 0, 'no checkpoint is open when a state is finished');
    const nodes = new Map<Hash, Uint8Array>();
    const codes = new Map<Hash, Uint8Array>();
    const sink: NodeSink = (hash, bytes) => nodes.set(hash, bytes);
    for (const [address, account] of this.#accounts) {
      if (pacer.due) await pacer.rest();
      const key = keccak256(fromHex(address));
      if (account === null) {
        this.#trie.delete(key);
        continue;
      }
      const storageRoot = await this.#finishStorage(address, account, sink, pacer);
      this.#trie.put(key, encodeAccount({ ...account, storageRoot }));
      const codeHash = toHex(account.codeHash) as Hash;
      const code = this.#codes.get(codeHash);
      if (code !== undefined && code.length > 0) codes.set(codeHash, code);
    }
    return { root: await paced(this.#trie.commitSteps(sink), pacer), nodes, codes };
  }

  async #finishStorage(address: Address, account: AccountState, sink: NodeSink, pacer: Pacer): Promise<Uint8Array> {
    const slots = this.#storage.get(address);
    if (slots === undefined || slots.size === 0) return account.storageRoot;
    // A trie of its own: two accounts may share a root, and each writes its own values.
    const trie = new Trie(this.#source, toHex(account.storageRoot) as Hash, this.#recent);
    for (const [slot, value] of slots) {
      if (pacer.due) await pacer.rest();
      const key = keccak256(fromHex(slot));
      if (value.length === 0) trie.delete(key);
      else trie.put(key, encodeRlp(value));
    }
    return fromHex(await paced(trie.commitSteps(sink), pacer));
  }

  #storageTrie(account: AccountState): Trie {
    const root = toHex(account.storageRoot) as Hash;
    let trie = this.#storageTries.get(root);
    if (trie === undefined) {
      trie = new Trie(this.#source, root, this.#recent);
      this.#storageTries.set(root, trie);
    }
    return trie;
  }

  #write<K, V>(map: Map<K, V>, key: K, value: V): void {
    if (this.#checkpoints.length > 0) {
      const before = map.get(key);
      const existed = before !== undefined || map.has(key);
      this.#undos.push(() => {
        if (existed) map.set(key, before as V);
        else map.delete(key);
      });
    }
    map.set(key, value);
  }
}

function withoutLeadingZeros(value: Uint8Array): Uint8Array {
  let start = 0;
  while (start < value.length && value[start] === 0) start++;
  return value.subarray(start);
}

function decodeValue(bytes: Uint8Array): Uint8Array {
  const value = decodeStored(bytes, 'storage slot');
  if (!(value instanceof Uint8Array)) throw corrupt('a list where a storage slot should be');
  return value;
}
