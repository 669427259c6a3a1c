/**
 * A network of real node processes on this machine, and what can be done to it: partition, heal, kill, restart.
 * Partitions act inside the nodes' own transport, so no privileges are needed; a node that is started again is put back
 * on its side of the cut.
 */
import { UsageError } from '../base/errors.ts';
import type { Json } from '../base/types.ts';
import { DEFAULTS } from '../node/config.ts';
import { storeDevNodeKey } from '../node/dev-nodes.ts';
import { createDevValidators, devPasswordFile } from '../wallet/validator-dev.ts';
import { deriveValidatorKeys } from '../wallet/validator-keys.ts';
import { type ChildState, type Endpoints, NodeChild } from './child.ts';
import { type Manifest, paths, type TestnetNode } from './manifest.ts';
import { PeerAddresses } from './peer-addresses.ts';

export interface NodeReport {
  readonly index: number;
  readonly state: ChildState;
  readonly mines: boolean;
  readonly pid: number | null;
  readonly rpcUrl: string | null;
  readonly peerId: string | null;
  /** Which side of the partition it is on; null when there is none. */
  readonly side: number | null;
  /** The node's own synod_status; null while it does not answer. */
  readonly status: Json;
}

export interface SupervisorOptions {
  readonly directory: string;
  readonly manifest: Manifest;
  /** How to run the `synod` command: interpreter, then arguments. */
  readonly command: readonly string[];
  readonly rpcPort: number;
  readonly call: (endpoints: Endpoints, method: string, params: readonly Json[]) => Promise<Json>;
  readonly onEvent: (event: SupervisorEvent) => void;
}

export type SupervisorEvent =
  | { readonly type: 'node-up'; readonly index: number; readonly rpcUrl: string }
  | { readonly type: 'node-down'; readonly index: number; readonly reason: string; readonly expected: boolean; readonly log: string }
  | { readonly type: 'partitioned'; readonly sides: readonly (readonly number[])[] }
  | { readonly type: 'healed' };

export class Supervisor {
  readonly directory: string;
  readonly manifest: Manifest;
  /** Rejects with UsageError `testnet/nodes-ended` when a node ends by itself and no other is left. */
  readonly allEnded: Promise<never>;
  readonly #options: SupervisorOptions;
  readonly #children: NodeChild[];
  readonly #addresses: PeerAddresses;
  #sides: readonly (readonly number[])[] | null = null;
  /** Why each node ended that did so by itself, and has not been started since. */
  readonly #ends = new Map<number, string>();
  #stopping = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.directory = options.directory;
    this.manifest = options.manifest;
    this.#addresses = new PeerAddresses(options.directory);
    const { promise, reject } = Promise.withResolvers<never>();
    this.allEnded = promise;
    // Who starts and stops a network without watching it need not listen.
    promise.catch(() => undefined);
    this.#children = options.manifest.nodes.map(
      (node) =>
        new NodeChild({
          index: node.index,
          command: options.command,
          logFile: paths.log(options.directory, node.index),
          arguments: () => this.#arguments(node),
          onExit: (index, reason, expected) => {
            options.onEvent({ type: 'node-down', index, reason, expected, log: paths.log(options.directory, index) });
            if (expected) return;
            this.#ends.set(index, reason);
            if (this.#children.every(({ state }) => state === 'down')) reject(this.#nobodyLeft());
          },
        }),
    );
  }

  /** Starts every node. The first is awaited alone, because it is the others' bootnode. */
  async start(): Promise<void> {
    const [first, ...others] = this.#children;
    if (first === undefined) return;
    try {
      await this.#up(first);
      await Promise.all(others.map((child) => this.#up(child)));
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** For good: no node is started after it, whatever was under way. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#children.map((child) => child.stop()));
  }

  /**
   * `sides` are disjoint groups of node numbers; the nodes that are not named form one more group. The cut is made as far
   * as nodes answer, and stays recorded: a node that is started later goes to its side. Throws UsageError
   * `testnet/no-answer` with the nodes that did not answer.
   */
  async partition(sides: readonly (readonly number[])[]): Promise<readonly (readonly number[])[]> {
    const named = sides.flat();
    for (const index of named) this.#child(index);
    if (new Set(named).size !== named.length)
      throw new UsageError('testnet/partition', 'A node is named twice; each can be on one side only.');
    const rest = this.#children.map(({ index }) => index).filter((index) => !named.includes(index));
    const all = [...sides, rest].filter((side) => side.length > 0);
    if (all.length < 2) throw new UsageError('testnet/partition', 'A partition needs at least two sides, such as: partition 0,1 2,3');
    this.#sides = all;
    const silent = await this.#applySides();
    this.#options.onEvent({ type: 'partitioned', sides: all });
    if (silent.length > 0) throw noAnswer('partition', silent);
    return all;
  }

  /** Throws UsageError `testnet/no-answer` with the nodes that did not answer; the others are joined. */
  async heal(): Promise<void> {
    this.#sides = null;
    const silent = await this.#applySides();
    this.#options.onEvent({ type: 'healed' });
    if (silent.length > 0) throw noAnswer('heal', silent);
  }

  async kill(index: number): Promise<void> {
    const child = this.#child(index);
    if (child.state === 'down') throw new UsageError('testnet/down', `Node ${index} is not running.`);
    await child.kill();
  }

  async restart(index: number): Promise<Endpoints> {
    const child = this.#child(index);
    if (child.state !== 'down') await child.stop();
    return await this.#up(child);
  }

  /** Of a running node; null for one that does not serve. */
  endpoints(index: number): Endpoints | null {
    return this.#child(index).endpoints;
  }

  /** What stands here, without asking the nodes. */
  nodes(): Pick<NodeReport, 'index' | 'state' | 'pid' | 'rpcUrl'>[] {
    return this.#children.map(({ index, state, pid, endpoints }) => ({ index, state, pid, rpcUrl: endpoints?.rpcUrl ?? null }));
  }

  async report(): Promise<NodeReport[]> {
    return await Promise.all(
      this.#children.map(async (child) => {
        const { endpoints, index } = child;
        const status = endpoints === null ? null : await this.#options.call(endpoints, 'synod_status', []).catch(() => null);
        const side = this.#sides?.findIndex((members) => members.includes(index)) ?? null;
        return {
          index,
          state: child.state,
          mines: this.manifest.nodes[index]?.mines === true,
          pid: child.pid,
          rpcUrl: endpoints?.rpcUrl ?? null,
          peerId: endpoints?.peerId ?? null,
          side,
          status,
        };
      }),
    );
  }

  async #up(child: NodeChild): Promise<Endpoints> {
    await this.#prepare(child.index);
    await this.#addresses.choosePort(child.index);
    if (this.#stopping) throw new UsageError('testnet/stopping', `The network is being stopped; node ${child.index} is not started.`);
    this.#ends.delete(child.index);
    const endpoints = await child.start();
    this.#addresses.note(child.index, endpoints.addresses);
    // The others are told its address on this side. One that does not answer them is not this node's failure.
    const silent = this.#sides === null ? [] : await this.#applySides();
    this.#options.onEvent({ type: 'node-up', index: child.index, rpcUrl: endpoints.rpcUrl });
    if (silent.includes(child.index)) throw noAnswer('partition', [child.index]);
    return endpoints;
  }

  /** Its identity and its key files, which a first start makes and later ones find. */
  async #prepare(index: number): Promise<void> {
    const { directory, manifest } = this.#options;
    const datadir = paths.datadir(directory, index);
    storeDevNodeKey(datadir, manifest.options.mnemonic, index);
    const numbers = manifest.nodes[index]?.validators ?? [];
    if (numbers.length === 0) return;
    const keys = deriveValidatorKeys(manifest.options.mnemonic, Math.max(...numbers) + 1).filter((_, number) => numbers.includes(number));
    await createDevValidators(datadir, keys);
  }

  /**
   * Tells every running node whom it may talk to, and answers which of them did not hear it. A node that is down is told
   * when it comes up.
   */
  async #applySides(): Promise<number[]> {
    const running = this.#children.filter(({ endpoints }) => endpoints !== null);
    const told = await Promise.all(running.map((child) => this.#tellSide(child)));
    const silent = running.filter(({ endpoints }, position) => told[position] !== true && endpoints !== null);
    return silent.map(({ index }) => index);
  }

  async #tellSide({ index, endpoints }: NodeChild): Promise<boolean> {
    if (endpoints === null) return false;
    const side = this.#sides?.find((members) => members.includes(index));
    const allowed = side?.flatMap((member) => this.#children[member]?.endpoints?.peerId ?? []);
    const [method, parameters] = allowed === undefined ? ['synod_heal', []] : ['synod_partition', [allowed]];
    return await this.#options.call(endpoints, method, parameters).then(
      () => true,
      () => false,
    );
  }

  #nobodyLeft(): UsageError {
    const lines = this.#children.map((child) => {
      const reason = this.#ends.get(child.index) ?? 'ended on command';
      const words = this.#ends.has(child.index) ? child.lastError() : null;
      return `  node ${child.index}: ${reason}; log ${paths.log(this.#options.directory, child.index)}${words === null ? '' : `\n    ${words}`}`;
    });
    return new UsageError('testnet/nodes-ended', `No node of the network runs any more:\n${lines.join('\n')}`);
  }

  #child(index: number): NodeChild {
    const child = this.#children[index];
    if (child === undefined)
      throw new UsageError('testnet/no-such-node', `There is no node ${index}; the nodes are 0 to ${this.#children.length - 1}.`);
    return child;
  }

  #arguments(node: TestnetNode): string[] {
    const { directory, rpcPort, manifest } = this.#options;
    const bootnodes = this.#children.filter(({ index }) => index !== node.index).flatMap(({ index }) => this.#addresses.of(index));
    const flags = [
      ['--datadir', paths.datadir(directory, node.index)],
      ['--genesis', paths.genesis(directory)],
      ['--port', String(this.#addresses.port(node.index))],
      ['--http.port', String(rpcPort === 0 ? 0 : rpcPort + node.index)],
      ['--http.api', [...DEFAULTS.rpc.apis, ...DEFAULTS.rpc.testApis].join(',')],
      // Pages in a browser may ask for what is open. What commands a node takes its operator's token.
      ['--http.corsdomain', '*'],
      ['--miner.etherbase', node.etherbase],
      ...(node.mines ? [['--miner.hashrate', String(manifest.options.hashRateLimit)]] : []),
      ['--verbosity', '3'],
      ...(bootnodes.length === 0 ? [] : [['--bootnodes', bootnodes.join(',')]]),
    ].flat();
    const signs = manifest.options.engine === 'pos' ? '--stake' : '--member';
    const keys = [signs, '--validators.password', devPasswordFile(paths.datadir(directory, node.index))];
    return ['node', ...flags, '--faults', ...(node.mines ? ['--mine'] : []), ...(node.validators.length > 0 ? keys : [])];
  }
}

function noAnswer(command: string, silent: readonly number[]): UsageError {
  const nodes = `${silent.length === 1 ? 'Node' : 'Nodes'} ${silent.join(', ')}`;
  return new UsageError(
    'testnet/no-answer',
    `${nodes} did not answer; the others did as they were told. Restart what hangs, or repeat \`${command}\` when it answers again.`,
    { command, nodes: silent.join(',') },
  );
}
