/**
 * Keys out of words: BIP-39 (English list) for the words, BIP-32 and BIP-44 for the keys.
 *
 * The path is m/44'/60'/0'/0/i, which MetaMask, geth, anvil and Hardhat share, so that the same words give the same
 * accounts everywhere. Error messages never contain the words.
 */
import { HDKey } from '@scure/bip32';
import { generateMnemonic, mnemonicToSeedSync, validateMnemonic } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import { present } from '../base/assert.ts';
import { UsageError } from '../base/errors.ts';
import type { Address } from '../base/types.ts';
import { addressOfKey } from './private-key.ts';

const PARENT_PATH = "m/44'/60'/0'/0";
const WORD_COUNTS = [12, 15, 18, 21, 24] as const;
export type WordCount = (typeof WORD_COUNTS)[number];
/** Bits of entropy that one word stands for, its share of the checksum taken off (BIP-39). */
const ENTROPY_BITS_PER_WORD = 32 / 3;
/** BIP-32 keeps the higher half for hardened children. */
export const MAX_INDEX = 2 ** 31 - 1;
/** Each costs a point multiplication; nobody needs more at once. */
export const MAX_ACCOUNTS = 1000;

/** The words that anvil and Hardhat start with. Everybody knows their keys: they are for test networks only. */
export const DEV_MNEMONIC = 'test test test test test test test test test test test junk';

export interface DerivedAccount {
  readonly index: number;
  readonly address: Address;
  /** 32 bytes. */
  readonly privateKey: Uint8Array;
}

export function newMnemonic(words: WordCount = 12): string {
  return generateMnemonic(wordlist, words * ENTROPY_BITS_PER_WORD);
}

/** The words in their one canonical spelling. Throws `wallet/bad-mnemonic`. */
export function checkMnemonic(text: string): string {
  const words = text.normalize('NFKD').trim().toLowerCase().split(/\s+/);
  if (!WORD_COUNTS.some((count) => count === words.length))
    throw badMnemonic(`A mnemonic has 12, 15, 18, 21 or 24 words, but this one has ${words.length}.`);
  const unknown = words.findIndex((word) => !wordlist.includes(word));
  if (unknown >= 0) throw badMnemonic(`Word ${unknown + 1} of the mnemonic is not in the English list of BIP-39.`);
  const mnemonic = words.join(' ');
  if (!validateMnemonic(mnemonic, wordlist))
    throw badMnemonic('The checksum of the mnemonic is wrong: a word is mistaken, or two changed places.');
  return mnemonic;
}

/** `count` accounts from index `first` on. The passphrase is BIP-39's optional extra word. */
export function deriveAccounts(mnemonic: string, count = 1, first = 0, passphrase = ''): DerivedAccount[] {
  if (!isWholeWithin(count, 1, MAX_ACCOUNTS)) throw outOfRange('number of accounts', 1, MAX_ACCOUNTS);
  if (!isWholeWithin(first, 0, MAX_INDEX - count + 1)) throw outOfRange('account index', 0, MAX_INDEX - count + 1);
  const parent = HDKey.fromMasterSeed(mnemonicToSeedSync(checkMnemonic(mnemonic), passphrase)).derive(PARENT_PATH);
  return Array.from({ length: count }, (_, offset) => {
    const index = first + offset;
    const privateKey = present(parent.deriveChild(index).privateKey, 'the private key of a privately derived child');
    return { index, address: addressOfKey(privateKey), privateKey };
  });
}

/** The funded accounts of a test network. */
export function devAccounts(mnemonic: string = DEV_MNEMONIC, count = 10): DerivedAccount[] {
  return deriveAccounts(mnemonic, count);
}

function badMnemonic(message: string): UsageError {
  return new UsageError('wallet/bad-mnemonic', message);
}

function isWholeWithin(value: number, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= min && value <= max;
}

function outOfRange(what: string, min: number, max: number): UsageError {
  return new UsageError('wallet/out-of-range', `The ${what} must be a whole number from ${min} to ${max}.`);
}
