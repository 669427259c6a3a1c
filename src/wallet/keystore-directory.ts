/**
 * A directory of key files, laid out as geth's: one file for each account, `UTC--<time>--<address>`.
 *
 * Files have mode 0600 in a directory of mode 0700. A file appears whole or not at all: it is written under another
 * name, synced, and renamed. Nothing is ever overwritten or deleted.
 */
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../base/errors.ts';
import { Address } from '../base/types.ts';
import type { ScryptCost } from './key-derivation.ts';
import { decryptKey, encryptKey, type Keystore, MAX_KEYSTORE_BYTES, parseKeystore } from './keystore.ts';
import { addressOfKey, checksummed } from './private-key.ts';

const MAX_FILES = 10_000;
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
  for (const name of await fileNames(directory)) {
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
  return parseKeystore(await readText(path));
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
  const path = join(directory, fileName(address, now));
  await ensureDirectory(directory);
  await writeWhole(directory, path, text);
  return { address, path };
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

async function fileNames(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    // Editors' backups and our own unfinished files are no key files.
    const names = entries.filter((entry) => !entry.isDirectory() && !/^\.|~$/.test(entry.name)).map((entry) => entry.name);
    if (names.length > MAX_FILES)
      throw new UsageError('wallet/keystore-io', `${directory} holds ${names.length} files, more than ${MAX_FILES}; is it a keystore?`, {
        directory,
      });
    return names.sort();
  } catch (error) {
    if (isAbsent(error)) return [];
    throw ioError(`Cannot read the keystore directory ${directory}`, directory, error);
  }
}

async function readText(path: string): Promise<string> {
  try {
    const about = await stat(path);
    // Opening a pipe would wait for somebody to write.
    if (!about.isFile() || about.size > MAX_KEYSTORE_BYTES)
      throw new UsageError('wallet/keystore-io', `${path} is not a file of at most ${MAX_KEYSTORE_BYTES} bytes, so it is no key file.`, {
        path,
      });
    await using file = await open(path);
    return await file.readFile('utf8');
  } catch (error) {
    throw ioError(`Cannot read the key file ${path}`, path, error);
  }
}

async function ensureDirectory(directory: string): Promise<void> {
  try {
    const created = await mkdir(directory, { recursive: true, mode: 0o700 });
    // The mode of mkdir is subject to the umask; that of a directory which was there before is its owner's business.
    if (created !== undefined) await chmod(directory, 0o700);
  } catch (error) {
    throw ioError(`Cannot create the keystore directory ${directory}`, directory, error);
  }
}

async function writeWhole(directory: string, path: string, text: string): Promise<void> {
  const unfinished = join(directory, `.unfinished-${randomUUID()}`);
  try {
    {
      await using file = await open(unfinished, 'wx', 0o600);
      await file.writeFile(text);
      await file.sync();
    }
    await rename(unfinished, path);
    // The new name is durable only once its directory is.
    await using parent = await open(directory);
    await parent.sync();
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => undefined);
    throw ioError(`Cannot write the key file ${path}; no account was added`, path, error);
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function ioError(message: string, path: string, error: unknown): UsageError {
  return error instanceof UsageError ? error : new UsageError('wallet/keystore-io', message, { path }, error);
}
