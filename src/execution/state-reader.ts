/**
 * Reads of any state that the store still has, named by its root: what RPC, the mempool and proofs ask for. Synchronous,
 * since the store is; a read costs as many nodes as the trie is deep, whatever the length of the chain.
 */
import { RLP } from '@ethereumjs/rlp';
import { BoundedMap } from '../base/bounded.ts';
import { bigToFixed, bytesToBig, fromHex, hashOf } from '../base/bytes.ts';
import { RuleError, StorageError } from '../base/errors.ts';
import { type Address, type Hash, ZERO_HASH } from '../base/types.ts';
import { EMPTY_TRIE_ROOT, type Header } from '../chain/header.ts';
import { type AccountState, decodeAccount, EMPTY_ACCOUNT, hasCode } from './account.ts';
import { keccak256 } from './keccak.ts';
import { Trie } from './trie.ts';
import type { StateSource } from './types.ts';

export interface AccountView {
  readonly nonce: bigint;
  /** Wei. */
  readonly balance: bigint;
  readonly codeHash: Hash;
  readonly storageRoot: Hash;
}

/** EIP-1186. The proofs hold for accounts and slots that are absent too. */
export interface AccountProof {
  readonly account: AccountView;
  readonly accountProof: readonly Uint8Array[];
  /** In the order of the slots that were asked for. */
  readonly storage: readonly { readonly value: bigint; readonly proof: readonly Uint8Array[] }[];
}

/** Walks through tries, each of which may leave some nodes in memory, 2 kB apiece. */
const MAX_KEPT_READS = 2_000;
/** Accounts of the same state, half a kilobyte apiece: a walk takes ten times as long as everything else that a balance costs. */
const MAX_KEPT_ACCOUNTS = 10_000;

/** The state that was read last, as far as it was: wallets ask for that of the head again and again. */
interface KeptState {
  readonly root: Hash;
  readonly accounts: BoundedMap<Address, AccountState | null>;
  /** Begun anew after so many reads. Storage by its root. */
  trie: Trie;
  storage: Map<Hash, Trie>;
  reads: number;
}

/** Every method throws RuleError state/missing when that state is not kept: the asker's misfortune, not a broken store. */
export class StateReader {
  readonly #source: StateSource;
  /** Named by its root, so it cannot be out of date. */
  #kept: KeptState | null = null;

  constructor(source: StateSource) {
    this.#source = source;
  }

  /** Undefined when there is no such account in the state after this block. */
  account(header: Pick<Header, 'stateRoot'>, address: Address): AccountView | undefined {
    const account = this.#read(header, () => this.#account(header.stateRoot, address));
    return account === undefined ? undefined : viewOf(account);
  }

  /** 32 bytes; zero when empty. */
  storage(header: Pick<Header, 'stateRoot'>, address: Address, slot: Hash): Hash {
    return this.#read(header, () => {
      const account = this.#account(header.stateRoot, address);
      if (account === undefined) return ZERO_HASH;
      return hashOf(bigToFixed(valueAt(this.#keptStorage(header.stateRoot, account), slot), 32));
    });
  }

  /** Empty when there is none. */
  code(header: Pick<Header, 'stateRoot'>, address: Address): Uint8Array {
    return this.#read(header, () => {
      const account = this.#account(header.stateRoot, address);
      if (account === undefined || !hasCode(account)) return new Uint8Array(0);
      const hash = hashOf(account.codeHash);
      const code = this.#source.code(hash);
      if (code === undefined) throw new StorageError('execution/state-missing', `The code ${hash} is not in the store.`, { hash });
      return code;
    });
  }

  proof(header: Pick<Header, 'stateRoot'>, address: Address, slots: readonly Hash[]): AccountProof {
    return this.#read(header, () => {
      const trie = new Trie(this.#source, header.stateRoot);
      const key = keccak256(fromHex(address));
      const bytes = trie.get(key);
      const account = bytes === undefined ? EMPTY_ACCOUNT : decodeAccount(bytes);
      const storage = this.#storageTrie(account);
      return {
        account: viewOf(account),
        accountProof: trie.prove(key),
        storage: slots.map((slot) => ({ value: valueAt(storage, slot), proof: storage.prove(keccak256(fromHex(slot))) })),
      };
    });
  }

  #account(root: Hash, address: Address): AccountState | undefined {
    const { accounts } = this.#state(root);
    const known = accounts.get(address);
    if (known !== undefined) return known ?? undefined;
    const bytes = this.#walked(root).trie.get(keccak256(fromHex(address)));
    const account = bytes === undefined ? null : decodeAccount(bytes);
    accounts.set(address, account);
    return account ?? undefined;
  }

  #keptStorage(root: Hash, account: AccountState): Trie {
    const { storage } = this.#walked(root);
    const storageRoot = hashOf(account.storageRoot);
    const trie = storage.get(storageRoot) ?? new Trie(this.#source, storageRoot);
    storage.set(storageRoot, trie);
    return trie;
  }

  /** For one walk through a trie. */
  #walked(root: Hash): KeptState {
    const state = this.#state(root);
    if (state.reads >= MAX_KEPT_READS) Object.assign(state, this.#unread(root));
    state.reads++;
    return state;
  }

  #state(root: Hash): KeptState {
    if (this.#kept?.root !== root) this.#kept = { root, accounts: new BoundedMap(MAX_KEPT_ACCOUNTS), ...this.#unread(root) };
    return this.#kept;
  }

  #unread(root: Hash): Pick<KeptState, 'trie' | 'storage' | 'reads'> {
    return { trie: new Trie(this.#source, root), storage: new Map(), reads: 0 };
  }

  #storageTrie(account: AccountState): Trie {
    return new Trie(this.#source, hashOf(account.storageRoot));
  }

  /** Tells a state that was given up from a store that has holes: the first lacks its very root. */
  #read<T>({ stateRoot }: Pick<Header, 'stateRoot'>, read: () => T): T {
    const isKnown = stateRoot === EMPTY_TRIE_ROOT || stateRoot === this.#kept?.root;
    if (!isKnown && this.#source.node(stateRoot) === undefined) {
      throw new RuleError('state/missing', `missing trie node ${stateRoot}: the state of this block is not kept by this node.`, {
        stateRoot,
      });
    }
    return read();
  }
}

function valueAt(trie: Trie, slot: Hash): bigint {
  const bytes = trie.get(keccak256(fromHex(slot)));
  if (bytes === undefined) return 0n;
  const value = RLP.decode(bytes);
  if (!(value instanceof Uint8Array)) throw new StorageError('execution/state-corrupt', 'A storage slot holds a list.');
  return bytesToBig(value);
}

function viewOf({ nonce, balance, codeHash, storageRoot }: AccountState): AccountView {
  return { nonce, balance, codeHash: hashOf(codeHash), storageRoot: hashOf(storageRoot) };
}
