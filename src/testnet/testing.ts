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
 * it waited for when that is reached (UsageError `testing/timeout`). After `stop` every call is refused, and a wait that is under way ends
 * (UsageError `testing/stopped`).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toHex } from '../base/bytes.ts';
import { UsageError } from '../base/errors.ts';
import type { Hex } from '../base/types.ts';
import { builtInGenesis } from '../cli/genesis.ts';
import { deriveAccounts } from '../wallet/mnemonic.ts';
import { type Control, type ControlMethods, takeControl } from './control.ts';
import { Drills, type Reorganisation, type ReorgOptions, type Stall, type StallOptions } from './drills.ts';
import { linksAmong, linksBetween } from './faults.ts';
import { callNode, completeOptions, SYNOD_COMMAND } from './launch.ts';
import { createManifest, loadManifest, type TestnetOptions } from './manifest.ts';
import { callMethod, controlMethods } from './methods.ts';
import { type BlockId, Observer, type TestNode, TIMEOUT_MS, type WaitOptions } from './observer.ts';
import { checkedNodes, checkedOptions, checkStartOptions } from './options.ts';
import { type RestartedNode, rollingRestart } from './rolling-restart.ts';
import { type Played, play, type Verdict, verdictText } from './scenario/play.ts';
import { parseScenario, type Step } from './scenario/script.ts';
import { realStage } from './scenario/stage.ts';
import { finishRestore } from './snapshots/restore.ts';
import { RunningSnapshots } from './snapshots/running.ts';
import { type NodeReport, Supervisor } from './supervisor.ts';
import type { VerbCall } from './verbs.ts';

export type { Reorganisation, ReorgOptions, Stall, StallOptions } from './drills.ts';
export type { BlockId, TestNode, WaitOptions } from './observer.ts';
export type { RestartedNode } from './rolling-restart.ts';
export type { Played, Verdict } from './scenario/play.ts';

export interface NetworkOptions extends Partial<TestnetOptions> {
  /** Where the network is kept; a second start goes on from there. By default a temporary directory that `stop` removes. */
  readonly directory?: string;
  /** RPC port of node 0, the next one for node 1 and so on. By default free ones. */
  readonly rpcPort?: number;
  /** How long a wait may take unless it says otherwise. By default a minute. */
  readonly timeoutMs?: number;
}

/** One node by its number, or several. */
export type NodeList = number | readonly number[];

export interface FaultOptions {
  /** Ends by itself after so many milliseconds. */
  readonly forMs?: number | null;
}

export interface DelayOptions extends FaultOptions {
  /** Each message's delay is up to so much shorter or longer, at random. */
  readonly jitterMs?: number;
}

export interface Account {
  readonly address: Hex;
  readonly privateKey: Hex;
}

/** Resolves when every node serves. Throws UsageError `testing/option` for options that make no network, and others when a node does not come up. */
export async function startNetwork(options: NetworkOptions = {}): Promise<TestNetwork> {
  checkStartOptions(options);
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
  readonly #observer: Observer;
  readonly #methods: ControlMethods;
  readonly #drills: Drills;
  /** Rejects when the network is stopped. */
  readonly #stopped: Promise<never>;

  /** Use `startNetwork`. */
  constructor(supervisor: Supervisor, hold: Control, directory: string, isTemporary: boolean, timeoutMs: number) {
    this.#supervisor = supervisor;
    this.#snapshots = new RunningSnapshots(supervisor);
    this.#hold = hold;
    this.#isTemporary = isTemporary;
    this.#observer = new Observer(supervisor, timeoutMs);
    this.#methods = controlMethods(supervisor, () => void this.stop());
    hold.serve(this.#methods);
    this.#drills = new Drills(supervisor, this.#observer);
    const { promise, reject } = Promise.withResolvers<never>();
    const { stopping } = supervisor;
    stopping.addEventListener('abort', () => reject(stopping.reason), { once: true });
    promise.catch(() => undefined);
    this.#stopped = promise;
    this.directory = directory;
    this.options = supervisor.manifest.options;
    this.nodes = this.#observer.nodes;
    const { mnemonic, accounts } = this.options;
    this.accounts = deriveAccounts(mnemonic, accounts).map(({ address, privateKey }) => ({ address, privateKey: toHex(privateKey) }));
  }

  /** The RPC of node 0. */
  get url(): string {
    return this.node(0).url;
  }

  /** Throws UsageError `testnet/no-such-node`. */
  node(index: number): TestNode {
    return this.#observer.node(index);
  }

  // ---- Faults. Each lasts until `heal`, or for `forMs` milliseconds; the words are those of `synod testnet`.

  /**
   * Cuts the network: nodes talk within their side only. Those that are not named form one more side. Throws UsageError
   * `testnet/partition`.
   */
  async partition(...sides: readonly (readonly number[])[]): Promise<void> {
    await this.#run(() => this.#supervisor.partition(sides.map(checkedNodes)));
  }

  /** Cuts links in one direction: `to` hears nothing from `from`, though others may pass on what they heard from it. */
  async cut(from: NodeList, to: NodeList, options: FaultOptions = {}): Promise<void> {
    const { forMs = null } = checkedOptions('fault', options);
    await this.#run(() => this.#supervisor.begin({ kind: 'cut', links: linksBetween(listOf(from), listOf(to)) }, forMs));
  }

  /** Delays every message between these nodes, or of one node, each way; 0 ends it. With jitter, messages overtake each other. */
  async delay(nodes: NodeList, delayMs: number, options: DelayOptions = {}): Promise<void> {
    const { jitterMs = 0, forMs = null } = checkedOptions('delay', options);
    const links = linksAmong(listOf(nodes), this.nodes.length);
    await this.#run(() => this.#supervisor.begin({ kind: 'delay', links, delayMs, jitterMs }, forMs));
  }

  /** Loses a share of messages (0.2 is 20%) between these nodes, or of one node, each way; 0 ends it. */
  async loss(nodes: NodeList, loss: number, options: FaultOptions = {}): Promise<void> {
    const { forMs = null } = checkedOptions('fault', options);
    await this.#run(() => this.#supervisor.begin({ kind: 'loss', links: linksAmong(listOf(nodes), this.nodes.length), loss }, forMs));
  }

  /** Sets a node's clock wrong by so much; 0 sets it right. */
  async clock(node: number, offsetMs: number, options: FaultOptions = {}): Promise<void> {
    const { forMs = null } = checkedOptions('fault', options);
    await this.#run(() => this.#supervisor.begin({ kind: 'clock', node, offsetMs }, forMs));
  }

  /** Stops or starts a node's mining, proposing and (under proof-of-stake) voting; it goes on following the others. */
  async mining(node: number, isOn: boolean, options: FaultOptions = {}): Promise<void> {
    const { forMs = null } = checkedOptions('fault', options);
    if (isOn) await this.#run(() => this.#supervisor.endOf('idle', node));
    else await this.#run(() => this.#supervisor.begin({ kind: 'idle', node }, forMs));
  }

  /** The node goes on making blocks, and keeps them to itself until this is over: then it publishes all. */
  async withhold(node: number, options: FaultOptions = {}): Promise<void> {
    const { forMs = null } = checkedOptions('fault', options);
    await this.#run(() => this.#supervisor.begin({ kind: 'withhold', node }, forMs));
  }

  /** Signs two blocks of one height, or two votes for one epoch (pos) or view (pbft), at the next opportunity. Under proof-of-stake it costs the stake. */
  async equivocate(node: number, what: 'proposal' | 'vote' = 'proposal'): Promise<void> {
    await this.#run(() => this.#supervisor.equivocate(node, what));
  }

  /** The process stands still (SIGSTOP) and its connections stay: what a long garbage collection or a suspended machine looks like. */
  async pause(node: number, options: FaultOptions = {}): Promise<void> {
    const { forMs = null } = checkedOptions('fault', options);
    await this.#run(() => this.#supervisor.begin({ kind: 'pause', node }, forMs));
  }

  async resume(node: number): Promise<void> {
    await this.#run(() => this.#supervisor.endOf('pause', node));
  }

  /** Ends every fault. Nodes that were killed stay down. */
  async heal(): Promise<void> {
    await this.#run(() => this.#supervisor.heal());
  }

  /** Ends a node as if its power had failed (SIGKILL). */
  async kill(index: number): Promise<void> {
    await this.#run(() => this.#supervisor.kill(index));
  }

  /** Starts a node again, stopping it first if it runs. Its URL may be another one afterwards. */
  async restart(index: number): Promise<void> {
    await this.#run(() => this.#supervisor.restart(index));
  }

  /**
   * Starts every node again, one after the other, while the others go on; who leads hands that over first, where the engine can. The next
   * one's turn comes when the last takes part again: `onRestarted` is told of each. URLs may be others afterwards. Throws UsageError
   * `testnet/not-whole` where a node is down or a fault is in force, and `testnet/not-back` for a node that does not come back.
   */
  async rollingRestart(onRestarted: (done: RestartedNode) => void = () => undefined): Promise<readonly RestartedNode[]> {
    return await this.#run(() => rollingRestart(this.#supervisor, onRestarted));
  }

  /**
   * Keeps the whole network as it is now, with its keys and chains, under a name of letters a to z, digits, - and _: the state to which
   * `restore` brings it back. It stands still for some hundredths of a second. Throws UsageError `testnet/snapshot-...`.
   */
  async snapshot(name: string): Promise<void> {
    await this.#run(() => this.#snapshots.take(name));
  }

  /**
   * Brings the whole network back to what it was at a snapshot, joined and with every node running, as often as need be: what
   * `evm_snapshot` and `evm_revert` are for a single node. URLs may be others afterwards. Throws UsageError
   * `testnet/no-such-snapshot` and others.
   */
  async restore(name: string): Promise<void> {
    await this.#run(() => this.#snapshots.restore(name));
    await this.connected();
  }

  async report(): Promise<readonly NodeReport[]> {
    return await this.#run(() => this.#supervisor.report());
  }

  /** See `Observer.connected`; `startNetwork` has waited for it. */
  async connected(): Promise<void> {
    await this.#run(() => this.#observer.connected());
  }

  /** The block at this height on which the nodes agree, as soon as they do. */
  async agreed(options: WaitOptions = {}): Promise<BlockId> {
    return await this.#run(() => this.#observer.agreed(checkedOptions('wait', options)));
  }

  /** The same for finality: resolves when the block is final on each node. Under proof-of-work that is a depth (see `synod node --help`). */
  async finalized(options: WaitOptions = {}): Promise<BlockId> {
    return await this.#run(() => this.#observer.finalized(checkedOptions('wait', options)));
  }

  /** Makes a node leave `depth` blocks for a heavier branch: see `Drills.reorg`. */
  async reorg(options: ReorgOptions): Promise<Reorganisation> {
    return await this.#run(() => this.#drills.reorg(checkedOptions('reorg', options)));
  }

  /** Lets nothing become final for a time: see `Drills.stallFinality`. */
  async stallFinality(options: StallOptions): Promise<Stall> {
    return await this.#run(() => this.#drills.stallFinality(checkedOptions('stallFinality', options)));
  }

  /**
   * Plays a scenario in the words of `synod testnet play`, with a line for each step. Throws UsageError `scenario/...` that names the
   * line for text that is none, and `testing/scenario` with what was expected and what was seen when a step does not hold.
   */
  async play(text: string, onStep: (played: Played) => void = () => undefined): Promise<Verdict> {
    const verdict = await this.playSteps(parseScenario('scenario', text), onStep);
    if (!verdict.holds) throw new UsageError('testing/scenario', verdictText(verdict));
    return verdict;
  }

  /** The same for steps that were read before, without an error for what does not hold. */
  async playSteps(steps: readonly Step[], onStep: (played: Played) => void): Promise<Verdict> {
    const call = (method: string, params: VerbCall['params']) => callMethod(this.#methods, method, params);
    return await this.#run(() => play(steps, realStage(call, onStep, this.#supervisor.stopping)));
  }

  /** Ends every node, and removes the directory if it is a temporary one. Calling it again changes nothing. */
  async stop(): Promise<void> {
    await this.#supervisor.stop();
    if (this.#isTemporary) rmSync(this.directory, { recursive: true, force: true });
    await this.#hold.release();
  }

  /** What is under way when the network is stopped ends with it, whatever it waits for. */
  async #run<T>(work: () => Promise<T>): Promise<T> {
    this.#supervisor.stopping.throwIfAborted();
    return await Promise.race([work(), this.#stopped]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

function listOf(nodes: NodeList): readonly number[] {
  return checkedNodes(typeof nodes === 'number' ? [nodes] : nodes);
}
