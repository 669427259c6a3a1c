/**
 * A directory of validators' keys (`<datadir>/validators`): one EIP-2335 file for each, `<public key>.json`, or named as
 * another tool named it. Nothing is ever overwritten or deleted.
 */
import { join } from 'node:path';
import { UsageError } from '../base/errors.ts';
import type { PublicKey } from '../base/signatures.ts';
import type { ScryptCost } from './key-derivation.ts';
import { keyFileNames, readKeyFile, writeKeyFile } from './key-files.ts';
import type { ValidatorKey } from './validator-keys.ts';
import { decryptValidatorKey, encryptValidatorKey, parseValidatorKeystore, type ValidatorKeystore } from './validator-keystore.ts';

export interface ValidatorFile {
  readonly publicKey: PublicKey;
  /** Of its key file. */
  readonly path: string;
}

export interface ValidatorListing {
  /** By file name. Each key once. */
  readonly validators: readonly ValidatorFile[];
  /** Files that are no key files, or repeat a key; they hide no others. */
  readonly unreadable: readonly { readonly path: string; readonly reason: string }[];
}

export function validatorDirectory(datadir: string): string {
  return join(datadir, 'validators');
}

/** Empty when the directory does not exist yet. Throws `wallet/keystore-io`. */
export async function listValidators(directory: string): Promise<ValidatorListing> {
  const found = new Map<PublicKey, string>();
  const unreadable: { path: string; reason: string }[] = [];
  for (const name of await keyFileNames(directory)) {
    const path = join(directory, name);
    try {
      const { publicKey } = await readValidatorKeystore(path);
      const other = publicKey === undefined ? undefined : found.get(publicKey);
      if (publicKey === undefined) unreadable.push({ path, reason: 'It does not say its public key (pubkey).' });
      else if (other !== undefined) unreadable.push({ path, reason: `It has the same key as ${other}.` });
      else found.set(publicKey, path);
    } catch (error) {
      unreadable.push({ path, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  return { validators: [...found].map(([publicKey, path]) => ({ publicKey, path })), unreadable };
}

/** Throws `wallet/unknown-validator`. */
export async function findValidator(directory: string, publicKey: PublicKey): Promise<ValidatorFile> {
  const found = (await listValidators(directory)).validators.find((validator) => validator.publicKey === publicKey);
  if (found !== undefined) return found;
  const message = `No key of the validator ${publicKey} in ${directory}. \`synod validator keys list\` shows those that are there.`;
  throw new UsageError('wallet/unknown-validator', message, { publicKey, directory });
}

/** Throws `wallet/keystore-malformed`, `wallet/keystore-unsupported` and `wallet/keystore-io`. */
export async function readValidatorKeystore(path: string): Promise<ValidatorKeystore> {
  return parseValidatorKeystore(await readKeyFile(path));
}

/** The 32 bytes of the key in a file. Throws as `readValidatorKeystore` and `decryptValidatorKey` do, naming the file. */
export async function unlockValidator(path: string, password: string): Promise<Uint8Array> {
  const keystore = await readValidatorKeystore(path);
  try {
    return await decryptValidatorKey(keystore, password);
  } catch (error) {
    // With many files and one password it matters which one.
    if (error instanceof UsageError && error.code === 'wallet/wrong-password')
      throw new UsageError(error.code, `The password does not open ${path} (or the file was damaged).`, { path });
    throw error;
  }
}

export interface StoreValidatorsOptions {
  readonly cost?: ScryptCost;
  /** Each of the files takes about a second at the standard cost. */
  readonly onStored?: (count: number) => void;
}

/**
 * Encrypts each key into a new file. Throws `wallet/validator-exists`, before the first is written, and
 * `wallet/keystore-io`.
 */
export async function storeValidators(
  directory: string,
  keys: readonly ValidatorKey[],
  password: string,
  options: StoreValidatorsOptions = {},
): Promise<ValidatorFile[]> {
  const known = new Map((await listValidators(directory)).validators.map(({ publicKey, path }) => [publicKey, path]));
  for (const { publicKey } of keys) {
    const path = known.get(publicKey);
    if (path !== undefined) {
      const message = `The key of the validator ${publicKey} is already there: ${path}. Nothing was written.`;
      throw new UsageError('wallet/validator-exists', message, { publicKey, path });
    }
    known.set(publicKey, 'named twice');
  }
  const stored: ValidatorFile[] = [];
  for (const { secret, publicKey, path } of keys) {
    const text = await encryptValidatorKey(secret, password, path, options.cost);
    stored.push({ publicKey, path: await writeKeyFile(directory, `${publicKey}.json`, text) });
    options.onStored?.(stored.length);
  }
  return stored;
}
