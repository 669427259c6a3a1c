/** `synod miner start|stop|status`: mining of a running node. */
import type { Command } from 'commander';
import { toQuantity } from '../base/bytes.ts';
import type { Address } from '../base/types.ts';
import type { NodeStatus } from '../node/status.ts';
import { type OperatorFlags, operatorCall, operatorClient, operatorOptions } from './operator.ts';
import { addressOption, integerOption } from './options.ts';
import { print } from './output.ts';
import { miningText } from './status.ts';

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
      if (flags.etherbase !== undefined) await operatorCall(client, 'miner_setEtherbase', [flags.etherbase]);
      await operatorCall(client, 'miner_start', flags.threads === undefined ? [] : [toQuantity(flags.threads)]);
      await show(flags);
    });
  add('stop', 'mine no more').action(async (flags: MinerFlags) => {
    await operatorCall(operatorClient(flags), 'miner_stop', []);
    await show(flags);
  });
  add('status', 'hash rate, threads, kernel, sealed and abandoned work').action(show);
}

async function show(flags: MinerFlags): Promise<void> {
  const { mining } = (await operatorClient(flags).call('synod_status')) as NodeStatus;
  print(flags.json, mining, () => (mining === null ? 'This network does not mine.' : `Mining: ${miningText(mining)}`));
}
