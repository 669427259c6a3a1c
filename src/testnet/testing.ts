/**
 * `import { startNetwork } from 'synod/testing'`: a network of real nodes for the test suite of a dapp, a wallet or an indexer
 * (vitest, jest, Mocha, Hardhat, node:test), with the events that are hard to come by elsewhere: reorganisations, finality that
 * stalls and returns, nodes that die.
 *
 *   const network = await startNetwork({ engine: 'pow' });
 *   const client = createPublicClient({ transport: http(network.url) });
 *   await network.reorg({ depth: 6 });
 *   await network.stop();
 *
 * The nodes are processes of this machine; they end with the process that started them. Every wait has a bound, and says what
 * it waited for when that is reached (UsageError `testing/timeout`).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { toHex } from '../base/bytes.ts';
import { UsageError } from '../base/errors.ts';
import type { Hash, Hex, Json } from '../base/types.ts';
import { builtInGenesis } from '../cli/genesis.ts';
import type { NodeStatus } from '../node/status.ts';
import { deriveAccounts } from '../wallet/mnemonic.ts';
import { type Control, takeControl } from './control.ts';
import { callNode, completeOptions, SYNOD_COMMAND } from './launch.ts';
import { createManifest, loadManifest, type TestnetOptions } from './manifest.ts';
import { controlMethods } from './methods.ts';
import { finishRestore } from './snapshots/restore.ts';
import { RunningSnapshots } from './snapshots/running.ts';
import { type NodeReport, Supervisor } from './supervisor.ts';

export interface NetworkOptions extends Partial<TestnetOptions> {
  /** Where the network is kept; a second start goes on from there. By default a temporary directory that `stop` removes. */
  readonly directory?: string;
  /** RPC port of node 0, the next one for node 1 and so on. By default free ones. */
  readonly rpcPort?: number;
  /** How long a wait may take unless it says otherwise. By default a minute. */
  readonly timeoutMs?: number;
}

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

export interface Reorganisation {
  /** Blocks that the node left; at least what was asked for. */
  readonly depth: number;
  /** The last block that both branches have. */
  readonly ancestor: BlockId;
  /** The head of the branch that was left, and the one of the branch that was taken. */
  readonly left: BlockId;
  readonly taken: BlockId;
}

export interface ReorgOptions {
  /** How many blocks the node leaves. */
  readonly depth: number;
  /** The node that leaves them. By default node 0. */
  readonly node?: number;
  readonly timeoutMs?: number;
  /** Called when the branch that will be left is as long as it will be: the place to look at what is about to vanish. */
  readonly beforeHeal?: () => void | Promise<void>;
}

export interface WaitOptions {
  /** Of these nodes only; by default of all that run. */
  readonly nodes?: readonly number[];
  /** At least this height; by default that of the highest head at the moment of the call. */
  readonly number?: number;
  readonly timeoutMs?: number;
}

export interface Account {
  readonly address: Hex;
  readonly privateKey: Hex;
}

const TIMEOUT_MS = 60_000;
const POLL_MS = 100;
/** The first node, which all know, and another that it told them of. */
const KNOWN_PEERS = 2;
/** Of a block time: a branch may need luck. */
const BLOCK_TIMES_PER_BLOCK = 12;

/** Resolves when every node serves. Throws UsageError for options that make no network, and when a node does not come up. */
export async function startNetwork(options: NetworkOptions = {}): Promise<TestNetwork> {
  const { directory, rpcPort = 0, timeoutMs = TIMEOUT_MS, ...wishes } = options;
  const root = directory ?? mkdtempSync(join(tmpdir(), 'synod-network-'));
  const hold = await takeControl(root);
  try {
    finishRestore(root);
    const wanted = completeOptions(wishes);
    const manifest = loadManifest(root) ?? (await createManifest(root, wanted, builtInGenesis(wanted.engine), Date.now()));
    const supervisor = new Supervisor({
      directory: root,
      manifest,
      command: SYNOD_COMMAND,
      rpcPort,
      call: callNode,
      onEvent: () => undefined,
    });
    const network = new TestNetwork(supervisor, hold, root, directory === undefined, timeoutMs);
    hold.serve(controlMethods(supervisor, () => void network.stop()));
    await supervisor.start();
    await network.connected().catch(async (error: unknown) => {
      await supervisor.stop();
      throw error;
    });
    return network;
  } catch (error) {
    await hold.release();
    throw error;
  }
}

export class TestNetwork implements AsyncDisposable {
  readonly options: TestnetOptions;
  readonly directory: string;
  readonly nodes: readonly TestNode[];
  /** Funded in genesis. Everybody knows their keys. */
  readonly accounts: readonly Account[];
  readonly #supervisor: Supervisor;
  readonly #snapshots: RunningSnapshots;
  readonly #hold: Control;
  readonly #isTemporary: boolean;
  readonly #timeoutMs: number;

  /** Use `startNetwork`. */
  constructor(supervisor: Supervisor, hold: Control, directory: string, isTemporary: boolean, timeoutMs: number) {
    this.#supervisor = supervisor;
    this.#snapshots = new RunningSnapshots(supervisor);
    this.#hold = hold;
    this.#isTemporary = isTemporary;
    this.#timeoutMs = timeoutMs;
    this.directory = directory;
    this.options = supervisor.manifest.options;
    this.nodes = supervisor.manifest.nodes.map(({ index }) => new Node(supervisor, index));
    const { mnemonic, accounts } = this.options;
    this.accounts = deriveAccounts(mnemonic, accounts).map(({ address, privateKey }) => ({ address, privateKey: toHex(privateKey) }));
  }

  /** The RPC of node 0. */
  get url(): string {
    return this.node(0).url;
  }

  /** Throws UsageError `testnet/no-such-node`. */
  node(index: number): TestNode {
    const node = this.nodes[index];
    if (node !== undefined) return node;
    throw new UsageError('testnet/no-such-node', `There is no node ${index}; the nodes are 0 to ${this.nodes.length - 1}.`);
  }

  /**
   * Cuts the network: nodes talk within their side only, until `heal`. Those that are not named form one more side. Throws
   * UsageError `testnet/partition`.
   */
  async partition(...sides: readonly (readonly number[])[]): Promise<void> {
    await this.#supervisor.partition(sides);
  }

  async heal(): Promise<void> {
    await this.#supervisor.heal();
  }

  /** Ends a node as if its power had failed (SIGKILL). */
  async kill(index: number): Promise<void> {
    await this.#supervisor.kill(index);
  }

  /** Starts a node again, stopping it first if it runs. Its URL may be another one afterwards. */
  async restart(index: number): Promise<void> {
    await this.#supervisor.restart(index);
  }

  /**
   * Keeps the whole network as it is now, with its keys and chains, under a name of letters a to z, digits, - and _: the state to which
   * `restore` brings it back. It stands still for some hundredths of a second. Throws UsageError `testnet/snapshot-...`.
   */
  async snapshot(name: string): Promise<void> {
    await this.#snapshots.take(name);
  }

  /**
   * Brings the whole network back to what it was at a snapshot, joined and with every node running, as often as need be: what
   * `evm_snapshot` and `evm_revert` are for a single node. URLs may be others afterwards. Throws UsageError
   * `testnet/no-such-snapshot` and others.
   */
  async restore(name: string): Promise<void> {
    await this.#snapshots.restore(name);
    await this.connected();
  }

  async report(): Promise<readonly NodeReport[]> {
    return await this.#supervisor.report();
  }

  /**
   * Resolves when every node has met others than the first, of which all have heard of each other: a network whose first node died
   * before that would not be one. `startNetwork` has waited for it.
   */
  async connected(): Promise<void> {
    const others = Math.min(this.nodes.length - 1, KNOWN_PEERS);
    await this.#until('the nodes are connected with each other', undefined, async () => {
      const statuses = await Promise.all(this.#running().map((node) => node.status()));
      return statuses.every(({ peers }) => peers >= others);
    });
  }

  /** The block at this height on which the nodes agree, as soon as they do. */
  async agreed({ nodes, number, timeoutMs }: WaitOptions = {}): Promise<BlockId> {
    const height = number ?? (await this.#highestHead(nodes));
    return await this.#until(`the nodes agree on block ${height}`, timeoutMs, async () => {
      const [first, ...others] = await Promise.all(this.#running(nodes).map((node) => blockAt(node, height)));
      return first !== undefined && others.every((block) => block?.hash === first?.hash) ? first : null;
    });
  }

  /** The same for finality: resolves when the block is final on each node. Under proof-of-work that is a depth (see `synod node --help`). */
  async finalized({ nodes, number, timeoutMs }: WaitOptions = {}): Promise<BlockId> {
    const height = number ?? (await this.#highestHead(nodes));
    await this.#until(`block ${height} is final`, timeoutMs, async () => {
      const statuses = await Promise.all(this.#running(nodes).map((node) => node.status()));
      return statuses.length > 0 && statuses.every(({ finalized }) => finalized.number >= height);
    });
    return await this.agreed({ number: height, ...(nodes !== undefined && { nodes }), ...(timeoutMs !== undefined && { timeoutMs }) });
  }

  /**
   * Makes one node leave `depth` blocks: it is cut off with a branch of its own until that is long enough and the others' is
   * heavier, and then meets them again. The network must not be partitioned already. Throws UsageError `testing/no-reorgs` under
   * engines whose blocks are final at once, and where nobody would make the one branch or the other.
   */
  async reorg({ depth, node: index = 0, timeoutMs, beforeHeal }: ReorgOptions): Promise<Reorganisation> {
    if (!Number.isSafeInteger(depth) || depth < 1)
      throw new UsageError('testing/depth', `Expected a depth of one block or more, got ${depth}.`);
    const side = this.#losingSide(index);
    const others = this.nodes.map((node) => node.index).filter((other) => !side.includes(other));
    const [loser, winner] = [this.node(index), this.node(others[0] ?? 0)];
    const bound =
      timeoutMs ??
      this.#timeoutMs + BLOCK_TIMES_PER_BLOCK * depth * this.options.blockTimeSeconds * 1_000 * (this.nodes.length / side.length);
    await this.agreed();
    await this.partition(side, others);
    try {
      await this.#branch(loser, winner, depth, bound);
      await this.#mining(side, false);
      await this.#until('the branch of the others is the heavier one', bound, async () => {
        const [ours, theirs] = await Promise.all([loser.status(), winner.status()]);
        return BigInt(theirs.weight) > BigInt(ours.weight) && theirs.head.number > ours.head.number;
      });
      const ancestor = await forkPoint(loser, winner);
      await beforeHeal?.();
      const { head: left } = await loser.status();
      await this.heal();
      await this.#until(`node ${index} leaves its branch`, bound, async () => (await blockAt(loser, left.number))?.hash !== left.hash);
      const { head: taken } = await loser.status();
      return { depth: left.number - ancestor.number, ancestor, left: idOf(left), taken: idOf(taken) };
    } finally {
      await this.heal();
      await this.#mining(side, true);
    }
  }

  /** Ends every node, and removes the directory if it is a temporary one. Calling it again changes nothing. */
  async stop(): Promise<void> {
    await this.#supervisor.stop();
    if (this.#isTemporary) rmSync(this.directory, { recursive: true, force: true });
    await this.#hold.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** The node, and under proof-of-work a miner with it. What is left must make the heavier branch. */
  #losingSide(index: number): number[] {
    const { engine } = this.options;
    this.node(index);
    if (engine === 'pos') return this.#checkSides([index], ({ validators }) => validators.length);
    if (engine === 'pow') {
      const { nodes } = this.#supervisor.manifest;
      const miner = nodes[index]?.mines === true ? undefined : nodes.find(({ mines }) => mines)?.index;
      return this.#checkSides(miner === undefined ? [index] : [index, miner], ({ mines }) => Number(mines));
    }
    throw new UsageError('testing/no-reorgs', `Under ${engine} a block is final at once: there are no reorganisations. Use pow or pos.`);
  }

  #checkSides(side: number[], strength: (node: Supervisor['manifest']['nodes'][number]) => number): number[] {
    const { nodes } = this.#supervisor.manifest;
    const of = (isInside: boolean) =>
      nodes.filter(({ index }) => side.includes(index) === isInside).reduce((sum, node) => sum + strength(node), 0);
    const [inside, outside] = [of(true), of(false)];
    if (inside > 0 && outside >= inside) return side;
    const message = `Node ${side[0]} would make its branch with ${inside} of the network's ${inside + outside} miners or validators; for a reorganisation both sides need some, and the others no fewer.`;
    throw new UsageError('testing/no-reorgs', message);
  }

  /** Resolves when the branch of the cut-off node is long enough. */
  async #branch(loser: TestNode, winner: TestNode, depth: number, timeoutMs: number): Promise<void> {
    await this.#until(`node ${loser.index} has ${depth} blocks that the others have not`, timeoutMs, async () => {
      const [{ head }, ancestor] = await Promise.all([loser.status(), forkPoint(loser, winner)]);
      return head.number - ancestor.number >= depth;
    });
  }

  async #mining(side: readonly number[], isOn: boolean): Promise<void> {
    if (this.options.engine !== 'pow') return;
    for (const { index, mines } of this.#supervisor.manifest.nodes) {
      if (mines && side.includes(index)) await this.node(index).request(isOn ? 'miner_start' : 'miner_stop');
    }
  }

  #running(wanted?: readonly number[]): readonly TestNode[] {
    const running = this.nodes.filter(({ index }) => this.#supervisor.endpoints(index) !== null);
    return wanted === undefined ? running : wanted.map((index) => this.node(index));
  }

  async #highestHead(nodes?: readonly number[]): Promise<number> {
    return Math.max(0, ...(await Promise.all(this.#running(nodes).map((node) => node.status()))).map(({ head }) => head.number));
  }

  async #until<T>(what: string, timeoutMs: number | undefined, ask: () => Promise<T | null | false>): Promise<T> {
    const boundMs = timeoutMs ?? this.#timeoutMs;
    const deadlineMs = performance.now() + boundMs;
    for (;;) {
      const answer = await ask();
      if (answer !== null && answer !== false) return answer;
      if (performance.now() > deadlineMs) {
        const heads = (await this.report()).map(({ index, state, status }) => `node ${index} ${state}, ${describe(status)}`);
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
    const endpoints = this.#supervisor.endpoints(this.index);
    if (endpoints !== null) return endpoints;
    throw new UsageError('testnet/down', `Node ${this.index} is not running; start it with restart(${this.index}).`);
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

function idOf({ number, hash }: BlockId): BlockId {
  return { number, hash };
}

function describe(status: Json): string {
  if (status === null) return 'no answer';
  const { head, finalized, peers } = status as unknown as NodeStatus;
  return `head ${head.number}, final ${finalized.number}, ${peers} peers`;
}

async function blockAt(node: TestNode, number: number): Promise<BlockId | undefined> {
  const block = (await node.request('eth_getBlockByNumber', [`0x${number.toString(16)}`, false])) as { readonly hash: Hash } | null;
  return block === null ? undefined : { number, hash: block.hash };
}

/** The highest block that both have: by halving, since two chains that differ once differ from there on. */
async function forkPoint(one: TestNode, other: TestNode): Promise<BlockId> {
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
