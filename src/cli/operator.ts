/** How the operator's commands reach a running node: through the file in its datadir, or over RPC when a URL is named. */
import { type Command, Option } from 'commander';
import { readOperatorFile } from '../node/operator-file.ts';
import { absolutePath, defaultDatadir } from './options.ts';
import { createRpcClient, DEFAULT_RPC_URL, type RpcClient } from './rpc-client.ts';

export interface OperatorFlags {
  readonly rpc?: string;
  readonly datadir: string;
}

export function operatorOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--rpc <url>', `the node to talk to (default: the one that runs in --datadir, or ${DEFAULT_RPC_URL})`).env('SYNOD_RPC'),
    )
    .option('--datadir <dir>', 'datadir of the node', absolutePath, defaultDatadir());
}

export function operatorClient(flags: OperatorFlags): RpcClient {
  const file = flags.rpc === undefined ? readOperatorFile(flags.datadir) : null;
  return file === null ? createRpcClient(flags.rpc ?? DEFAULT_RPC_URL) : createRpcClient(file.url, { token: file.token });
}
