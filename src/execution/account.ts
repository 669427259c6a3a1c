/** An account as the state trie holds it: RLP of nonce, balance, storage root and code hash (Yellow Paper 4.1). */
import { bytesToBig, equalBytes, fromHex } from '../base/bytes.ts';
import type { Hash } from '../base/types.ts';
import { EMPTY_TRIE_ROOT } from '../chain/header.ts';
import { encodeRlp } from '../chain/rlp.ts';
import { corrupt, decodeStored } from './stored.ts';

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

const ACCOUNT_FIELDS = 4;

export function encodeAccount({ nonce, balance, storageRoot, codeHash }: AccountState): Uint8Array {
  return encodeRlp([nonce, balance, storageRoot, codeHash]);
}

/** Throws StorageError `execution/state-corrupt`. */
export function decodeAccount(bytes: Uint8Array): AccountState {
  const fields = decodeStored(bytes, 'account');
  if (!(fields instanceof Uint8Array) && fields.length === ACCOUNT_FIELDS) {
    const [nonce, balance, storageRoot, codeHash] = fields;
    const whole = nonce instanceof Uint8Array && balance instanceof Uint8Array && storageRoot instanceof Uint8Array;
    if (whole && codeHash instanceof Uint8Array) return { nonce: bytesToBig(nonce), balance: bytesToBig(balance), storageRoot, codeHash };
  }
  throw corrupt('no account');
}

export function hasCode(account: AccountState): boolean {
  return !equalBytes(account.codeHash, EMPTY_CODE_HASH_BYTES);
}

/** EIP-161: an account that is touched and empty in the end is removed. */
export function isEmpty(account: AccountState): boolean {
  return account.nonce === 0n && account.balance === 0n && !hasCode(account);
}
