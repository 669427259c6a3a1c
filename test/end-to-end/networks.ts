/** Networks and nodes for end-to-end tests: quick blocks, little hashing, free ports, temporary directories. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Json } from '../../src/base/types.ts';
import { builtInGenesis } from '../../src/cli/genesis.ts';
import { createRpcClient } from '../../src/cli/rpc-client.ts';
import type { NodeEndpoints } from '../../src/node/node.ts';
import { readOperatorFile } from '../../src/node/operator-file.ts';
import { callControl } from '../../src/testnet/control.ts';
import { createManifest, genesisDocument, paths, type TestnetOptions } from '../../src/testnet/manifest.ts';
import type { NodeReport } from '../../src/testnet/supervisor.ts';
import { DEV_MNEMONIC, devAccounts } from '../../src/wallet/mnemonic.ts';
import { Hopeless, isRunning, PATIENCE_MS, type Processes, type TestProcess, until } from '../support/processes.ts';
import { commonBlock, type RpcBlock, statusOf } from './rpc.ts';

export const DEV_ACCOUNTS = devAccounts(DEV_MNEMONIC, 10);
export const CHAIN_ID = 31_337;

/** Hashing that two busy cores do not notice; the difficulty follows it. */
const HASH_RATE = 20_000;
const OPTIONS: TestnetOptions = {
  nodes: 4,
  miners: 2,
  engine: 'pow',
  validators: 8,
  blockTimeSeconds: 1,
  chainId: CHAIN_ID,
  mnemonic: DEV_MNEMONIC,
  accounts: 10,
  balance: 10_000,
  hashRateLimit: HASH_RATE,
};

export const QUICK = ['--engine', 'pow', '--rpc-port', '0', '--block-time', '1', '--hashrate', String(HASH_RATE)];

export function dev(index: number): (typeof DEV_ACCOUNTS)[number] {
  const account = DEV_ACCOUNTS[index];
  if (account === undefined) throw new Error(`There is no development account ${index}`);
  return account;
}

// ---- A test network --------------------------------------------------------------------------------------------

interface Event {
  readonly event: string;
}
export interface ReadyEvent extends Event {
  readonly chainId: number;
  readonly accounts: readonly { readonly address: string; readonly privateKey: string }[];
  readonly nodes: readonly NodeReport[];
}
interface NodeUpEvent extends Event {
  readonly index: number;
  readonly rpcUrl: string;
}

/** Several processes start at once, beside whatever else the machine does. */
const START_PATIENCE_MS = 2 * PATIENCE_MS;

/** `synod testnet --json --dir ...`, running. */
export class Testnet {
  readonly directory: string;
  readonly supervisor: TestProcess;
  readonly #processes: Processes;

  private constructor(processes: Processes, directory: string, supervisor: TestProcess) {
    this.#processes = processes;
    this.directory = directory;
    this.supervisor = supervisor;
  }

  /** Resolves when all nodes are up. */
  static async start(processes: Processes, directory: string, ...args: string[]): Promise<Testnet> {
    const supervisor = processes.synod(['testnet', '--json', '--dir', directory, ...args]);
    const net = new Testnet(processes, directory, supervisor);
    await until(
      'the test network is ready',
      () => {
        if (!supervisor.running) throw new Hopeless(`The supervisor ended: ${supervisor.tail()}`);
        return net.ready();
      },
      START_PATIENCE_MS,
    );
    await net.report();
    return net;
  }

  /** Undefined before the network is ready. */
  ready(): ReadyEvent | undefined {
    return this.events<ReadyEvent>('ready')[0];
  }

  events<T extends Event>(type: string): T[] {
    return (this.supervisor.documents as Event[]).filter(({ event }) => event === type) as T[];
  }

  /** What the supervisor answers to `synod testnet status`. */
  async report(): Promise<NodeReport[]> {
    const report = (await this.control('status')) as unknown as NodeReport[];
    for (const { pid } of report) if (pid !== null) this.#processes.watch(pid, this.directory);
    return report;
  }

  /** What the commands that act on a running network do. */
  async control(command: string, ...parameters: Json[]): Promise<Json> {
    return await callControl(this.directory, `testnet_${command}`, parameters);
  }

  /** Calls what a node keeps for its operator, with the token that lies in its datadir. */
  async command<T>(index: number, method: string, ...params: unknown[]): Promise<T> {
    const operator = readOperatorFile(paths.datadir(this.directory, index));
    if (operator === null) throw new Error(`Node ${index} has left no token`);
    return (await createRpcClient(operator.url, { token: operator.token }).call(method, params)) as T;
  }

  /** Of the node's last start: a node that is started again may serve on another port. */
  url(index: number): string {
    const last = this.events<NodeUpEvent>('node-up').findLast((event) => event.index === index);
    if (last === undefined) throw new Error(`Node ${index} never came up`);
    return last.rpcUrl;
  }

  urls(...indices: number[]): string[] {
    return indices.map((index) => this.url(index));
  }

  /** A block of at least this height that all of these nodes have on their chains, with the same state. */
  async agreement(indices: readonly number[], height = 0): Promise<RpcBlock> {
    return await until(`nodes ${indices} agree above height ${height}`, async () => {
      const block = await commonBlock(this.urls(...indices));
      return block !== undefined && Number(block.number) >= height && block;
    });
  }

  /** The nodes' processes that still run. */
  survivors(pids: readonly (number | null)[]): number[] {
    return pids.filter((pid) => pid !== null && isRunning(pid, this.directory)) as number[];
  }
}

/** The directory of a network whose genesis is this old, as if it had been made then and left alone since. */
export async function makeOldNetwork(directory: string, ageMs: number, options: Partial<TestnetOptions> = {}): Promise<void> {
  await createManifest(directory, { ...OPTIONS, ...options }, builtInGenesis('pow'), Date.now() - ageMs);
}

// ---- One node --------------------------------------------------------------------------------------------------

/** A genesis document for quick blocks in a file of its own. */
export function writeQuickGenesis(directory: string, options: Partial<TestnetOptions> = {}): string {
  const file = join(directory, 'genesis.json');
  const wanted = { ...OPTIONS, miners: 1, ...options };
  const funded = devAccounts(wanted.mnemonic, wanted.accounts).map(({ address }) => address);
  writeFileSync(file, JSON.stringify(genesisDocument(builtInGenesis(wanted.engine), wanted, funded, [], Date.now())));
  return file;
}

export interface TestNode {
  readonly process: TestProcess;
  readonly url: string;
  readonly endpoints: NodeEndpoints;
}

/** `synod node ...args`, serving, with every namespace open on a free port. */
export async function startNode(processes: Processes, datadir: string, genesis: string, ...args: string[]): Promise<TestNode> {
  const ports = ['--port', '0', '--http.port', '0', '--http.api', 'eth,net,web3,txpool,miner,admin,synod'];
  const limit = ['--miner.hashrate', String(HASH_RATE)];
  const node = processes.synod(['node', '--datadir', datadir, '--genesis', genesis, ...ports, ...limit, ...args], { channel: true });
  const endpoints = await until('the node is ready', () => {
    if (!node.running) throw new Hopeless(`The node ended: ${node.tail()}`);
    return node.messages.find((message) => (message as { type?: string }).type === 'ready') as NodeEndpoints | undefined;
  });
  if (endpoints.rpcUrl === null) throw new Error('The node serves no RPC');
  return { process: node, url: endpoints.rpcUrl, endpoints };
}

/** Waits for the first block of at least this height. */
export async function untilHeight(url: string, height: number): Promise<number> {
  return await until(`${url} reaches height ${height}`, async () => {
    const { head } = await statusOf(url);
    return head.number >= height && head.number;
  });
}
