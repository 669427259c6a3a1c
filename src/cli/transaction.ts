/**
 * Transactions that commands send: who pays, what the node says is needed, the signature made here, and what became of
 * it. What is sent is the command's business.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import { present } from '../base/assert.ts';
import { toQuantity } from '../base/bytes.ts';
import { UsageError } from '../base/errors.ts';
import type { Address, Hash, Hex } from '../base/types.ts';
import { findAccount, listAccounts, unlock } from '../wallet/keystore-directory.ts';
import { DEV_MNEMONIC, deriveAccounts, MAX_INDEX } from '../wallet/mnemonic.ts';
import { checksummed, parseAddress } from '../wallet/private-key.ts';
import { signTransaction, type TransactionFields } from '../wallet/signing.ts';
import { integerOption } from './options.ts';
import { argumentError, formatAmount, parseAmount, warn } from './output.ts';
import { readPassword } from './prompt.ts';
import { quantity, type RpcClient, rpcOption } from './rpc-client.ts';
import { addKeystoreOptions, jsonOption, type KeystoreFlags, keystoreDirectory, parsedBy, passwordOption } from './wallet-options.ts';

/** The chain id of test networks, where the development accounts are at home. */
const DEV_CHAIN_ID = 31337n;
const RECEIPT_INTERVAL_MS = 500;
const DEFAULT_WAIT_SECONDS = 120;

export interface TransactionFlags extends KeystoreFlags {
  readonly from?: Address;
  readonly devAccount?: number;
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

export interface Call {
  /** Null creates a contract. */
  readonly to: Address | null;
  readonly value: bigint;
  readonly data: Hex;
}

export function addTransactionOptions(command: Command): Command {
  command
    .addOption(
      new Option('--from <address>', 'the account that pays (default: the only one there is)')
        .argParser(parsedBy('--from', parseAddress))
        .conflicts('devAccount'),
    )
    .option('--dev-account <number>', 'pay from this account of the well-known test mnemonic', integerOption('dev-account', 0, MAX_INDEX))
    .option(
      '--nonce <number>',
      'default: the next one, with pending transactions counted',
      integerOption('nonce', 0, Number.MAX_SAFE_INTEGER),
    )
    .option('--gas <number>', 'the limit (default: what the node estimates)', integerOption('gas', 1, Number.MAX_SAFE_INTEGER))
    .option('--wait', 'wait until a block includes it, and print the receipt')
    .option('--timeout <seconds>', 'how long to --wait', integerOption('timeout', 1, 86_400), DEFAULT_WAIT_SECONDS);
  addFeeOptions(command);
  return addKeystoreOptions(command).addOption(passwordOption()).addOption(rpcOption()).addOption(jsonOption());
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

// ---- Who pays --------------------------------------------------------------------------------------------------

export interface Sender {
  readonly address: Address;
  /** Anybody can sign for it. */
  readonly isPublic: boolean;
  unlock(): Promise<Uint8Array>;
}

export async function findSender(flags: TransactionFlags): Promise<Sender> {
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

async function onlyAccount(flags: TransactionFlags) {
  const directory = keystoreDirectory(flags);
  const { accounts } = await listAccounts(directory);
  const [account] = accounts;
  if (account !== undefined && accounts.length === 1) return account;
  const found = account === undefined ? 'is no account' : `are ${accounts.length} accounts`;
  throw argumentError('from', `There ${found} in ${directory}. Say who pays with --from, or --dev-account on a test network.`);
}

// ---- What it takes ---------------------------------------------------------------------------------------------

/** Asks the node for what the flags leave open. `offset` is how many transactions of this command come before it. */
export async function fillIn(
  flags: TransactionFlags,
  from: Address,
  { to, value, data }: Call,
  rpc: RpcClient,
  offset = 0,
): Promise<TransactionFields> {
  const call = { from, ...(to === null ? {} : { to }), value: toQuantity(value), data };
  const chainId = quantity(await rpc.call('eth_chainId'), 'chain id');
  const prices = await choosePrices(flags, rpc);
  const first =
    flags.nonce === undefined
      ? quantity(await rpc.call('eth_getTransactionCount', [from, 'pending']), 'transaction count')
      : BigInt(flags.nonce);
  const gasLimit = flags.gas === undefined ? quantity(await rpc.call('eth_estimateGas', [call]), 'gas estimate') : BigInt(flags.gas);
  return { chainId, nonce: first + BigInt(offset), gasLimit, to, value, data, ...prices };
}

type Prices =
  | { readonly type: 'legacy'; readonly gasPrice: bigint }
  | { readonly type: 'eip1559'; readonly maxFeePerGas: bigint; readonly maxPriorityFeePerGas: bigint; readonly accessList: [] };

async function choosePrices(flags: TransactionFlags, rpc: RpcClient): Promise<Prices> {
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

// ---- Sending ---------------------------------------------------------------------------------------------------

/** What was sent, as commands print it with --json. */
export interface Sent {
  readonly hash: Hash;
  readonly from: Hex;
  readonly to: Hex | null;
  readonly value: bigint;
  readonly nonce: number;
  readonly gas: number;
  readonly chainId: number;
}

export async function submit(rpc: RpcClient, { address }: Sender, fields: TransactionFields, privateKey: Uint8Array): Promise<Sent> {
  const { raw, hash } = signTransaction(fields, privateKey);
  await rpc.call('eth_sendRawTransaction', [raw]);
  const { to, value, nonce, gasLimit, chainId } = fields;
  return {
    hash,
    from: checksummed(address),
    to: to === null ? null : checksummed(to),
    value,
    nonce: Number(nonce),
    gas: Number(gasLimit),
    chainId: Number(chainId),
  };
}

/** Says so when an account that everybody has the key of is used outside test networks. */
export function warnOfPublicKey({ address, isPublic }: Sender, { chainId }: TransactionFields): void {
  if (isPublic && chainId !== DEV_CHAIN_ID)
    warn(`The chain id is ${chainId}, not that of a test network, and everybody knows the key of ${checksummed(address)}.`);
}

// ---- What became of it -----------------------------------------------------------------------------------------

export interface Receipt {
  readonly [field: string]: unknown;
  readonly status?: unknown;
  readonly blockNumber?: unknown;
  readonly gasUsed?: unknown;
  readonly effectiveGasPrice?: unknown;
  readonly contractAddress?: unknown;
}

/** Throws `wallet/not-included`. */
export async function waitForReceipt(rpc: RpcClient, hash: Hash, timeoutSeconds: number): Promise<Receipt> {
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

/** Throws `wallet/reverted`. */
export function checkSuccess(hash: Hash, receipt: Receipt): void {
  if (receipt.status === '0x0')
    throw new UsageError('wallet/reverted', `The transaction is in a block, but its execution failed. The fee is spent.`, { hash });
}

export function describeReceipt(hash: Hash, receipt: Receipt): string {
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
