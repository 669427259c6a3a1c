/**
 * How commands of the operator reach a running node: by its private socket in the datadir, which answers every namespace
 * and only to the owner of the datadir, or over RPC when a URL is named.
 */
import { existsSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { ipcPath } from '../node/ipc.ts';
import { absolutePath, defaultDatadir } from './options.ts';
import { createRpcClient, DEFAULT_RPC_URL, type RpcClient } from './rpc-client.ts';

export interface OperatorFlags {
  readonly rpc?: string;
  readonly datadir: string;
}

export function operatorOptions(command: Command): Command {
  return command
    .addOption(new Option('--rpc <url>', `the node to talk to (default: the socket in --datadir, or ${DEFAULT_RPC_URL})`).env('SYNOD_RPC'))
    .option('--datadir <dir>', 'datadir of the node', absolutePath, defaultDatadir());
}

export function operatorClient(flags: OperatorFlags): RpcClient {
  const socket = ipcPath(flags.datadir);
  if (flags.rpc === undefined && socket !== null && existsSync(socket)) return createRpcClient(socket);
  return createRpcClient(flags.rpc ?? DEFAULT_RPC_URL);
}
