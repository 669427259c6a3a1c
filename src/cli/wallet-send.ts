/** `synod wallet send`: asks a node for what a transaction needs, signs it here, and hands it over. */
import { type Command, Option } from 'commander';
import { fromHex, toHex } from '../base/bytes.ts';
import type { Address, Hex } from '../base/types.ts';
import { parseAddress } from '../wallet/private-key.ts';
import { argumentError, note, parseAmount, print } from './output.ts';
import { createRpcClient } from './rpc-client.ts';
import {
  addTransactionOptions,
  checkSuccess,
  describeReceipt,
  fillIn,
  findSender,
  submit,
  type TransactionFlags,
  waitForReceipt,
  warnOfPublicKey,
} from './transaction.ts';
import { parsedBy } from './wallet-options.ts';

interface SendFlags extends TransactionFlags {
  readonly to?: Address;
  readonly value: bigint;
  readonly data: Hex;
}

const EXAMPLES = `
Amounts: 1.5, 1.5ether, 100gwei, 10wei. A bare --value is in ether, a bare fee in gwei.

Examples:
  synod wallet send --to 0x7099...79C8 --value 1.5 --wait
  synod wallet send --from 0xf39F...2266 --to 0x7099...79C8 --value 1gwei --password password.txt
  synod wallet send --dev-account 0 --data 0x6080... --wait      (a contract, on a test network)`;

export function registerSend(wallet: Command): void {
  // A default of type bigint needs its own words, because commander writes defaults as JSON.
  const value = new Option('--value <amount>', 'how much').argParser(parsedBy('--value', (text) => parseAmount(text))).default(0n, '0');
  const command = wallet
    .command('send')
    .description('pay, call a contract or create one: signed here, sent to a node')
    .option('--to <address>', 'who receives; without it, --data creates a contract', parsedBy('--to', parseAddress))
    .addOption(value)
    .option('--data <hex>', 'what a contract is called with, or made of', parsedBy('--data', hexData), '0x');
  addTransactionOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((flags: SendFlags) => send(flags));
}

function hexData(text: string): Hex {
  return toHex(fromHex(text));
}

async function send(flags: SendFlags): Promise<void> {
  const { to = null, value, data } = flags;
  if (to === null && data === '0x') throw argumentError('to', 'Say who receives with --to, or give the code of a contract with --data.');
  const rpc = createRpcClient(flags.rpc);
  const sender = await findSender(flags);
  // The node is asked before the person: a password typed for nothing is an annoyance.
  const fields = await fillIn(flags, sender.address, { to, value, data }, rpc);
  warnOfPublicKey(sender, fields);
  const sent = await submit(rpc, sender, fields, await sender.unlock());
  const { hash } = sent;
  if (flags.wait !== true) {
    print(flags.json, sent, () => hash);
    return;
  }
  if (flags.json !== true) note(`Sent ${hash}; waiting for a block.`);
  const receipt = await waitForReceipt(rpc, hash, flags.timeout);
  print(flags.json, { ...sent, receipt }, () => describeReceipt(hash, receipt));
  checkSuccess(hash, receipt);
}
