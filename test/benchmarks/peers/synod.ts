/**
 * Three real nodes of synod on loopback, and clients that send transfers which were signed beforehand, by WebSocket, each over
 * a connection of its own. A transfer is committed when the node that it was sent to has announced a block with it
 * (newHeads): under an engine with instant finality it is decided and on disk then. One more connection to each node that has
 * clients reads what its new blocks hold, for all of them.
 */
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';
import { present } from '../../../src/base/assert.ts';
import { toHex } from '../../../src/base/bytes.ts';
import type { Json } from '../../../src/base/types.ts';
import { builtInGenesis } from '../../../src/cli/genesis.ts';
import { createRpcClient } from '../../../src/cli/rpc-client.ts';
import { keccak256 } from '../../../src/execution/keccak.ts';
import type { Endpoints } from '../../../src/testnet/child.ts';
import { createManifest, paths } from '../../../src/testnet/manifest.ts';
import { Supervisor } from '../../../src/testnet/supervisor.ts';
import { DEV_MNEMONIC } from '../../../src/wallet/mnemonic.ts';
import { temporaryDirectory } from '../processes.ts';
import { CHAIN_ID, recipient, type Sender, senders, signed } from '../transfers.ts';
import type { Cluster, Connection, Opener } from './connection.ts';

const NODES = 3;
/** Every transfer goes to an account of its own. */
const MAX_NONCE = 1_000_000;
export const MAX_CLIENTS = 256;
const SYNOD = fileURLToPath(new URL('../../../src/cli/bin.mjs', import.meta.url));
const BALANCE = `0x${(10n ** 24n).toString(16)}`;

/** `flags`: further ones for each node's interpreter, such as those of a profiler. */
export async function startSynod(engine: string, flags: readonly string[] = []): Promise<Cluster> {
  const directory = join(temporaryDirectory(), 'network');
  const options = { nodes: NODES, miners: 0, validators: NODES, engine, blockTimeSeconds: 1, chainId: CHAIN_ID, hashRateLimit: 0 };
  const manifest = await createManifest(
    directory,
    { ...options, mnemonic: DEV_MNEMONIC, accounts: 1, balance: 1 },
    builtInGenesis(engine),
    Date.now(),
  );
  fund(paths.genesis(directory), senders(MAX_CLIENTS));
  const supervisor = new Supervisor({
    directory,
    manifest,
    command: [process.execPath, ...flags, SYNOD],
    rpcPort: 0,
    call: callNode,
    onEvent: () => undefined,
  });
  await supervisor.start();
  const leader = await leaderOf(supervisor);
  const urls = (await supervisor.report()).map(({ rpcUrl }) => present(rpcUrl, 'the address of a node that is up'));
  return { urls: [...urls.slice(leader), ...urls.slice(0, leader)], stop: () => supervisor.stop() };
}

function fund(file: string, rich: readonly Sender[]): void {
  const genesis = JSON.parse(readFileSync(file, 'utf8')) as { alloc: Record<string, unknown> };
  for (const { address } of rich) genesis.alloc[address] = { balance: BALANCE };
  writeFileSync(file, JSON.stringify(genesis));
}

async function callNode({ rpcUrl, operatorToken }: Endpoints, method: string, params: readonly Json[]): Promise<Json> {
  return (await createRpcClient(rpcUrl, { token: operatorToken }).call(method, params)) as Json;
}

async function leaderOf(supervisor: Supervisor): Promise<number> {
  for (let left = 300; left > 0; left--) {
    const nodes = await supervisor.report();
    const names = nodes.map(({ status }) => (status as { consensus?: { leader?: string | null } } | null)?.consensus?.leader ?? null);
    const index = nodes.findIndex(({ peerId }) => peerId === names[0]);
    if (index !== -1 && names.every((name) => name === names[0])) return index;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error('No member of the network came to lead it');
}

interface Signed {
  readonly request: string;
  readonly hash: string;
}

const RICH = senders(MAX_CLIENTS);
/** Of each sender, signed in order and not sent yet: clients of one run go on where those of the run before ended. */
const READY: Signed[][] = RICH.map(() => []);
const SIGNED = RICH.map(() => 0);

export const openSynod: Opener = async (urls, clients, perClient) => {
  // First: while this process signs it answers no pings, and nodes would take its connections for dead.
  const lists = Array.from({ length: clients }, (_, i) => ready(i, perClient));
  const watchers = await Promise.all(urls.slice(0, clients).map((url) => Watcher.open(url)));
  const connections = await Promise.all(
    lists.map(async (list, i) => {
      const watcher = present(watchers[i % watchers.length], 'a watcher for each node');
      return new Client(await open(urls[i % urls.length] ?? ''), watcher, list);
    }),
  );
  return {
    connections,
    close: () => {
      for (const each of [...connections, ...watchers]) each.close();
    },
  };
};

async function open(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url.replace('http', 'ws'), { perMessageDeflate: false });
  await once(socket, 'open');
  return socket;
}

class Client implements Connection {
  readonly #socket: WebSocket;
  readonly #watcher: Watcher;
  readonly #ready: Signed[];
  #fail: (error: Error) => void = () => undefined;

  constructor(socket: WebSocket, watcher: Watcher, ready: Signed[]) {
    this.#socket = socket;
    this.#watcher = watcher;
    this.#ready = ready;
    socket.on('message', (data: Buffer) => {
      const text = data.toString('latin1');
      if (text.includes('"error"')) this.#fail(new Error(`A transfer was refused: ${text}`));
    });
    socket.on('close', () => this.#fail(new Error('The node closed the connection')));
  }

  commit(): Promise<void> {
    const next = this.#ready.shift();
    if (next === undefined) throw new Error('Not enough transfers were signed');
    return new Promise((resolve, reject) => {
      this.#fail = reject;
      this.#watcher.await(next.hash, resolve);
      this.#socket.send(next.request);
    });
  }

  close(): void {
    this.#fail = () => undefined;
    this.#socket.terminate();
  }
}

/** What a sender can send without signing: so many at least. */
function ready(index: number, count: number): Signed[] {
  const list = present(READY[index], 'a sender');
  while (list.length < count) list.push(sign(index));
  return list;
}

function sign(index: number): Signed {
  const nonce = SIGNED[index] ?? 0;
  SIGNED[index] = nonce + 1;
  const raw = signed(present(RICH[index], 'a sender'), nonce, { to: recipient(index * MAX_NONCE + nonce) });
  const request = `{"jsonrpc":"2.0","id":${nonce},"method":"eth_sendRawTransaction","params":["${toHex(raw)}"]}`;
  return { request, hash: toHex(keccak256(raw)) };
}

interface Message {
  readonly result?: { readonly transactions?: readonly string[] } | string;
  readonly params?: { readonly result?: { readonly hash?: string } };
}

/** Knows what the new blocks of a node hold. */
class Watcher {
  readonly #socket: WebSocket;
  readonly #awaited = new Map<string, () => void>();

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: Buffer) => this.#hear(JSON.parse(data.toString('latin1')) as Message));
  }

  static async open(url: string): Promise<Watcher> {
    const watcher = new Watcher(await open(url));
    const heard = once(watcher.#socket, 'message');
    watcher.#ask('eth_subscribe', ['newHeads']);
    await heard;
    return watcher;
  }

  await(hash: string, committed: () => void): void {
    this.#awaited.set(hash, committed);
  }

  close(): void {
    this.#socket.terminate();
  }

  #ask(method: string, params: readonly unknown[]): void {
    this.#socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));
  }

  #hear({ params, result }: Message): void {
    const head = params?.result?.hash;
    if (head !== undefined) this.#ask('eth_getBlockByHash', [head, false]);
    if (typeof result !== 'object') return;
    for (const hash of result.transactions ?? []) {
      const committed = this.#awaited.get(hash);
      this.#awaited.delete(hash);
      committed?.();
    }
  }
}
