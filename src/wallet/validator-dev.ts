/**
 * Validators of test networks, whose keys everybody knows who knows the network's words. Their files are cheap to open,
 * because there is nothing to protect.
 */
import { join } from 'node:path';
import type { PublicKey } from '../base/signatures.ts';
import type { ScryptCost } from './key-derivation.ts';
import { writeKeyFile } from './key-files.ts';
import { listValidators, storeValidators, validatorDirectory } from './validator-directory.ts';
import type { ValidatorKey } from './validator-keys.ts';

/** About two milliseconds for each file. */
export const DEV_COST: ScryptCost = { n: 2 ** 10, r: 8, p: 1 };
export const DEV_PASSWORD = 'synod';
const PASSWORD_FILE = 'validators-password';

export interface DevValidators {
  readonly publicKeys: readonly PublicKey[];
  /** For `--validators.dir`; the default of a node with this datadir. */
  readonly directory: string;
  /** For `--validators.password`. */
  readonly passwordFile: string;
}

/** Makes the files of one node in its datadir; those that are there already are left as they are. */
export async function createDevValidators(datadir: string, keys: readonly ValidatorKey[]): Promise<DevValidators> {
  const directory = validatorDirectory(datadir);
  const known = new Set((await listValidators(directory)).validators.map(({ publicKey }) => publicKey));
  const missing = keys.filter(({ publicKey }) => !known.has(publicKey));
  await storeValidators(directory, missing, DEV_PASSWORD, { cost: DEV_COST });
  const passwordFile = await writeKeyFile(datadir, PASSWORD_FILE, `${DEV_PASSWORD}\n`);
  return { publicKeys: keys.map(({ publicKey }) => publicKey), directory, passwordFile };
}

export function devPasswordFile(datadir: string): string {
  return join(datadir, PASSWORD_FILE);
}
