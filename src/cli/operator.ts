/** How the operator's commands reach a running node: through the file in its datadir, or over RPC when a URL is named. */
import { type Command, Option } from 'commander';
import { UsageError } from '../base/errors.ts';
import type { Json } from '../base/types.ts';
import { readOperatorFile } from '../node/operator-file.ts';
import { absolutePath, defaultDatadir } from './options.ts';
import { createRpcClient, DEFAULT_RPC_URL, type RpcClient } from './rpc-client.ts';

export interface OperatorFlags {
  readonly rpc?: string;
  readonly datadir?: string;
}

export function operatorOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--rpc <url>', `the node to talk to (default: the one that runs in --datadir, or ${DEFAULT_RPC_URL})`).env('SYNOD_RPC'),
    )
    .option('--datadir <dir>', `datadir of the node (default: ${defaultDatadir()})`, absolutePath);
}

export function operatorClient(flags: OperatorFlags): RpcClient {
  const file = readOperatorFile(flags.datadir ?? defaultDatadir());
  // With both, the token of the datadir opens the node at the URL, if it is the same one.
  if (flags.rpc !== undefined) return createRpcClient(flags.rpc, flags.datadir === undefined || file === null ? {} : { token: file.token });
  if (file !== null) return createRpcClient(file.url, { token: file.token });
  // Whoever names a datadir means that node, and not whichever has the default port.
  if (flags.datadir !== undefined)
    throw new UsageError('cli/not-running', `No node runs in ${flags.datadir}. Start it with \`synod node --datadir\`, or name its --rpc.`);
  return createRpcClient(DEFAULT_RPC_URL);
}

/** JSON-RPC 2.0, section 5.1. */
const METHOD_NOT_FOUND = -32601;

/** Over RPC alone a node does not take orders; its datadir has the token that opens them. Throws `cli/not-permitted` with that advice. */
export async function operatorCall(client: RpcClient, method: string, params: readonly Json[] = []): Promise<Json> {
  try {
    return (await client.call(method, params)) as Json;
  } catch (cause) {
    if (!(cause instanceof UsageError) || cause.fields.rpcCode !== METHOD_NOT_FOUND) throw cause;
    const [namespace] = method.split('_');
    const advice = `Name the datadir of the node (of a test network: --datadir .synod/testnet/node-0), or start it with --http.api ${namespace},... Its engine must have such a command.`;
    throw new UsageError('cli/not-permitted', `${client.url} does not take ${method} from everybody. ${advice}`, {}, cause);
  }
}
