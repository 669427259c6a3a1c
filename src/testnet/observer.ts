/** A running test network as one sees it from outside: its nodes by their RPC, and waits for what they have in common. */
import { setTimeout as delay } from 'node:timers/promises';
import { UsageError } from '../base/errors.ts';
import { type Hash, type Json, quote } from '../base/types.ts';
import type { NodeStatus } from '../node/status.ts';
import { callNode } from './launch.ts';
import type { Supervisor } from './supervisor.ts';

export interface TestNode {
  readonly index: number;
  /** http://127.0.0.1:<port>; WebSocket is on the same port. Of the node's last start. */
  readonly url: string;
  /** JSON-RPC with every namespace open. Throws UsageError `rpc/refused` with the node's own words. */
  request(method: string, params?: readonly Json[]): Promise<Json>;
  status(): Promise<NodeStatus>;
}

export interface BlockId {
  readonly number: number;
  readonly hash: Hash;
}

export interface WaitOptions {
  /** Of these nodes only; by default of all that run. */
  readonly nodes?: readonly number[];
  /** At least this height; by default that of the highest head at the moment of the call. */
  readonly number?: number;
  readonly timeoutMs?: number;
}

export const TIMEOUT_MS = 60_000;
const POLL_MS = 100;
/** The first node, which all know, and another that it told them of. */
const KNOWN_PEERS = 2;

export class Observer {
  readonly nodes: readonly TestNode[];
  readonly timeoutMs: number;
  readonly #supervisor: Supervisor;

  /** `timeoutMs`: of a wait that has no bound of its own. */
  constructor(supervisor: Supervisor, timeoutMs: number = TIMEOUT_MS) {
    this.#supervisor = supervisor;
    this.timeoutMs = timeoutMs;
    this.nodes = supervisor.manifest.nodes.map(({ index }) => new Node(supervisor, index));
  }

  /** Throws UsageError `testnet/no-such-node`. */
  node(index: number): TestNode {
    const node = Number.isSafeInteger(index) ? this.nodes[index] : undefined;
    if (node !== undefined) return node;
    const named = typeof index === 'number' ? index : quote(String(index));
    throw new UsageError('testnet/no-such-node', `There is no node ${named}; the nodes are 0 to ${this.nodes.length - 1}.`);
  }

  /**
   * Resolves when every node has met others than the first, of which all have heard of each other: a network whose first node died
   * before that would not be one. `startNetwork` has waited for it.
   */
  async connected(): Promise<void> {
    const others = Math.min(this.nodes.length - 1, KNOWN_PEERS);
    await this.until('the nodes are connected with each other', undefined, async () => {
      const statuses = await Promise.all(this.running().map((node) => node.status()));
      return statuses.every(({ peers }) => peers >= others);
    });
  }

  /** The block at this height on which the nodes agree, as soon as they do. */
  async agreed({ nodes, number, timeoutMs }: WaitOptions = {}): Promise<BlockId> {
    const height = number ?? (await this.#highestHead(nodes));
    return await this.until(`the nodes agree on block ${height}`, timeoutMs, async () => {
      const [first, ...others] = await Promise.all(this.running(nodes).map((node) => blockAt(node, height)));
      return first !== undefined && others.every((block) => block?.hash === first?.hash) ? first : null;
    });
  }

  /** The same for finality: resolves when the block is final on each node. Under proof-of-work that is a depth (see `synod node --help`). */
  async finalized({ nodes, number, timeoutMs }: WaitOptions = {}): Promise<BlockId> {
    const height = number ?? (await this.#highestHead(nodes));
    await this.until(`block ${height} is final`, timeoutMs, async () => {
      const statuses = await Promise.all(this.running(nodes).map((node) => node.status()));
      return statuses.length > 0 && statuses.every(({ finalized }) => finalized.number >= height);
    });
    return await this.agreed({ number: height, ...(nodes !== undefined && { nodes }), ...(timeoutMs !== undefined && { timeoutMs }) });
  }

  /** Those that serve, or these. */
  running(wanted?: readonly number[]): readonly TestNode[] {
    const running = this.nodes.filter(({ index }) => this.#supervisor.isAwake(index));
    return wanted === undefined ? running : wanted.map((index) => this.node(index));
  }

  async #highestHead(nodes?: readonly number[]): Promise<number> {
    return Math.max(0, ...(await Promise.all(this.running(nodes).map((node) => node.status()))).map(({ head }) => head.number));
  }

  /** Asks again and again until the answer is neither null nor false. Throws UsageError `testing/timeout` and `testing/stopped`. */
  async until<T>(what: string, timeoutMs: number | undefined, ask: () => Promise<T | null | false>): Promise<T> {
    const boundMs = timeoutMs ?? this.timeoutMs;
    const deadlineMs = performance.now() + boundMs;
    for (;;) {
      this.#supervisor.stopping.throwIfAborted();
      const answer = await ask();
      if (answer !== null && answer !== false) return answer;
      if (performance.now() > deadlineMs) {
        const heads = (await this.#supervisor.report()).map(({ index, state, status }) => `node ${index} ${state}, ${describe(status)}`);
        throw new UsageError('testing/timeout', `Waited ${boundMs / 1_000} s in vain until ${what}; ${heads.join('; ')}.`);
      }
      await delay(POLL_MS);
    }
  }
}

class Node implements TestNode {
  readonly index: number;
  readonly #supervisor: Supervisor;

  constructor(supervisor: Supervisor, index: number) {
    this.index = index;
    this.#supervisor = supervisor;
  }

  get #endpoints() {
    this.#supervisor.stopping.throwIfAborted();
    const endpoints = this.#supervisor.endpoints(this.index);
    if (endpoints !== null) return endpoints;
    throw new UsageError('testnet/down', `Node ${this.index} is not running; restart it first.`);
  }

  get url(): string {
    return this.#endpoints.rpcUrl;
  }

  async request(method: string, params: readonly Json[] = []): Promise<Json> {
    return await callNode(this.#endpoints, method, params);
  }

  async status(): Promise<NodeStatus> {
    return (await this.request('synod_status')) as unknown as NodeStatus;
  }
}

export function idOf({ number, hash }: BlockId): BlockId {
  return { number, hash };
}

function describe(status: Json): string {
  if (status === null) return 'no answer';
  const { head, finalized, peers } = status as unknown as NodeStatus;
  return `head ${head.number}, final ${finalized.number}, ${peers} peers`;
}

export async function blockAt(node: TestNode, number: number): Promise<BlockId | undefined> {
  const block = (await node.request('eth_getBlockByNumber', [`0x${number.toString(16)}`, false])) as { readonly hash: Hash } | null;
  return block === null ? undefined : { number, hash: block.hash };
}

/** The highest block that both have: by halving, since two chains that differ once differ from there on. */
export async function forkPoint(one: TestNode, other: TestNode): Promise<BlockId> {
  const heads = await Promise.all([one.status(), other.status()]);
  let [low, high] = [0, Math.min(...heads.map(({ head }) => head.number))];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const [left, right] = await Promise.all([blockAt(one, middle), blockAt(other, middle)]);
    if (left !== undefined && left.hash === right?.hash) low = middle;
    else high = middle - 1;
  }
  const block = await blockAt(one, low);
  if (block !== undefined) return block;
  throw new UsageError('testing/fork', `Node ${one.index} no longer has block ${low}; was the network restarted meanwhile?`);
}
