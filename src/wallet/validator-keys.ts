/**
 * Keys of validators out of words: EIP-2333 (the tree of BLS12-381 keys) and EIP-2334 (which path is for what).
 *
 * The path is m/12381/3600/i/0/0, as all staking tools have it; there is no withdrawal key here, since stake goes back to
 * the account that deposited it. Error messages never contain the words or a key.
 */
import blst from '@chainsafe/blst';
import { mnemonicToSeedSync } from '@scure/bip39';
import { fromHex, toHex } from '../base/bytes.ts';
import { UsageError } from '../base/errors.ts';
import type { PublicKey } from '../base/signatures.ts';
import { checkMnemonic, DEV_MNEMONIC, MAX_ACCOUNTS } from './mnemonic.ts';

const PURPOSE = 12_381;
const COIN = 3_600;
/** EIP-2333 has 32 bits for a child. */
export const MAX_VALIDATOR_INDEX = 2 ** 32 - 1;
/** At once; as many as of accounts. */
export const MAX_VALIDATOR_KEYS = MAX_ACCOUNTS;

const SECRET_DIGITS = /^(?:0x)?([0-9a-f]{64})$/i;

export interface ValidatorKey {
  /** EIP-2334; empty for a key that was not derived. */
  readonly path: string;
  readonly publicKey: PublicKey;
  /** 32 bytes. */
  readonly secret: Uint8Array;
}

/**
 * `count` keys from index `first` on. The passphrase is BIP-39's optional extra word. Throws `wallet/bad-mnemonic` and
 * `wallet/out-of-range`.
 */
export function deriveValidatorKeys(mnemonic: string, count = 1, first = 0, passphrase = ''): ValidatorKey[] {
  if (!isWholeWithin(count, 1, MAX_VALIDATOR_KEYS)) throw outOfRange('number of keys', 1, MAX_VALIDATOR_KEYS);
  if (!isWholeWithin(first, 0, MAX_VALIDATOR_INDEX - count + 1)) throw outOfRange('index', 0, MAX_VALIDATOR_INDEX - count + 1);
  const master = blst.SecretKey.deriveMasterEip2333(mnemonicToSeedSync(checkMnemonic(mnemonic), passphrase));
  const parent = master.deriveChildEip2333(PURPOSE).deriveChildEip2333(COIN);
  return Array.from({ length: count }, (_, offset) => {
    const index = first + offset;
    // Account, then "withdrawal", then "signing".
    const key = parent.deriveChildEip2333(index).deriveChildEip2333(0).deriveChildEip2333(0);
    return {
      path: `m/${PURPOSE}/${COIN}/${index}/0/0`,
      publicKey: toHex(key.toPublicKey().toBytes()),
      secret: key.toBytes(),
    };
  });
}

/** The validators of test networks. Everybody knows their keys. */
export function devValidatorKeys(count: number, first = 0): ValidatorKey[] {
  return deriveValidatorKeys(DEV_MNEMONIC, count, first);
}

/** 64 hex digits, with or without 0x. Throws `wallet/bad-key`. */
export function parseValidatorSecret(text: string): Uint8Array {
  const digits = SECRET_DIGITS.exec(text.trim())?.[1];
  if (digits === undefined)
    throw badKey(`A validator's key is 64 hex digits, with or without 0x; this text has ${text.trim().length} characters.`);
  const secret = fromHex(`0x${digits}`);
  publicKeyOf(secret);
  return secret;
}

/** Throws `wallet/bad-key` unless the secret is a number from 1 to the order of the group less 1, in 32 bytes. */
export function publicKeyOf(secret: Uint8Array): PublicKey {
  if (secret.length !== 32) throw badKey(`A validator's key has 32 bytes; this one has ${secret.length}.`);
  let key: blst.SecretKey;
  try {
    key = blst.SecretKey.fromBytes(secret);
  } catch {
    throw badKey("The validator's key is zero or beyond the order of BLS12-381's group.");
  }
  return toHex(key.toPublicKey().toBytes());
}

function badKey(message: string): UsageError {
  return new UsageError('wallet/bad-key', message);
}

function isWholeWithin(value: number, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= min && value <= max;
}

function outOfRange(what: string, min: number, max: number): UsageError {
  return new UsageError('wallet/out-of-range', `The ${what} must be a whole number from ${min} to ${max}.`);
}
