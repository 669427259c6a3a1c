/**
 * `synod wallet`: accounts in key files, and payments signed on this machine.
 *
 * The node never sees a key. Secrets are asked for without echo or read from files, never taken from arguments.
 */
import { type Command, Option } from 'commander';
import { present } from '../base/assert.ts';
import { toHex } from '../base/bytes.ts';
import type { Address } from '../base/types.ts';
import { LIGHT_COST, STANDARD_COST } from '../wallet/key-derivation.ts';
import { decryptKey, parseKeystore } from '../wallet/keystore.ts';
import { type Account, findAccount, listAccounts, storeKey, unlock } from '../wallet/keystore-directory.ts';
import { deriveAccounts, MAX_ACCOUNTS, MAX_INDEX, newMnemonic } from '../wallet/mnemonic.ts';
import { checksummed, newPrivateKey, parseAddress, parsePrivateKey } from '../wallet/private-key.ts';
import { integerOption } from './options.ts';
import { argumentError, formatAmount, print, table, warn } from './output.ts';
import { readHiddenLine, readPassword, readSecretFile, readSecretInput } from './prompt.ts';
import { createRpcClient, quantity, rpcOption } from './rpc-client.ts';
import { addKeystoreOptions, jsonOption, type KeystoreFlags, keystoreDirectory, parsedBy, passwordOption } from './wallet-options.ts';
import { registerSend } from './wallet-send.ts';

const KEYSTORE_HINT = 'Key files are Web3 Secret Storage version 3, the same as geth writes and MetaMask reads.';

export function registerWallet(program: Command): void {
  const wallet = program.command('wallet').description('make accounts, hold their keys, and pay with them');
  registerNew(wallet);
  registerImport(wallet);
  registerList(wallet);
  registerBalance(wallet);
  registerSend(wallet);
  registerExport(wallet);
}

interface StoreFlags extends KeystoreFlags {
  readonly password?: string;
  readonly lightkdf?: boolean;
  readonly json?: boolean;
}

function addStoreOptions(command: Command): Command {
  return addKeystoreOptions(command)
    .addOption(passwordOption())
    .option('--lightkdf', 'protect the key file with little work: quick to open, quick to guess; for test networks')
    .addOption(jsonOption());
}

async function store(key: Uint8Array, password: string, flags: StoreFlags): Promise<Account> {
  const cost = flags.lightkdf === true ? LIGHT_COST : STANDARD_COST;
  return storeKey(keystoreDirectory(flags), key, password, { cost });
}

// ---- new -------------------------------------------------------------------------------------------------------

function registerNew(wallet: Command): void {
  const command = wallet
    .command('new')
    .description('make an account: words to write down, and a key file under a password')
    .addOption(new Option('--words <count>', 'how many words').choices(['12', '24']).default('12').conflicts('raw'))
    .option('--raw', 'make a single random key without words; its key file is then its only copy');
  addStoreOptions(command)
    .addHelpText(
      'after',
      `\n${KEYSTORE_HINT}\n\nExamples:\n  synod wallet new\n  synod wallet new --words 24 --datadir /srv/synod\n  synod wallet new --raw --password password.txt --json`,
    )
    .action(createAccount);
}

async function createAccount(flags: StoreFlags & { words: '12' | '24'; raw?: boolean }): Promise<void> {
  const password = await readPassword({ prompt: 'Password for the new key file', file: flags.password, isNew: true });
  const mnemonic = flags.raw === true ? undefined : newMnemonic(flags.words === '24' ? 24 : 12);
  const key = mnemonic === undefined ? newPrivateKey() : present(deriveAccounts(mnemonic)[0], 'the first account').privateKey;
  const { address, path } = await store(key, password, flags);
  const document = { address: checksummed(address), path, ...(mnemonic === undefined ? {} : { mnemonic }) };
  print(flags.json, document, () => {
    const lines = [`Address   ${document.address}`, `Key file  ${path}`];
    if (mnemonic === undefined)
      return [...lines, '', 'Keep a copy of the key file, and remember its password: there is no other way back.'].join('\n');
    const advice = 'Write the words down now. They are not shown again, and whoever has them has the account.';
    return [...lines, `Words     ${mnemonic}`, '', advice].join('\n');
  });
}

// ---- import ----------------------------------------------------------------------------------------------------

function registerImport(wallet: Command): void {
  const command = wallet
    .command('import')
    .description('add an account from a private key, from words, or from another key file')
    .argument('[file]', 'holds any of the three; - is the standard input; without it you are asked')
    .option('--index <number>', 'of words: the first account to take', integerOption('index', 0, MAX_INDEX), 0)
    .option('--count <number>', 'of words: how many accounts to take', integerOption('count', 1, MAX_ACCOUNTS), 1);
  addStoreOptions(command)
    .addHelpText(
      'after',
      `\nA key file is imported under the password that it has. ${KEYSTORE_HINT}\n\nExamples:\n  synod wallet import\n  synod wallet import words.txt --count 3\n  synod wallet import UTC--2026-11-21T07-45-25.123000000Z--f39f... --password password.txt`,
    )
    .action(importAccounts);
}

async function importAccounts(file: string | undefined, flags: StoreFlags & { index: number; count: number }): Promise<void> {
  const secret = await readImported(file);
  const accounts: Account[] = [];
  if (secret.startsWith('{')) {
    const keystore = parseKeystore(secret);
    const password = await readPassword({ prompt: 'Password of the key file', file: flags.password });
    accounts.push(await store(await decryptKey(keystore, password), password, flags));
  } else {
    const isWords = /\s/.test(secret);
    const keys = isWords
      ? deriveAccounts(secret, flags.count, flags.index).map((account) => account.privateKey)
      : [parsePrivateKey(secret)];
    const password = await readPassword({ prompt: 'Password for the new key file', file: flags.password, isNew: true });
    for (const key of keys) accounts.push(await store(key, password, flags));
  }
  printAccounts(flags.json, accounts);
}

async function readImported(file: string | undefined): Promise<string> {
  if (file === undefined)
    return (await readHiddenLine('Private key, or words', 'Name the file that holds them, or - for the standard input.')).trim();
  return (file === '-' ? await readSecretInput() : readSecretFile(file)).trim();
}

// ---- list ------------------------------------------------------------------------------------------------------

function registerList(wallet: Command): void {
  const command = wallet.command('list').description('show the accounts whose key files are here');
  addKeystoreOptions(command)
    .addOption(jsonOption())
    .addHelpText('after', '\nExamples:\n  synod wallet list\n  synod wallet list --keystore ~/.ethereum/keystore --json')
    .action(showAccounts);
}

async function showAccounts(flags: KeystoreFlags & { json?: boolean }): Promise<void> {
  const accounts = await localAccounts(flags);
  if (accounts.length > 0 || flags.json === true) printAccounts(flags.json, accounts);
  else print(false, [], () => `No accounts in ${keystoreDirectory(flags)}. \`synod wallet new\` makes one.`);
}

async function localAccounts(flags: KeystoreFlags): Promise<readonly Account[]> {
  const { accounts, unreadable } = await listAccounts(keystoreDirectory(flags));
  for (const { path, reason } of unreadable) warn(`${path} was left out. ${reason}`);
  return accounts;
}

function printAccounts(json: boolean | undefined, accounts: readonly Account[]): void {
  const rows = accounts.map(({ address, path }) => ({ address: checksummed(address), path }));
  const human = () =>
    table(
      ['Address', 'Key file'],
      rows.map(({ address, path }) => [address, path]),
    );
  print(json, rows, human);
}

// ---- balance ---------------------------------------------------------------------------------------------------

function registerBalance(wallet: Command): void {
  const command = wallet
    .command('balance')
    .description('ask a node what an account owns')
    .argument('[address]', 'an address, or all: every account whose key file is here', 'all');
  addKeystoreOptions(command)
    .addOption(rpcOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExamples:\n  synod wallet balance\n  synod wallet balance 0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266 --json')
    .action(showBalances);
}

async function showBalances(which: string, flags: KeystoreFlags & { rpc: string; json?: boolean }): Promise<void> {
  const rpc = createRpcClient(flags.rpc);
  const balanceOf = async (address: Address) => {
    const wei = quantity(await rpc.call('eth_getBalance', [address, 'latest']), 'balance');
    return { address: checksummed(address), wei, ether: formatAmount(wei) };
  };
  if (which !== 'all') {
    const balance = await balanceOf(argumentAddress(which));
    print(flags.json, balance, () => `${balance.ether} ETH`);
    return;
  }
  const balances: Awaited<ReturnType<typeof balanceOf>>[] = [];
  for (const { address } of await localAccounts(flags)) balances.push(await balanceOf(address));
  const rows = balances.map(({ address, ether }) => [address, ether]);
  print(flags.json, balances, () => table(['Address', 'ETH'], rows));
}

function argumentAddress(text: string): Address {
  return parsedBy('address', parseAddress)(text);
}

// ---- export ----------------------------------------------------------------------------------------------------

function registerExport(wallet: Command): void {
  const command = wallet
    .command('export')
    .description('print the private key of an account, after its password')
    .argument('<address>', 'the account', parsedBy('address', parseAddress))
    .option('--yes', 'print it even though the output is not a terminal');
  addKeystoreOptions(command)
    .addOption(passwordOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nWhoever has the private key has the account.\n\nExamples:\n  synod wallet export 0xf39F...2266\n  synod wallet export 0xf39F...2266 --password password.txt --yes > key.txt',
    )
    .action(exportKey);
}

async function exportKey(address: Address, flags: KeystoreFlags & { password?: string; yes?: boolean; json?: boolean }): Promise<void> {
  if (process.stdout.isTTY !== true && flags.yes !== true)
    throw argumentError('yes', 'The private key would go into a file or another program. Add --yes if that is what you want.');
  const { path } = await findAccount(keystoreDirectory(flags), address);
  const password = await readPassword({ prompt: `Password of ${checksummed(address)}`, file: flags.password });
  const privateKey = toHex(await unlock(path, password));
  print(flags.json, { address: checksummed(address), privateKey }, () => privateKey);
}
