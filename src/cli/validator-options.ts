/** Options and arguments that the validator's commands share. The node has the same names for the same things. */
import type { Command } from 'commander';
import { PUBLIC_KEY_BYTES, type PublicKey } from '../base/signatures.ts';
import { quote } from '../base/types.ts';
import { listValidators, type ValidatorFile, validatorDirectory } from '../wallet/validator-directory.ts';
import { absolutePath, defaultDatadir } from './options.ts';
import { argumentError, warn } from './output.ts';

export interface ValidatorFlags {
  readonly datadir: string;
  readonly 'validators.dir'?: string;
}

/** What one command sends or shows at once. */
const MAX_NAMED_KEYS = 1_000;

export function addDatadirOption(command: Command): Command {
  return command.option('--datadir <directory>', 'where the node and its keys live', absolutePath, defaultDatadir());
}

export function addDirectoryOption(command: Command): Command {
  return command.option('--validators.dir <directory>', 'where the key files are (default: validators in the datadir)', absolutePath);
}

export function directoryOf(flags: ValidatorFlags): string {
  return flags['validators.dir'] ?? validatorDirectory(flags.datadir);
}

/** For commander: each of the arguments. */
export function publicKeysArgument(text: string, before: readonly PublicKey[] | undefined): readonly PublicKey[] {
  const keys = [...(before ?? []), parsePublicKey(text)];
  if (keys.length > MAX_NAMED_KEYS) throw argumentError('publicKey', `At most ${MAX_NAMED_KEYS} keys can be named at once.`);
  if (new Set(keys).size < keys.length) throw argumentError('publicKey', `The key ${quote(text)} is named twice.`);
  return keys;
}

export function parsePublicKey(text: string): PublicKey {
  const digits = new RegExp(`^(?:0x)?([0-9a-f]{${2 * PUBLIC_KEY_BYTES}})$`, 'i').exec(text.trim())?.[1];
  if (digits === undefined)
    throw argumentError('publicKey', `A validator's public key is 0x and ${2 * PUBLIC_KEY_BYTES} hex digits, unlike ${quote(text)}.`);
  return `0x${digits.toLowerCase()}`;
}

export async function localValidators(flags: ValidatorFlags): Promise<readonly ValidatorFile[]> {
  const { validators, unreadable } = await listValidators(directoryOf(flags));
  for (const { path, reason } of unreadable) warn(`${path} was left out. ${reason}`);
  return validators;
}
