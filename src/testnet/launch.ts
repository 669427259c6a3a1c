/** How a test network is put together from a few wishes, and how its nodes are run and asked: for the command and for the library. */
import { fileURLToPath } from 'node:url';
import type { Json } from '../base/types.ts';
import { createRpcClient } from '../cli/rpc-client.ts';
import { DEV_MNEMONIC } from '../wallet/mnemonic.ts';
import type { Endpoints } from './child.ts';
import { DEFAULT_HASH_RATE, membersAmong } from './engines.ts';
import type { TestnetOptions } from './manifest.ts';

const SYNOD = fileURLToPath(new URL('../cli/bin.mjs', import.meta.url));
/** A young generation of 4 MB suits a node that mostly waits: 20 MB less, and no slower under load. */
const NODE_FLAGS = ['--max-semi-space-size=4'];
/** Interpreter and arguments with which each node is started. */
export const SYNOD_COMMAND: readonly string[] = [process.execPath, ...NODE_FLAGS, SYNOD];
const NODE_CALL_TIMEOUT_MS = 5_000;

const DEFAULT_NODES = 4;
const DEFAULT_MINERS = 2;
const VALIDATORS_PER_NODE = 2;
/** One for each slot of an epoch. */
const MIN_VALIDATORS = 4;

export const DEFAULTS = { engine: 'pos', miners: DEFAULT_MINERS, chainId: 31_337, accounts: 10, balance: 10_000 } as const;

/** What is not wished for is what `synod testnet` starts by default. */
export function completeOptions(wishes: Partial<TestnetOptions>): TestnetOptions {
  const engine = wishes.engine ?? DEFAULTS.engine;
  // Where members only crash, a fourth would make nothing safer: it could only follow.
  const nodes = wishes.nodes ?? (membersAmong(DEFAULT_NODES, engine) || DEFAULT_NODES);
  return {
    nodes,
    // With fewer nodes than the default number of miners, every node mines.
    miners: wishes.miners ?? Math.min(DEFAULT_MINERS, nodes),
    validators: wishes.validators ?? Math.max(MIN_VALIDATORS, VALIDATORS_PER_NODE * nodes),
    engine,
    blockTimeSeconds: wishes.blockTimeSeconds ?? (engine === 'pow' ? 2 : 1),
    chainId: wishes.chainId ?? DEFAULTS.chainId,
    mnemonic: wishes.mnemonic ?? DEV_MNEMONIC,
    accounts: wishes.accounts ?? DEFAULTS.accounts,
    balance: wishes.balance ?? DEFAULTS.balance,
    hashRateLimit: wishes.hashRateLimit ?? DEFAULT_HASH_RATE,
  };
}

/** Asks a node of the network, as its operator. Throws UsageError `rpc/...`. */
export async function callNode(endpoints: Endpoints, method: string, params: readonly Json[]): Promise<Json> {
  const client = createRpcClient(endpoints.rpcUrl, { timeoutMs: NODE_CALL_TIMEOUT_MS, token: endpoints.operatorToken });
  return (await client.call(method, params)) as Json;
}
