/** An account as the state trie holds it: RLP of nonce, balance, storage root and code hash (Yellow Paper 4.1). */
import { RLP } from '@ethereumjs/rlp';
import { bigToBytes, bytesToBig, equalBytes, fromHex } from '../base/bytes.ts';
import { StorageError } from '../base/errors.ts';
import type { Hash } from '../base/types.ts';
import { EMPTY_TRIE_ROOT } from '../chain/header.ts';

/** Never changed in place. Hashes stay bytes here, since they mostly travel between the trie and the EVM. */
export interface AccountState {
  readonly nonce: bigint;
  /** Wei. */
  readonly balance: bigint;
  readonly storageRoot: Uint8Array;
  readonly codeHash: Uint8Array;
}

/** keccak256 of no bytes. */
export const EMPTY_CODE_HASH = '0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470' as Hash;
export const EMPTY_CODE_HASH_BYTES = fromHex(EMPTY_CODE_HASH);
export const EMPTY_STORAGE_ROOT_BYTES = fromHex(EMPTY_TRIE_ROOT);

export const EMPTY_ACCOUNT: AccountState = {
  nonce: 0n,
  balance: 0n,
  storageRoot: EMPTY_STORAGE_ROOT_BYTES,
  codeHash: EMPTY_CODE_HASH_BYTES,
};

export function encodeAccount({ nonce, balance, storageRoot, codeHash }: AccountState): Uint8Array {
  return RLP.encode([bigToBytes(nonce), bigToBytes(balance), storageRoot, codeHash]);
}

export function decodeAccount(bytes: Uint8Array): AccountState {
  const fields = RLP.decode(bytes);
  const [nonce, balance, storageRoot, codeHash] = fields;
  const whole = nonce instanceof Uint8Array && balance instanceof Uint8Array && storageRoot instanceof Uint8Array;
  if (!whole || !(codeHash instanceof Uint8Array)) {
    throw new StorageError('execution/state-corrupt', 'A leaf of the state trie is not an account; the store cannot be trusted.');
  }
  return { nonce: bytesToBig(nonce), balance: bytesToBig(balance), storageRoot, codeHash };
}

export function hasCode(account: AccountState): boolean {
  return !equalBytes(account.codeHash, EMPTY_CODE_HASH_BYTES);
}

/** EIP-161: an account that is touched and empty in the end is removed. */
export function isEmpty(account: AccountState): boolean {
  return account.nonce === 0n && account.balance === 0n && !hasCode(account);
}
