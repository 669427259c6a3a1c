/** `synod validator keys`: makes validators' keys, and moves them in and out of EIP-2335 files. */
import { basename, dirname } from 'node:path';
import { type Command, Option } from 'commander';
import { toHex } from '../base/bytes.ts';
import type { PublicKey } from '../base/signatures.ts';
import { LIGHT_COST, STANDARD_COST } from '../wallet/key-derivation.ts';
import { readKeyFile } from '../wallet/key-files.ts';
import { newMnemonic } from '../wallet/mnemonic.ts';
import { findValidator, readValidatorKeystore, storeValidators, unlockValidator } from '../wallet/validator-directory.ts';
import {
  deriveValidatorKeys,
  MAX_VALIDATOR_INDEX,
  MAX_VALIDATOR_KEYS,
  parseValidatorSecret,
  publicKeyOf,
  type ValidatorKey,
} from '../wallet/validator-keys.ts';
import { decryptValidatorKey, parseValidatorKeystore } from '../wallet/validator-keystore.ts';
import { integerOption } from './options.ts';
import { argumentError, note, openProgress, print, table } from './output.ts';
import { readHiddenLine, readPassword, readSecretFile, readSecretInput } from './prompt.ts';
import {
  addDatadirOption,
  addDirectoryOption,
  directoryOf,
  localValidators,
  parsePublicKey,
  type ValidatorFlags,
} from './validator-options.ts';
import { jsonOption } from './wallet-options.ts';

const KEYSTORE_HINT = 'Key files are those of EIP-2335, which all staking tools write and read.';
const ELSEWHERE = 'If they have signed elsewhere, stop that first and import its history: synod validator slashing-protection import';

/** Each takes about a second. */
const MIN_KEYS_FOR_PROGRESS = 5;

interface KeyFlags extends ValidatorFlags {
  readonly json?: boolean;
}

interface StoreFlags extends KeyFlags {
  readonly 'validators.password'?: string;
  readonly lightkdf?: boolean;
}

interface DeriveFlags extends StoreFlags {
  readonly index: number;
  readonly count: number;
}

interface StoredKey {
  readonly publicKey: PublicKey;
  readonly path: string;
  readonly file: string;
}

export function registerKeys(validator: Command): void {
  const keys = validator.command('keys').description("make validators' keys, and move them in and out");
  registerNew(keys);
  registerImport(keys);
  registerList(keys);
  registerExport(keys);
}

function addStoreOptions(command: Command): Command {
  return addDirectoryOption(addDatadirOption(command))
    .addOption(passwordOption())
    .option('--lightkdf', 'protect the key files with little work: quick to open, quick to guess; for test networks')
    .addOption(jsonOption());
}

function passwordOption(): Option {
  const what = 'take the password of the key files from the first line of a file instead of asking for it';
  return new Option('--password, --validators.password <file>', what);
}

function addDeriveOptions(command: Command): Command {
  return command
    .option('--count <number>', 'of words: how many keys to take', integerOption('count', 1, MAX_VALIDATOR_KEYS), 1)
    .option('--index <number>', 'of words: the first key to take', integerOption('index', 0, MAX_VALIDATOR_INDEX), 0);
}

async function store(keys: readonly ValidatorKey[], password: string, flags: StoreFlags): Promise<StoredKey[]> {
  const cost = flags.lightkdf === true ? LIGHT_COST : STANDARD_COST;
  const progress = keys.length < MIN_KEYS_FOR_PROGRESS ? null : openProgress('Key files', { total: keys.length });
  const files = await storeValidators(directoryOf(flags), keys, password, { cost, onStored: (count) => progress?.update(count) });
  progress?.end();
  return files.map(({ publicKey, path: file }, i) => ({ publicKey, path: keys[i]?.path ?? '', file }));
}

function newPassword(flags: StoreFlags): Promise<string> {
  return readPassword({ prompt: 'Password for the new key files', file: flags['validators.password'], isNew: true });
}

// ---- new -------------------------------------------------------------------------------------------------------

function registerNew(keys: Command): void {
  const command = keys
    .command('new')
    .description('make validators: words to write down, and a key file under a password for each')
    .addOption(new Option('--words <count>', 'how many words').choices(['12', '24']).default('24'));
  addStoreOptions(addDeriveOptions(command))
    .addHelpText(
      'after',
      `\n${KEYSTORE_HINT}\n\nExamples:\n  synod validator keys new\n  synod validator keys new --count 4 --password password.txt --json`,
    )
    .action(createKeys);
}

async function createKeys(flags: DeriveFlags & { words: '12' | '24' }): Promise<void> {
  const password = await newPassword(flags);
  const mnemonic = newMnemonic(flags.words === '24' ? 24 : 12);
  const stored = await store(deriveValidatorKeys(mnemonic, flags.count, flags.index), password, flags);
  const advice = 'Write the words down now. They are not shown again, and whoever has them has the keys.';
  const human = () => [keyTable(stored), '', `Words  ${mnemonic}`, '', advice].join('\n');
  print(flags.json, { keys: stored, mnemonic }, human);
}

// ---- import ----------------------------------------------------------------------------------------------------

function registerImport(keys: Command): void {
  const command = keys
    .command('import')
    .description('add keys from key files of other tools, from words, or from bare keys')
    .argument('[files...]', 'each holds one of the three; - is the standard input; without any you are asked');
  addStoreOptions(addDeriveOptions(command))
    .addHelpText(
      'after',
      `\nA key file is imported under the password that it has. ${KEYSTORE_HINT}\n\nExamples:\n  synod validator keys import keystore-m_12381_3600_0_0_0-1731000000.json\n  synod validator keys import words.txt --index 4 --count 2\n  synod validator keys import old/*.json --password password.txt`,
    )
    .action(importKeys);
}

async function importKeys(files: readonly string[], flags: DeriveFlags): Promise<void> {
  const secrets = files.length === 0 ? [await askForSecret()] : await Promise.all(files.map(readSecret));
  const isOpen = !secrets.some((secret) => secret.startsWith('{'));
  const password = isOpen
    ? await newPassword(flags)
    : await readPassword({ prompt: 'Password of the key files', file: flags['validators.password'] });
  // All are opened before the first is stored.
  const keys: ValidatorKey[] = [];
  for (const secret of secrets) keys.push(...(await keysOf(secret, password, flags)));
  const stored = await store(keys, password, flags);
  note(ELSEWHERE);
  print(flags.json, stored, () => keyTable(stored));
}

async function keysOf(secret: string, password: string, flags: DeriveFlags): Promise<readonly ValidatorKey[]> {
  if (secret.startsWith('{')) {
    const keystore = parseValidatorKeystore(secret);
    const key = await decryptValidatorKey(keystore, password);
    return [{ path: keystore.path, publicKey: publicKeyOf(key), secret: key }];
  }
  if (/\s/.test(secret)) return deriveValidatorKeys(secret, flags.count, flags.index);
  const key = parseValidatorSecret(secret);
  return [{ path: '', publicKey: publicKeyOf(key), secret: key }];
}

async function askForSecret(): Promise<string> {
  return (await readHiddenLine("Validator's key, or words", 'Name the files that hold them, or - for the standard input.')).trim();
}

async function readSecret(file: string): Promise<string> {
  return (file === '-' ? await readSecretInput() : readSecretFile(file)).trim();
}

// ---- list ------------------------------------------------------------------------------------------------------

function registerList(keys: Command): void {
  addDirectoryOption(addDatadirOption(keys.command('list').description('show the validators whose key files are here')))
    .addOption(jsonOption())
    .addHelpText('after', '\nExamples:\n  synod validator keys list\n  synod validator keys list --validators.dir ./keys --json')
    .action(listKeys);
}

async function listKeys(flags: KeyFlags): Promise<void> {
  const rows: StoredKey[] = [];
  for (const { publicKey, path: file } of await localValidators(flags)) {
    rows.push({ publicKey, path: (await readValidatorKeystore(file)).path, file });
  }
  const nothing = `No validators' keys in ${directoryOf(flags)}. \`synod validator keys new\` makes some.`;
  print(flags.json, rows, () => (rows.length === 0 ? nothing : keyTable(rows)));
}

/** The name of a file repeats its key, unless another tool named it. */
function keyTable(rows: readonly StoredKey[]): string {
  const named = rows.map(({ publicKey, path, file }) => [publicKey, path, basename(file) === `${publicKey}.json` ? '' : basename(file)]);
  const header = ['Public key', 'Path', ...(named.some(([, , name]) => name !== '') ? ['Key file'] : [])];
  return [table(header, named), '', `Key files in ${dirname(rows[0]?.file ?? '')}`].join('\n');
}

// ---- export ----------------------------------------------------------------------------------------------------

function registerExport(keys: Command): void {
  const command = keys
    .command('export')
    .description('print the key file of a validator, for another tool or machine')
    .argument('<publicKey>', 'the validator', parsePublicKey)
    .option('--secret', 'print the bare key instead, after its password')
    .option('--yes', 'print the bare key even though the output is not a terminal');
  addDirectoryOption(addDatadirOption(command))
    .addOption(passwordOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `\nTwo processes that sign with one key are slashed: stop this one first, and take its history along\n(synod validator slashing-protection export).\n\nExamples:\n  synod validator keys export 0xa398...3ad5 > keystore.json\n  synod validator keys export 0xa398...3ad5 --secret`,
    )
    .action(exportKey);
}

async function exportKey(
  publicKey: PublicKey,
  flags: KeyFlags & { secret?: boolean; yes?: boolean; 'validators.password'?: string },
): Promise<void> {
  if (flags.secret === true && process.stdout.isTTY !== true && flags.yes !== true)
    throw argumentError('yes', 'The bare key would go into a file or another program. Add --yes if that is what you want.');
  const { path } = await findValidator(directoryOf(flags), publicKey);
  if (flags.secret !== true) {
    const text = (await readKeyFile(path)).trim();
    print(flags.json, JSON.parse(text), () => text);
    return;
  }
  const password = await readPassword({ prompt: `Password of ${path}`, file: flags['validators.password'] });
  const secret = toHex(await unlockValidator(path, password));
  print(flags.json, { publicKey, secret }, () => secret);
}
