/** From a directory of key files to what an engine signs with: locked against other processes first, then opened. */
import { UsageError } from '../base/errors.ts';
import type { PublicKey, Signer } from '../base/signatures.ts';
import type { Hash } from '../base/types.ts';
import { blsSigner } from './bls.ts';
import { listValidators, unlockValidator, type ValidatorFile, type ValidatorListing } from './validator-directory.ts';
import { lockValidators } from './validator-lock.ts';

/** Each at the standard cost takes 256 MiB while it is opened. */
const OPENED_AT_ONCE = 2;

export interface OpenValidators {
  readonly signers: readonly Signer[];
  /** Files that were left out. */
  readonly unreadable: ValidatorListing['unreadable'];
  /** Lets other processes sign with these keys. The signers must not be used any more. */
  release(): void;
}

export interface ValidatorSource {
  readonly directory: string;
  /** Of all the files. Called only when there are any, and nobody else has them. */
  readonly password: (keys: readonly PublicKey[]) => Promise<string> | string;
  /** The hash of the network's genesis block. */
  readonly network: Hash;
  /** Where all processes of the machine look; the usual place when absent. */
  readonly lockDirectory?: string;
}

/**
 * Opens all keys of a directory, or none. Throws `wallet/no-validators`, `wallet/validator-locked`, `wallet/wrong-password`
 * and what else opening a key file throws.
 */
export async function openValidators({ directory, password, network, lockDirectory }: ValidatorSource): Promise<OpenValidators> {
  const { validators, unreadable } = await listValidators(directory);
  if (validators.length === 0) {
    const others = unreadable.length === 0 ? '' : ` (${unreadable.length} files there are none, such as ${unreadable[0]?.path})`;
    const message = `No validators' keys in ${directory}${others}. \`synod validator keys new\` makes some.`;
    throw new UsageError('wallet/no-validators', message, { directory });
  }
  const keys = validators.map(({ publicKey }) => publicKey);
  const { release } = lockValidators(keys, network, directory, lockDirectory);
  try {
    return { signers: await openAll(validators, await password(keys)), unreadable, release };
  } catch (error) {
    release();
    throw error;
  }
}

async function openAll(validators: readonly ValidatorFile[], password: string): Promise<Signer[]> {
  const signers: Signer[] = [];
  for (let i = 0; i < validators.length; i += OPENED_AT_ONCE) {
    const group = validators.slice(i, i + OPENED_AT_ONCE);
    signers.push(...(await Promise.all(group.map(({ path }) => openOne(path, password)))));
  }
  return signers;
}

async function openOne(path: string, password: string): Promise<Signer> {
  const secret = await unlockValidator(path, password);
  const signer = blsSigner(secret);
  secret.fill(0);
  return signer;
}
