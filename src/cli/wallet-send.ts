/** `synod wallet send`: asks a node for what a transaction needs, signs it here, and hands it over. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import { present } from '../base/assert.ts';
import { fromHex, toHex, toQuantity } from '../base/bytes.ts';
import { UsageError } from '../base/errors.ts';
import type { Address, Hex } from '../base/types.ts';
import { findAccount, listAccounts, unlock } from '../wallet/keystore-directory.ts';
import { DEV_MNEMONIC, deriveAccounts, MAX_INDEX } from '../wallet/mnemonic.ts';
import { checksummed, parseAddress } from '../wallet/private-key.ts';
import { signTransaction, type TransactionFields } from '../wallet/signing.ts';
import { integerOption } from './options.ts';
import { argumentError, formatAmount, note, parseAmount, print, warn } from './output.ts';
import { readPassword } from './prompt.ts';
import { createRpcClient, quantity, type RpcClient, rpcOption } from './rpc-client.ts';
import { addKeystoreOptions, jsonOption, type KeystoreFlags, keystoreDirectory, parsedBy, passwordOption } from './wallet-options.ts';

/** The chain id of test networks, where the development accounts are at home. */
const DEV_CHAIN_ID = 31337n;
const RECEIPT_INTERVAL_MS = 500;
const DEFAULT_WAIT_SECONDS = 120;

interface SendFlags extends KeystoreFlags {
  readonly from?: Address;
  readonly devAccount?: number;
  readonly to?: Address;
  readonly value: bigint;
  readonly data: Hex;
  readonly nonce?: number;
  readonly gas?: number;
  readonly legacy?: boolean;
  readonly gasPrice?: bigint;
  readonly maxFee?: bigint;
  readonly priorityFee?: bigint;
  readonly wait?: boolean;
  readonly timeout: number;
  readonly password?: string;
  readonly rpc: string;
  readonly json?: boolean;
}

const EXAMPLES = `
Amounts: 1.5, 1.5ether, 100gwei, 10wei. A bare --value is in ether, a bare fee in gwei.

Examples:
  synod wallet send --to 0x7099...79C8 --value 1.5 --wait
  synod wallet send --from 0xf39F...2266 --to 0x7099...79C8 --value 1gwei --password password.txt
  synod wallet send --dev-account 0 --data 0x6080... --wait      (a contract, on a test network)`;

export function registerSend(wallet: Command): void {
  const address = (name: string) => parsedBy(name, parseAddress);
  // A default of type bigint needs its own words, because commander writes defaults as JSON.
  const value = new Option('--value <amount>', 'how much').argParser(parsedBy('--value', (text) => parseAmount(text))).default(0n, '0');
  const command = wallet
    .command('send')
    .description('pay, call a contract or create one: signed here, sent to a node')
    .addOption(
      new Option('--from <address>', 'the account that pays (default: the only one there is)')
        .argParser(address('--from'))
        .conflicts('devAccount'),
    )
    .option('--dev-account <number>', 'pay from this account of the well-known test mnemonic', integerOption('dev-account', 0, MAX_INDEX))
    .option('--to <address>', 'who receives; without it, --data creates a contract', address('--to'))
    .addOption(value)
    .option('--data <hex>', 'what a contract is called with, or made of', parsedBy('--data', hexData), '0x')
    .option(
      '--nonce <number>',
      'default: the next one, with pending transactions counted',
      integerOption('nonce', 0, Number.MAX_SAFE_INTEGER),
    )
    .option('--gas <number>', 'the limit (default: what the node estimates)', integerOption('gas', 1, Number.MAX_SAFE_INTEGER))
    .option('--wait', 'wait until a block includes it, and print the receipt')
    .option('--timeout <seconds>', 'how long to --wait', integerOption('timeout', 1, 86_400), DEFAULT_WAIT_SECONDS);
  addFeeOptions(command);
  addKeystoreOptions(command)
    .addOption(passwordOption())
    .addOption(rpcOption())
    .addOption(jsonOption())
    .addHelpText('after', EXAMPLES)
    .action((flags: SendFlags) => send(flags));
}

function addFeeOptions(command: Command): void {
  const fee = (name: string) => parsedBy(name, (text) => parseAmount(text, 'gwei'));
  command
    .option('--max-fee <amount>', 'the most to pay for a unit of gas (default: twice the base fee, and the tip)', fee('--max-fee'))
    .option('--priority-fee <amount>', 'the tip for a unit of gas (default: what the node suggests)', fee('--priority-fee'))
    .addOption(new Option('--legacy', 'send a transaction without base fee').conflicts(['maxFee', 'priorityFee']))
    .addOption(
      new Option('--gas-price <amount>', 'for --legacy (default: what the node suggests)')
        .argParser(fee('--gas-price'))
        .conflicts(['maxFee', 'priorityFee'])
        .implies({ legacy: true }),
    );
}

function hexData(text: string): Hex {
  return toHex(fromHex(text));
}

async function send(flags: SendFlags): Promise<void> {
  if (flags.to === undefined && flags.data === '0x')
    throw argumentError('to', 'Say who receives with --to, or give the code of a contract with --data.');
  const rpc = createRpcClient(flags.rpc);
  const sender = await findSender(flags);
  // The node is asked before the person: a password typed for nothing is an annoyance.
  const fields = await fillIn(flags, sender.address, rpc);
  if (sender.isPublic && fields.chainId !== DEV_CHAIN_ID)
    warn(`The chain id is ${fields.chainId}, not that of a test network, and everybody knows the key of ${checksummed(sender.address)}.`);
  const { raw, hash } = signTransaction(fields, await sender.unlock());
  await rpc.call('eth_sendRawTransaction', [raw]);

  const sent = { hash, from: checksummed(sender.address), to: fields.to === null ? null : checksummed(fields.to), value: fields.value };
  const document = { ...sent, nonce: Number(fields.nonce), gas: Number(fields.gasLimit), chainId: Number(fields.chainId) };
  if (flags.wait !== true) {
    print(flags.json, document, () => hash);
    return;
  }
  if (flags.json !== true) note(`Sent ${hash}; waiting for a block.`);
  const receipt = await waitForReceipt(rpc, hash, flags.timeout);
  print(flags.json, { ...document, receipt }, () => describeReceipt(hash, receipt));
  if (receipt.status === '0x0')
    throw new UsageError('wallet/reverted', `The transaction is in a block, but its execution failed. The fee is spent.`, { hash });
}

// ---- Who pays --------------------------------------------------------------------------------------------------

interface Sender {
  readonly address: Address;
  /** Anybody can sign for it. */
  readonly isPublic: boolean;
  unlock(): Promise<Uint8Array>;
}

async function findSender(flags: SendFlags): Promise<Sender> {
  if (flags.devAccount !== undefined) {
    const account = present(deriveAccounts(DEV_MNEMONIC, 1, flags.devAccount)[0], 'the derived account');
    return { address: account.address, isPublic: true, unlock: async () => account.privateKey };
  }
  const { address, path } = flags.from === undefined ? await onlyAccount(flags) : await findAccount(keystoreDirectory(flags), flags.from);
  return {
    address,
    isPublic: false,
    unlock: async () => unlock(path, await readPassword({ prompt: `Password of ${checksummed(address)}`, file: flags.password })),
  };
}

async function onlyAccount(flags: SendFlags) {
  const directory = keystoreDirectory(flags);
  const { accounts } = await listAccounts(directory);
  const [account] = accounts;
  if (account !== undefined && accounts.length === 1) return account;
  const found = account === undefined ? 'is no account' : `are ${accounts.length} accounts`;
  throw argumentError('from', `There ${found} in ${directory}. Say who pays with --from, or --dev-account on a test network.`);
}

// ---- What it takes ---------------------------------------------------------------------------------------------

async function fillIn(flags: SendFlags, from: Address, rpc: RpcClient): Promise<TransactionFields> {
  const { to = null, value, data } = flags;
  const call = { from, ...(to === null ? {} : { to }), value: toQuantity(value), data };
  const chainId = quantity(await rpc.call('eth_chainId'), 'chain id');
  const prices = await choosePrices(flags, rpc);
  const nonce =
    flags.nonce === undefined
      ? quantity(await rpc.call('eth_getTransactionCount', [from, 'pending']), 'transaction count')
      : BigInt(flags.nonce);
  const gasLimit = flags.gas === undefined ? quantity(await rpc.call('eth_estimateGas', [call]), 'gas estimate') : BigInt(flags.gas);
  return { chainId, nonce, gasLimit, to, value, data, ...prices };
}

type Prices =
  | { readonly type: 'legacy'; readonly gasPrice: bigint }
  | { readonly type: 'eip1559'; readonly maxFeePerGas: bigint; readonly maxPriorityFeePerGas: bigint; readonly accessList: [] };

async function choosePrices(flags: SendFlags, rpc: RpcClient): Promise<Prices> {
  if (flags.legacy === true) return { type: 'legacy', gasPrice: flags.gasPrice ?? quantity(await rpc.call('eth_gasPrice'), 'gas price') };
  const suggested = flags.priorityFee ?? quantity(await rpc.call('eth_maxPriorityFeePerGas'), 'priority fee');
  const maxFeePerGas = flags.maxFee ?? 2n * (await baseFee(rpc)) + suggested;
  if (flags.priorityFee !== undefined && flags.priorityFee > maxFeePerGas)
    throw argumentError('priority-fee', 'The tip (--priority-fee) is a part of the whole fee (--max-fee), and cannot be more.');
  const maxPriorityFeePerGas = suggested < maxFeePerGas ? suggested : maxFeePerGas;
  return { type: 'eip1559', maxFeePerGas, maxPriorityFeePerGas, accessList: [] };
}

async function baseFee(rpc: RpcClient): Promise<bigint> {
  const block = await rpc.call('eth_getBlockByNumber', ['latest', false]);
  if (typeof block === 'object' && block !== null && 'baseFeePerGas' in block) return quantity(block.baseFeePerGas, 'base fee');
  throw new UsageError('wallet/no-base-fee', 'The latest block has no base fee (the network is from before EIP-1559). Add --legacy.');
}

// ---- What became of it -----------------------------------------------------------------------------------------

interface Receipt {
  readonly [field: string]: unknown;
  readonly status?: unknown;
  readonly blockNumber?: unknown;
  readonly gasUsed?: unknown;
  readonly effectiveGasPrice?: unknown;
  readonly contractAddress?: unknown;
}

async function waitForReceipt(rpc: RpcClient, hash: Hex, timeoutSeconds: number): Promise<Receipt> {
  const deadlineMs = performance.now() + timeoutSeconds * 1000;
  for (;;) {
    const receipt = await rpc.call('eth_getTransactionReceipt', [hash]);
    if (typeof receipt === 'object' && receipt !== null) return { ...receipt };
    if (performance.now() >= deadlineMs) {
      const message = `No block included ${hash} within ${timeoutSeconds} seconds. It was sent, and may still be included.`;
      throw new UsageError('wallet/not-included', message, { hash });
    }
    await delay(RECEIPT_INTERVAL_MS);
  }
}

function describeReceipt(hash: Hex, receipt: Receipt): string {
  const gasUsed = quantity(receipt.gasUsed, 'gas used');
  const fee = gasUsed * quantity(receipt.effectiveGasPrice, 'effective gas price');
  const created = receipt.contractAddress;
  return [
    `Transaction  ${hash}`,
    `Status       ${receipt.status === '0x0' ? 'failed' : 'success'}`,
    `Block        ${quantity(receipt.blockNumber, 'block number')}`,
    `Gas used     ${gasUsed}`,
    `Fee          ${formatAmount(fee)} ETH`,
    ...(typeof created === 'string' ? [`Contract     ${checksummed(parseAddress(created))}`] : []),
  ].join('\n');
}
