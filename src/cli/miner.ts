/** `synod miner start|stop|status`: mining of a running node. */
import type { Command } from 'commander';
import { toQuantity } from '../base/bytes.ts';
import { UsageError } from '../base/errors.ts';
import type { Address, Json } from '../base/types.ts';
import type { NodeStatus } from '../node/status.ts';
import { type OperatorFlags, operatorClient, operatorOptions } from './operator.ts';
import { addressOption, integerOption } from './options.ts';
import { print } from './output.ts';
import type { RpcClient } from './rpc-client.ts';
import { miningText } from './status.ts';

/** JSON-RPC 2.0, section 5.1. */
const METHOD_NOT_FOUND = -32601;

interface MinerFlags extends OperatorFlags {
  readonly json?: boolean;
  readonly threads?: number;
  readonly etherbase?: Address;
}

export function registerMiner(program: Command): void {
  const miner = program.command('miner').description('control the mining of a running node');
  const add = (name: string, description: string) =>
    operatorOptions(miner.command(name).description(description)).option('--json', 'print JSON');

  add('start', 'begin to mine')
    .option('--threads <n>', 'threads that hash', integerOption('threads', 1, 256))
    .option('--etherbase <address>', 'account that receives the fees', addressOption('etherbase'))
    .addHelpText('after', '\nExample:\n  synod miner start --threads 2')
    .action(async (flags: MinerFlags) => {
      const client = operatorClient(flags);
      if (flags.etherbase !== undefined) await command(client, 'miner_setEtherbase', [flags.etherbase]);
      await command(client, 'miner_start', flags.threads === undefined ? [] : [toQuantity(flags.threads)]);
      await show(flags);
    });
  add('stop', 'mine no more').action(async (flags: MinerFlags) => {
    await command(operatorClient(flags), 'miner_stop', []);
    await show(flags);
  });
  add('status', 'hash rate, threads, kernel, sealed and abandoned work').action(show);
}

/** Over RPC alone a node does not take orders; its datadir has the token that opens them. */
async function command(client: RpcClient, method: string, params: readonly Json[]): Promise<void> {
  try {
    await client.call(method, params);
  } catch (cause) {
    if (!(cause instanceof UsageError) || cause.fields.rpcCode !== METHOD_NOT_FOUND) throw cause;
    const advice =
      'Name the datadir of the node (of a test network: --datadir .synod/testnet/node-0), or start it with --http.api miner,...';
    throw new UsageError('cli/not-permitted', `${client.url} does not take ${method} from everybody. ${advice}`, {}, cause);
  }
}

async function show(flags: MinerFlags): Promise<void> {
  const { mining } = (await operatorClient(flags).call('synod_status')) as NodeStatus;
  print(flags.json, mining, () => (mining === null ? 'This network does not mine.' : `Mining: ${miningText(mining)}`));
}
