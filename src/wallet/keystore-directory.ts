/**
 * A directory of key files, laid out as geth's: one file for each account, `UTC--<time>--<address>`.
 * Nothing is ever overwritten or deleted.
 */
import { join } from 'node:path';
import { UsageError } from '../base/errors.ts';
import { Address } from '../base/types.ts';
import type { ScryptCost } from './key-derivation.ts';
import { keyFileNames, readKeyFile, writeKeyFile } from './key-files.ts';
import { decryptKey, encryptKey, type Keystore, parseKeystore } from './keystore.ts';
import { addressOfKey, checksummed } from './private-key.ts';

const FILE_NAME = /^UTC--.+--([0-9a-f]{40})$/i;

export interface Account {
  readonly address: Address;
  /** Of its key file. */
  readonly path: string;
}

export interface Listing {
  /** By file name, and so by age. */
  readonly accounts: readonly Account[];
  /** Files that are no key files; they hide no others. */
  readonly unreadable: readonly { readonly path: string; readonly reason: string }[];
}

/** Empty when the directory does not exist yet. Throws `wallet/keystore-io`. */
export async function listAccounts(directory: string): Promise<Listing> {
  const accounts: Account[] = [];
  const unreadable: { path: string; reason: string }[] = [];
  for (const name of await keyFileNames(directory)) {
    const path = join(directory, name);
    try {
      const address = (await readKeystore(path)).address ?? addressInName(name);
      if (address === undefined) unreadable.push({ path, reason: 'Neither the file nor its name says the address.' });
      else accounts.push({ address, path });
    } catch (error) {
      unreadable.push({ path, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  return { accounts, unreadable };
}

/** Throws `wallet/unknown-account` and `wallet/ambiguous-account`. */
export async function findAccount(directory: string, address: Address): Promise<Account> {
  const matches = (await listAccounts(directory)).accounts.filter((account) => account.address === address);
  const [first, second] = matches;
  if (first === undefined) {
    const message = `No key of ${checksummed(address)} in ${directory}. \`synod wallet list\` shows those that are there.`;
    throw new UsageError('wallet/unknown-account', message, { address, directory });
  }
  if (second !== undefined) {
    const message = `${matches.length} files in ${directory} claim to hold the key of ${checksummed(address)}, such as ${first.path} and ${second.path}. Move all but one away.`;
    throw new UsageError('wallet/ambiguous-account', message, { address, directory });
  }
  return first;
}

/** The private key in a file. Throws as `readKeystore` and `decryptKey` do. */
export async function unlock(path: string, password: string): Promise<Uint8Array> {
  return decryptKey(await readKeystore(path), password);
}

/** Throws `wallet/keystore-malformed`, `wallet/keystore-unsupported` and `wallet/keystore-io`. */
export async function readKeystore(path: string): Promise<Keystore> {
  return parseKeystore(await readKeyFile(path));
}

export interface StoreOptions {
  readonly cost?: ScryptCost;
  readonly now?: Date;
}

/** Encrypts a key into a new file. Throws `wallet/account-exists` and `wallet/keystore-io`. */
export async function storeKey(directory: string, privateKey: Uint8Array, password: string, options: StoreOptions = {}): Promise<Account> {
  const { cost, now = new Date() } = options;
  const address = addressOfKey(privateKey);
  const known = (await listAccounts(directory)).accounts.find((account) => account.address === address);
  if (known !== undefined) {
    const message = `The key of ${checksummed(address)} is already there: ${known.path}. It was left as it is.`;
    throw new UsageError('wallet/account-exists', message, { address, path: known.path });
  }
  const text = await encryptKey(privateKey, password, cost);
  return { address, path: await writeKeyFile(directory, fileName(address, now), text) };
}

/** geth's form, whose clock has nanoseconds; colons are not allowed in the file names of every system. */
function fileName(address: Address, now: Date): string {
  const time = now.toISOString().replace('Z', '000000Z').replaceAll(':', '-');
  return `UTC--${time}--${address.slice(2)}`;
}

function addressInName(name: string): Address | undefined {
  const digits = FILE_NAME.exec(name)?.[1];
  return digits === undefined ? undefined : Address(`0x${digits}`);
}
