/**
 * A test network without nodes: the supervisor's real control server, and for each node a server that answers the dashboard's
 * questions from blocks that the test makes by hand. Nothing happens by itself, so what the page shows is known.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Json } from '../../src/base/types.ts';
import { dashboardPage } from '../../src/dashboard/serve.ts';
import { type ControlMethod, type ControlServer, startControlServer } from '../../src/testnet/control-server.ts';
import type { CallParams } from '../../src/testnet/json-rpc.ts';
import {
  blockJson,
  bytesOf,
  CONTRACT,
  HOSTILE,
  type MockBlock,
  mineOn,
  quantity,
  receiptJson,
  revertData,
  SENDER,
  transactionJson,
} from './mock-chain.ts';

export const TOKEN = 'a-token-of-the-tests';
/** Blocks from the head down that are not safe, and not final. */
const SAFE_DEPTH = 4;
const FINAL_DEPTH = 8;

interface Request {
  readonly id: number;
  readonly method: string;
  readonly params: readonly unknown[];
}

export class MockNode {
  readonly index: number;
  /** Its chain, by height. */
  chain: MockBlock[];
  /** Heights that stay final whatever comes. */
  finalized: number | null = null;
  isUp = true;
  /** It hangs when asked for this: such questions get no answer. */
  hangsAt: string | null = null;
  asked = 0;
  /** What it remembers; without it, it knows no such method. */
  history: Json | undefined;
  readonly #server: Server;
  readonly #sockets = new Set<WebSocket>();

  constructor(index: number, chain: MockBlock[]) {
    this.index = index;
    this.chain = [...chain];
    this.#server = createServer(async (request, response) => {
      response.setHeader('access-control-allow-origin', '*');
      response.setHeader('access-control-allow-headers', 'content-type');
      if (!this.isUp) return void response.destroy();
      if (request.method !== 'POST') return void response.writeHead(204).end();
      let body = '';
      for await (const chunk of request) body += String(chunk);
      response.setHeader('content-type', 'application/json').end(this.#reply(body, null));
    });
    const sockets = new WebSocketServer({ server: this.#server });
    sockets.on('connection', (socket) => {
      if (!this.isUp) return socket.terminate();
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('message', (data) => {
        if (this.hangsAt === null || !String(data).includes(this.hangsAt)) socket.send(this.#reply(String(data), socket));
      });
    });
  }

  get head(): MockBlock {
    const head = this.chain.at(-1);
    if (head === undefined) throw new RangeError('a mock chain has a genesis');
    return head;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  async close(): Promise<void> {
    this.kill();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  kill(): void {
    this.isUp = false;
    for (const socket of this.#sockets) socket.terminate();
  }

  /** Goes to this block, and tells of every one that is new on the way. */
  follow(head: MockBlock): void {
    const added: MockBlock[] = [];
    let block: MockBlock | null = head;
    while (block !== null && this.chain[block.number] !== block) {
      added.push(block);
      block = block.parent;
    }
    this.chain.length = (block?.number ?? -1) + 1;
    for (const one of added.reverse()) {
      this.chain.push(one);
      const news = { jsonrpc: '2.0', method: 'eth_subscription', params: { subscription: '0x1', result: one.header } };
      for (const socket of this.#sockets) socket.send(JSON.stringify(news));
    }
  }

  #reply(text: string, socket: WebSocket | null): string {
    const message = JSON.parse(text) as Request | Request[];
    const answer = ({ id, method, params }: Request) => {
      this.asked++;
      const result = this.#answer(method, params, socket);
      return result === undefined
        ? { jsonrpc: '2.0', id, error: { code: -32_601, message: `the method ${method} does not exist/is not available` } }
        : { jsonrpc: '2.0', id, result };
    };
    return JSON.stringify(Array.isArray(message) ? message.map(answer) : answer(message));
  }

  #answer(method: string, params: readonly unknown[], socket: WebSocket | null): unknown {
    const [first] = params;
    switch (method) {
      case 'eth_subscribe':
        return socket === null ? undefined : '0x1';
      case 'synod_status':
        return this.#status();
      case 'synod_getHistory':
        return this.history;
      case 'eth_blockNumber':
        return this.head.header.number;
      case 'eth_getHeaderByNumber':
        return this.chain[Number(first)]?.header ?? null;
      case 'eth_getHeaderByHash':
        return this.#byHash(first)?.header ?? null;
      case 'eth_getBlockByNumber':
      case 'eth_getBlockByHash': {
        const block = first === 'latest' ? this.head : (this.chain[Number(first)] ?? this.#byHash(first));
        return block === undefined ? null : blockJson(block, params[1] === true);
      }
      case 'eth_getBlockTransactionCountByHash':
        return quantity(this.#byHash(first)?.transactions.length ?? 0);
      case 'eth_getTransactionByHash':
      case 'eth_getTransactionReceipt': {
        const block = this.chain.find(({ transactions }) => transactions.includes(String(first)));
        if (block === undefined) return null;
        return method.endsWith('Hash') ? transactionJson(String(first), block) : receiptJson(String(first), block);
      }
      default:
        return ACCOUNTS[method]?.(first) ?? STAKE[method];
    }
  }

  #byHash(hash: unknown): MockBlock | undefined {
    return this.chain.findLast((block) => block.hash === hash);
  }

  #status(): unknown {
    const point = (depth: number) => {
      const { number, hash, header } = this.chain[Math.max(0, this.head.number - depth)] ?? this.head;
      return { number, hash, stateRoot: hash, timestamp: Number(header.timestamp) };
    };
    const depth = this.finalized === null ? FINAL_DEPTH : this.head.number - this.finalized;
    return {
      version: HOSTILE,
      engine: 'pos',
      chainId: 31_337,
      genesis: this.chain[0]?.hash,
      peerId: `12D3KooWMock${this.index}`,
      uptimeSeconds: 60,
      head: point(0),
      safe: point(Math.max(SAFE_DEPTH, depth - SAFE_DEPTH)),
      finalized: point(depth),
      weight: '1',
      peers: 3,
      sync: { state: 'idle', current: 0, target: 0 },
      pool: { pending: 1, queued: 0 },
      reorgs: { count: 0, deepest: 0, last: 0, dropped: 0 },
      mining: null,
      partition: null,
      consensus: { slot: this.head.number, epoch: this.head.number >> 2, keys: 2, [HOSTILE]: HOSTILE },
    };
  }
}

const ACCOUNTS: { readonly [method: string]: (first: unknown) => unknown } = {
  eth_getProof: (address) => ({ address, balance: quantity(10n ** 18n), nonce: '0x1', storageHash: bytesOf('root'), codeHash: '0x' }),
  eth_getTransactionCount: () => '0x1',
  eth_getCode: (address) => (address === CONTRACT ? bytesOf(HOSTILE) : '0x'),
  eth_call: () => bytesOf(HOSTILE),
  ots_getContractCreator: () => ({ hash: `0x${'77'.repeat(32)}`, creator: SENDER }),
  ots_searchTransactionsBefore: () => ({ txs: [], receipts: [], firstPage: true, lastPage: true }),
  ots_getTransactionError: () => revertData(HOSTILE),
  ots_getInternalOperations: () => [],
};

const epoch = (number: number, share: number) => ({ epoch: number, voted: '1', active: '1', share });
const checkpoint = { epoch: 1, root: `0x${'11'.repeat(32)}` };
const waiting = transactionJson(`0x${'55'.repeat(32)}`, null);

const STAKE: { readonly [method: string]: unknown } = {
  txpool_status: { pending: '0x1', queued: '0x0' },
  txpool_content: { pending: { [SENDER]: { '0': waiting } }, queued: {} },
  synod_getCheckpoints: { slot: 9, epoch: 2, justified: checkpoint, finalized: checkpoint },
  synod_getParticipation: { previous: epoch(1, 0.5), current: epoch(2, 0.25), epochsSinceFinality: 7 },
  synod_getDuties: { epoch: 2, slots: [{ slot: 8, proposer: 1, committees: [[0, 2]] }] },
  synod_getVotes: [{ slot: 8, committee: 0, head: checkpoint.root, source: checkpoint, target: checkpoint, voters: 1 }],
  synod_getSlashings: { slashed: [3], waiting: [] },
  synod_getValidators: [
    {
      index: 0,
      publicKey: `0x${'aa'.repeat(48)}`,
      status: HOSTILE,
      depositor: SENDER,
      balance: '32000000001',
      effectiveBalance: '32000000000',
      slashed: false,
      isOurs: true,
    },
  ],
};

export interface MockOptions {
  readonly nodes: number;
  readonly blocks: number;
}

export class MockNetwork {
  readonly nodes: readonly MockNode[];
  sides: readonly (readonly number[])[] | null = null;
  readonly commands: string[] = [];
  readonly #control: ControlServer;

  static async start({ nodes: count, blocks }: MockOptions): Promise<MockNetwork> {
    const chain = [mineOn(null, '')];
    for (let number = 1; number < blocks; number++) chain.push(mineOn(chain.at(-1) ?? null, '', { transactions: number % 3 }));
    const nodes = Array.from({ length: count }, (_, index) => new MockNode(index, chain));
    await Promise.all(nodes.map((node) => node.listen()));
    let network: MockNetwork | null = null;
    const control = await startControlServer({
      port: 0,
      token: TOKEN,
      page: (path) => dashboardPage(path, 'loopback'),
      method: (name) => network?.method(name),
    });
    network = new MockNetwork(nodes, control);
    return network;
  }

  private constructor(nodes: readonly MockNode[], control: ControlServer) {
    this.nodes = nodes;
    this.#control = control;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#control.port}/`;
  }

  /** A block on each side's head: of the whole network where it is not cut. */
  mine(transactions = 0): void {
    for (const side of this.sides ?? [this.nodes.map(({ index }) => index)]) {
      const members = this.nodes.filter(({ index, isUp }) => isUp && side.includes(index));
      const [first] = members;
      if (first === undefined) continue;
      const block = mineOn(first.head, side.join(), { transactions });
      for (const node of members) node.follow(block);
    }
  }

  method(name: string): ControlMethod | undefined {
    switch (name) {
      case 'testnet_nodes':
        return { open: true, run: async () => this.#report() as Json };
      case 'testnet_status':
        return { run: async () => this.#report() as Json };
      case 'testnet_partition':
        return this.#command(name, ([sides]) => this.cut(sides as unknown as number[][]));
      case 'testnet_heal':
        return this.#command(name, () => this.heal());
      case 'testnet_kill':
        return this.#command(name, ([index]) => this.nodes[Number(index)]?.kill());
    }
    return undefined;
  }

  cut(sides: readonly (readonly number[])[]): void {
    this.sides = sides;
    for (const node of this.nodes) node.finalized = Math.max(0, node.head.number - FINAL_DEPTH);
  }

  /** Everybody goes to the highest head. */
  heal(): void {
    this.sides = null;
    const best = this.nodes.map(({ head }) => head).sort((a, b) => b.number - a.number)[0];
    for (const node of this.nodes) {
      node.finalized = null;
      if (best !== undefined) node.follow(best);
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#control.close(), ...this.nodes.map((node) => node.close())]);
  }

  #command(name: string, run: (params: readonly Json[]) => unknown): ControlMethod {
    return {
      run: async (params: CallParams) => {
        this.commands.push(`${name} ${JSON.stringify(params)}`);
        run(params as readonly Json[]);
        return null;
      },
    };
  }

  #report(): unknown {
    return this.nodes.map(({ index, url, isUp }) => {
      const side = this.sides?.findIndex((members) => members.includes(index)) ?? null;
      return { index, state: isUp ? 'up' : 'down', rpcUrl: isUp ? url : null, side, faults: [] };
    });
  }
}
