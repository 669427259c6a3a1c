/**
 * Reads of any state that the store still has, named by its root: what RPC, the mempool and proofs ask for. Synchronous,
 * since the store is; a read costs as many nodes as the trie is deep, whatever the length of the chain.
 */
import { RLP } from '@ethereumjs/rlp';
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

/** Each may leave some nodes in memory, 2 kB apiece. */
const MAX_KEPT_READS = 2_000;

/** Every method throws RuleError state/missing when that state is not kept: the asker's misfortune, not a broken store. */
export class StateReader {
  readonly #source: StateSource;
  /** The state that was read last, with its nodes that were read: wallets ask for that of the head again and again. */
  #kept: { readonly root: Hash; readonly trie: Trie; reads: number } | null = null;

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
      return hashOf(bigToFixed(valueAt(this.#storageTrie(account), slot), 32));
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
    const bytes = this.#trie(root).get(keccak256(fromHex(address)));
    return bytes === undefined ? undefined : decodeAccount(bytes);
  }

  #trie(root: Hash): Trie {
    if (this.#kept?.root !== root || this.#kept.reads >= MAX_KEPT_READS) {
      this.#kept = { root, trie: new Trie(this.#source, root), reads: 0 };
    }
    this.#kept.reads++;
    return this.#kept.trie;
  }

  #storageTrie(account: AccountState): Trie {
    return new Trie(this.#source, hashOf(account.storageRoot));
  }

  /** Tells a state that was given up from a store that has holes: the first lacks its very root. */
  #read<T>({ stateRoot }: Pick<Header, 'stateRoot'>, read: () => T): T {
    if (stateRoot !== EMPTY_TRIE_ROOT && this.#source.node(stateRoot) === undefined) {
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
