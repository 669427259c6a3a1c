/**
 * `synod validator deposit`, `top-up`, `exit` and `withdraw`: calls of the staking contract from an account of the wallet,
 * or printed for any other wallet to send.
 */
import type { Command } from 'commander';
import { toHex } from '../base/bytes.ts';
import { UsageError } from '../base/errors.ts';
import type { PublicKey } from '../base/signatures.ts';
import type { Address, Hash, Hex } from '../base/types.ts';
import {
  depositCall,
  exitCall,
  MINIMUM_DEPOSIT_SLOT,
  proofMessage,
  STAKING_ADDRESS,
  topUpCall,
  withdrawCall,
} from '../consensus/pos/contract.ts';
import { blsSigner } from '../wallet/bls.ts';
import { checksummed } from '../wallet/private-key.ts';
import type { TransactionFields } from '../wallet/signing.ts';
import { findValidator, unlockValidator } from '../wallet/validator-directory.ts';
import { uncompressedPublicKey, uncompressedSignature } from '../wallet/validator-points.ts';
import { integerOption } from './options.ts';
import { argumentError, formatAmount, note, parseAmount, print, table } from './output.ts';
import { readPassword } from './prompt.ts';
import { createRpcClient, quantity, type RpcClient } from './rpc-client.ts';
import { stakingError } from './staking-errors.ts';
import {
  addTransactionOptions,
  checkSuccess,
  fillIn,
  findSender,
  type Receipt,
  type Sent,
  submit,
  type TransactionFlags,
  waitForReceipt,
  warnOfPublicKey,
} from './transaction.ts';
import { type Advice, exitAdvice, topUpAdvice, warnBefore, withdrawAdvice } from './validator-advice.ts';
import { addDirectoryOption, directoryOf, publicKeysArgument, type ValidatorFlags } from './validator-options.ts';
import { parsedBy } from './wallet-options.ts';

interface StakeFlags extends TransactionFlags, ValidatorFlags {
  readonly amount?: bigint;
  readonly print?: boolean;
  readonly chainId?: number;
  readonly 'validators.password'?: string;
}

/** What is sent for one key. */
interface StakeCall {
  readonly publicKey: PublicKey;
  readonly value: bigint;
  readonly data: Uint8Array;
}

/** The calls for these keys, made once it is known from whom they come. */
type MakeCalls = (keys: readonly PublicKey[], depositor: Address, flags: StakeFlags, rpc: RpcClient) => Promise<StakeCall[]>;

const EXITED = 'The stake comes back after the exit and the unbonding period, once it is asked for (synod validator withdraw).';

export function registerTransactions(validator: Command): void {
  registerDeposit(validator);
  const topUp = validator.command('top-up').description('add stake to validators; anybody may, and it goes to the depositor in the end');
  amountOption(topUp).makeOptionMandatory();
  finish(topUp, onlyValue(topUpCall, topUpAdvice), '  synod validator top-up 0xa398...3ad5 --amount 32 --wait');
  const exit = validator.command('exit').description('let validators leave: they sign until their turn in the exit queue has come');
  finish(exit, onlyValue(exitCall, exitAdvice), '  synod validator exit 0xa398...3ad5 --from 0xf39F...2266 --wait', EXITED);
  const withdraw = validator.command('withdraw').description('ask for the stake of validators that have left, for their depositor');
  finish(withdraw, onlyValue(withdrawCall, withdrawAdvice), '  synod validator withdraw 0xa398...3ad5 --from 0xf39F...2266 --wait');
}

function registerDeposit(validator: Command): void {
  const deposit = validator
    .command('deposit')
    .description('stake ether with keys that are here: each becomes a validator that belongs to the account that pays');
  amountOption(deposit, ' (default: the least that the network takes)');
  addDirectoryOption(deposit).option(
    '--validators.password <file>',
    'take the password of the key files from the first line of a file instead of asking for it',
  );
  const examples = `  synod validator deposit 0xa398...3ad5 --amount 32 --wait
  synod validator deposit 0xa398...3ad5 --dev-account 0 --validators.password password.txt
  synod validator deposit 0xa398...3ad5 --from 0xf39F...2266 --amount 32 --chain-id 31337 --print --json`;
  finish(deposit, depositCalls, examples, '--password opens the account that pays, --validators.password the keys of the validators.');
}

function amountOption(command: Command, otherwise = '') {
  const option = command.createOption('--amount <ether>', `how much for each validator${otherwise}`);
  option.argParser(parsedBy('--amount', (text) => parseAmount(text)));
  command.addOption(option);
  return option;
}

function finish(command: Command, makeCalls: MakeCalls, examples: string, hint = ''): void {
  command
    .argument('<publicKeys...>', 'the validators', publicKeysArgument)
    .option('--print', 'print the transactions, for another wallet to sign, instead of sending them')
    .option(
      '--chain-id <id>',
      'for --print: the network, if no node is to be asked',
      integerOption('chain-id', 1, Number.MAX_SAFE_INTEGER),
    );
  addTransactionOptions(command)
    .addHelpText('after', `${hint === '' ? '' : `\n${hint}\n`}\nExamples:\n${examples}`)
    .action((keys: readonly PublicKey[], flags: StakeFlags) => run(keys, flags, makeCalls));
}

async function run(keys: readonly PublicKey[], flags: StakeFlags, makeCalls: MakeCalls): Promise<void> {
  if (flags.chainId !== undefined && flags.print !== true) throw argumentError('chain-id', '--chain-id is for --print only.');
  const rpc = createRpcClient(flags.rpc);
  if (flags.print === true) {
    // Another wallet has its key, so that it need not be here.
    const depositor = flags.from ?? (await findSender(flags)).address;
    printCalls(flags, await makeCalls(keys, depositor, flags, rpc));
    return;
  }
  const sender = await findSender(flags);
  const calls = await makeCalls(keys, sender.address, flags, rpc);
  const prepared: TransactionFields[] = [];
  for (const [i, { publicKey, value, data }] of calls.entries()) {
    const call = { to: STAKING_ADDRESS, value, data: toHex(data) };
    prepared.push(await fillIn(flags, sender.address, call, rpc, i).catch((error: unknown) => refuse(error, publicKey)));
  }
  const [first] = prepared;
  if (first !== undefined) warnOfPublicKey(sender, first);
  const privateKey = await sender.unlock();
  const sent: Sent[] = [];
  for (const [i, fields] of prepared.entries()) {
    const transaction = await submit(rpc, sender, fields, privateKey);
    // If a later one fails it must be known which were sent.
    if (flags.json !== true && (prepared.length > 1 || flags.wait === true)) note(`Sent ${transaction.hash} for ${keys[i]}.`);
    sent.push(transaction);
  }
  await report(keys, sent, flags, rpc);
}

function refuse(error: unknown, publicKey: PublicKey): never {
  throw stakingError(error, publicKey);
}

async function report(keys: readonly PublicKey[], sent: readonly Sent[], flags: StakeFlags, rpc: RpcClient): Promise<void> {
  const receipts: Receipt[] = [];
  if (flags.wait === true && flags.json !== true) note(`Waiting for a block with ${sent.length === 1 ? 'it' : 'them'} ...`);
  if (flags.wait === true) for (const { hash } of sent) receipts.push(await waitForReceipt(rpc, hash, flags.timeout));
  const rows = sent.map((transaction, i) => ({ publicKey: keys[i], ...transaction, ...(receipts[i] && { receipt: receipts[i] }) }));
  print(flags.json, rows, () =>
    table(
      ['Validator', 'Transaction', ...(receipts.length > 0 ? ['Block'] : [])],
      rows.map(({ publicKey = '', hash, receipt }) => [publicKey, hash, ...(receipt ? [blockOf(receipt)] : [])]),
    ),
  );
  for (const [i, receipt] of receipts.entries()) checkSuccess(sent[i]?.hash as Hash, receipt);
  if (receipts.length > 0 && flags.json !== true) note('It takes effect with the next block: `synod validator status` shows it then.');
}

function blockOf(receipt: Receipt): string {
  return quantity(receipt.blockNumber, 'block number').toString();
}

function printCalls(flags: StakeFlags, calls: readonly StakeCall[]): void {
  const rows = calls.map(({ publicKey, value, data }) => ({ publicKey, to: checksummed(STAKING_ADDRESS), value, data: toHex(data) }));
  const human = () =>
    rows
      .map(
        ({ publicKey, to, value, data }) =>
          `Validator  ${publicKey}\nTo         ${to}\nValue      ${formatAmount(value)} ETH\nData       ${data}`,
      )
      .join('\n\n');
  print(flags.json, rows, human);
}

// ---- The calls -------------------------------------------------------------------------------------------------

function onlyValue(callOf: (publicKey: PublicKey) => Uint8Array, advice: Advice): MakeCalls {
  return async (keys, _depositor, { amount = 0n, print }, rpc) => {
    // What is printed may be sent at any time, and no node need be there.
    if (print !== true) await warnBefore(keys, rpc, advice);
    return keys.map((publicKey) => ({ publicKey, value: amount, data: callOf(publicKey) }));
  };
}

async function depositCalls(keys: readonly PublicKey[], depositor: Address, flags: StakeFlags, rpc: RpcClient): Promise<StakeCall[]> {
  const files: string[] = [];
  for (const key of keys) files.push((await findValidator(directoryOf(flags), key)).path);
  const chainId = flags.chainId ?? Number(quantity(await rpc.call('eth_chainId'), 'chain id'));
  const value = flags.amount ?? (await minimumDeposit(rpc));
  const password = await readPassword({
    prompt: `Password of the validators' keys in ${directoryOf(flags)}`,
    file: flags['validators.password'],
    option: '--validators.password',
  });
  const calls: StakeCall[] = [];
  for (const path of files) {
    const { publicKey, sign } = blsSigner(await unlockValidator(path, password));
    const proof = sign(proofMessage(chainId, depositor, publicKey));
    calls.push({ publicKey, value, data: depositCall(uncompressedPublicKey(publicKey), uncompressedSignature(proof)) });
  }
  return calls;
}

/** Kept by the contract itself, so that it is that of the network and not of a genesis file. */
async function minimumDeposit(rpc: RpcClient): Promise<bigint> {
  const word = (await rpc.call('eth_getStorageAt', [STAKING_ADDRESS, MINIMUM_DEPOSIT_SLOT, 'latest'])) as Hex;
  const minimum = quantity(word, 'minimum deposit');
  if (minimum > 0n) return minimum;
  throw new UsageError('staking/no-contract', `The network has no staking contract at ${STAKING_ADDRESS}; is it proof-of-stake?`);
}
