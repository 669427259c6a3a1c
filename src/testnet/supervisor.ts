/**
 * A network of real node processes on this machine, and what can be done to it: start, kill, restart, and faults (`faults.ts`).
 * Faults act inside the nodes themselves, so no privileges are needed; a node that is started again has its faults again.
 */
import { UsageError } from '../base/errors.ts';
import { type Json, type NodeId, quote } from '../base/types.ts';
import type { Lie } from '../node/misbehaviour/engine.ts';
import { ArmedLies, lieText } from './armed-lies.ts';
import { type ChildState, type Endpoints, NodeChild } from './child.ts';
import { type ActiveFault, FaultPlan, faultText, type TestnetFault } from './faults.ts';
import { type Manifest, paths, type TestnetNode } from './manifest.ts';
import { type NodePlace, nodeArguments, prepareDatadir } from './node-place.ts';
import { PeerAddresses } from './peer-addresses.ts';

export interface NodeReport {
  readonly index: number;
  readonly state: ChildState;
  readonly mines: boolean;
  readonly pid: number | null;
  readonly rpcUrl: string | null;
  /** Where it serves its figures for Prometheus, at /metrics; null when it does not. */
  readonly metricsUrl: string | null;
  readonly peerId: string | null;
  /** Which side of the partition it is on; null when there is none. */
  readonly side: number | null;
  /** What else is wrong with it, in words. */
  readonly faults: readonly string[];
  /** The node's own synod_status; null while it does not answer. */
  readonly status: Json;
}

export interface SupervisorOptions extends NodePlace {
  /** How to run the `synod` command: interpreter, then arguments. */
  readonly command: readonly string[];
  readonly call: (endpoints: Endpoints, method: string, params: readonly Json[]) => Promise<Json>;
  readonly onEvent: (event: SupervisorEvent) => void;
}

export type SupervisorEvent =
  | { readonly type: 'node-up'; readonly index: number; readonly rpcUrl: string }
  | { readonly type: 'node-down'; readonly index: number; readonly reason: string; readonly expected: boolean; readonly log: string }
  | { readonly type: 'partitioned'; readonly sides: readonly (readonly number[])[] }
  | { readonly type: 'fault'; readonly text: string }
  | { readonly type: 'fault-over'; readonly text: string }
  /** It was told to, and has signed a second one of this kind. */
  | { readonly type: 'equivocated'; readonly index: number; readonly lie: Lie }
  | { readonly type: 'healed' };

export class Supervisor {
  readonly directory: string;
  readonly manifest: Manifest;
  /** Rejects with UsageError `testnet/nodes-ended` when a node ends by itself and no other is left. */
  readonly allEnded: Promise<never>;
  readonly #options: SupervisorOptions;
  readonly #children: NodeChild[];
  readonly #addresses: PeerAddresses;
  readonly #plan: FaultPlan;
  /** What each node was last told of its faults, and heard. */
  readonly #told = new Map<number, string>();
  /** Done when nobody is being told anything. */
  #applied: Promise<unknown> = Promise.resolve();
  readonly #lies = new ArmedLies();
  /** Why each node ended that did so by itself, and has not been started since. */
  readonly #ends = new Map<number, string>();
  readonly #stopping = new AbortController();

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.directory = options.directory;
    this.manifest = options.manifest;
    this.#addresses = new PeerAddresses(options.directory);
    this.#plan = new FaultPlan(options.manifest.nodes.length);
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

  /** Aborted by `stop`, with UsageError `testing/stopped` as its reason. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /** For good: no node is started after it, whatever was under way. */
  async stop(): Promise<void> {
    this.#stopping.abort(new UsageError('testing/stopped', 'This network was stopped.'));
    await Promise.all(this.#children.map((child) => child.stop()));
  }

  /**
   * `sides` are disjoint groups of node numbers; the nodes that are not named form one more group. In place of the partition that
   * there is. Throws UsageError `testnet/partition`, and what `begin` throws.
   */
  async partition(sides: readonly (readonly number[])[], forMs: number | null = null): Promise<readonly (readonly number[])[]> {
    const named = sides.flat();
    for (const index of named) this.#child(index);
    if (new Set(named).size !== named.length)
      throw new UsageError('testnet/partition', 'A node is named twice; each can be on one side only.');
    const rest = this.#children.map(({ index }) => index).filter((index) => !named.includes(index));
    const all = [...sides, rest].filter((side) => side.length > 0);
    if (all.length < 2) throw new UsageError('testnet/partition', 'A partition needs at least two sides, such as: partition 0,1 2,3');
    await this.begin({ kind: 'partition', sides: all }, forMs);
    return all;
  }

  /**
   * Begins a fault, for so long, or until `heal` where `forMs` is null. It is carried out as far as nodes answer, and stays
   * recorded: a node that is started later is told as well. Throws UsageError `testnet/no-such-node`, `testnet/down` and
   * `testnet/paused` for a node that cannot have the fault now, `testnet/makes-no-blocks`, `testnet/contradiction`, and `testnet/no-answer` with the nodes
   * that did not answer. Answers null where it ends what there was (a delay of zero).
   */
  async begin(fault: TestnetFault, forMs: number | null = null): Promise<ActiveFault | null> {
    if (fault.kind === 'idle' || fault.kind === 'withhold') this.#checkMakesBlocks(fault);
    if ('node' in fault) this.#running(fault.node);
    if ('links' in fault) for (const { from, to } of fault.links) [from, to].map((index) => this.#child(index));
    const active = this.#plan.begin(fault, forMs === null ? null : Date.now() + forMs);
    if (fault.kind === 'pause') this.#child(fault.node).pause();
    if (active !== null && forMs !== null) setTimeout(() => void this.end(active).catch(() => undefined), forMs).unref();
    await this.#carryOut(
      fault.kind,
      fault.kind === 'partition' ? { type: 'partitioned', sides: fault.sides } : { type: 'fault', text: faultText(fault) },
    );
    return active;
  }

  /**
   * Records that a node has this fault, until `heal`; it is told as soon as it is next up. Throws `testnet/no-such-node`, and what
   * `begin` throws of faults that cannot be.
   */
  beginAtStart(fault: Extract<TestnetFault, { readonly kind: 'clock' }>): void {
    this.#child(fault.node);
    this.#plan.begin(fault, null);
    this.#options.onEvent({ type: 'fault', text: faultText(fault) });
  }

  /** Ends one fault, if it has not ended yet. Throws `testnet/no-answer`. */
  async end({ id }: Pick<ActiveFault, 'id'>): Promise<void> {
    const over = this.#end((active) => active.id === id);
    for (const { fault } of over) await this.#carryOut('heal', { type: 'fault-over', text: faultText(fault) });
  }

  /** Of this kind, on this node. True when there was one. Throws `testnet/no-such-node`, `testnet/no-answer`. */
  async endOf(kind: 'idle' | 'pause' | 'withhold', node: number): Promise<boolean> {
    this.#child(node);
    const over = this.#end(({ fault }) => fault.kind === kind && fault.node === node);
    for (const { fault } of over) await this.#carryOut('heal', { type: 'fault-over', text: faultText(fault) });
    return over.length > 0;
  }

  /**
   * Ends every fault; nodes that are down stay down. Throws UsageError `testnet/no-answer` with the nodes that did not answer; the
   * others are well.
   */
  async heal(): Promise<void> {
    this.#end(() => true);
    // A node whose only fault was to say something twice has to hear of it as well.
    this.#told.clear();
    this.#lies.clear();
    await this.#carryOut('heal', { type: 'healed' });
  }

  /** What is wrong now. */
  get faults(): readonly ActiveFault[] {
    return this.#plan.active;
  }

  /**
   * Once, at the next opportunity, also if the node is started again before that; `heal` takes it back until then. Throws `testnet/down`, `testnet/paused`, `testnet/contradiction`
   * for a node that makes nothing at the moment, and `rpc/refused` with the node's reason where its engine has nothing of the kind.
   */
  async equivocate(index: number, what: 'proposal' | 'vote' = 'proposal'): Promise<void> {
    const endpoints = this.#running(index);
    if (this.#plan.has('idle', index))
      throw new UsageError('testnet/contradiction', `Node ${index} makes no blocks that it could make twice; switch its mining on first.`);
    await this.#options.call(endpoints, 'synod_equivocate', [what]);
    this.#lies.add(index, what);
    this.#options.onEvent({ type: 'fault', text: `node ${index} ${lieText(what)}` });
  }

  async kill(index: number): Promise<void> {
    const child = this.#child(index);
    if (child.state === 'down') throw new UsageError('testnet/down', `Node ${index} is not running.`);
    if (this.#lies.of(index).length > 0) await this.#askStatus(child);
    await child.kill();
    this.#plan.end(({ fault }) => fault.kind === 'pause' && fault.node === index);
  }

  async restart(index: number): Promise<Endpoints> {
    const child = this.#child(index);
    if (this.#lies.of(index).length > 0) await this.#askStatus(child);
    if (child.state !== 'down') await child.stop();
    this.#plan.end(({ fault }) => fault.kind === 'pause' && fault.node === index);
    return await this.#up(child);
  }

  /** Whether it serves. */
  isAwake(index: number): boolean {
    return this.#child(index).state === 'up';
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
    const statuses = await Promise.all(this.#children.map((child) => this.#askStatus(child)));
    // What is known here is of one moment, or half of a partition could be seen.
    return this.#children.map((child, place) => {
      const { endpoints, index, state, pid } = child;
      return {
        index,
        state,
        mines: this.manifest.nodes[index]?.mines === true,
        pid,
        rpcUrl: endpoints?.rpcUrl ?? null,
        metricsUrl: endpoints?.metricsUrl ?? null,
        peerId: endpoints?.peerId ?? null,
        side: this.#plan.sides?.findIndex((members) => members.includes(index)) ?? null,
        faults: [...this.#plan.describe(index), ...this.#lies.describe(index)],
        status: state === 'up' ? (statuses[place] ?? null) : null,
      };
    });
  }

  async #up(child: NodeChild): Promise<Endpoints> {
    await prepareDatadir(this.#options, child.index);
    await this.#addresses.choosePort(child.index);
    if (this.#stopping.signal.aborted)
      throw new UsageError('testnet/stopping', `The network is being stopped; node ${child.index} is not started.`);
    this.#ends.delete(child.index);
    const lies = this.#lies.of(child.index);
    const endpoints = await child.start();
    this.#addresses.note(child.index, endpoints.addresses);
    // Before the rest: who is told to make nothing could not be told to make it twice.
    for (const lie of lies) await this.#armAgain(child.index, endpoints, lie);
    // The others are told its address on this side. One that does not answer them is not this node's failure.
    this.#told.delete(child.index);
    const silent = this.#plan.active.length === 0 ? [] : await this.#apply();
    this.#options.onEvent({ type: 'node-up', index: child.index, rpcUrl: endpoints.rpcUrl });
    if (silent.includes(child.index)) throw noAnswer('restart', [child.index]);
    return endpoints;
  }

  #end(isOver: (active: ActiveFault) => boolean): readonly ActiveFault[] {
    const over = this.#plan.end(isOver);
    for (const { fault } of over) if (fault.kind === 'pause') this.#child(fault.node).resume();
    return over;
  }

  async #carryOut(command: string, event: SupervisorEvent): Promise<void> {
    const silent = await this.#apply();
    this.#options.onEvent(event);
    if (silent.length > 0) throw noAnswer(command, silent);
  }

  /**
   * Tells every running node what is wrong with it, one time after another, and answers which of them did not hear it. A node
   * that is down or paused is told when it is back.
   */
  #apply(): Promise<number[]> {
    const applied = this.#applied.then(async () => {
      const running = this.#children.filter(({ state }) => state === 'up');
      const told = await Promise.all(running.map((child) => this.#tellFaults(child)));
      return running.filter(({ endpoints }, position) => told[position] !== true && endpoints !== null).map(({ index }) => index);
    });
    this.#applied = applied;
    return applied;
  }

  async #tellFaults({ index, endpoints }: NodeChild): Promise<boolean> {
    if (endpoints === null) return false;
    const peerId = (node: number) => (this.#children[node]?.endpoints?.peerId ?? null) as NodeId | null;
    const faults = this.#plan.of(index, peerId);
    const isWell = this.#plan.active.length === 0;
    const text = isWell ? 'well' : JSON.stringify(faults);
    if (this.#told.get(index) === text) return true;
    // Healing would also take back what it is to say twice.
    const isHealed = isWell && this.#lies.of(index).length === 0;
    const [method, parameters] = isHealed ? ['synod_heal', []] : ['synod_setFaults', [faults as unknown as Json]];
    return await this.#options.call(endpoints, method, parameters).then(
      () => this.#told.set(index, text) !== undefined,
      () => this.#told.delete(index) && false,
    );
  }

  /** `synod_status`; null where there is no answer. What the node has said twice by now it is not to say again after its next start. */
  async #askStatus({ index, state, endpoints }: NodeChild): Promise<Json> {
    if (state !== 'up' || endpoints === null) return null;
    const asked = this.#lies.asking();
    const status = await this.#options.call(endpoints, 'synod_status', []).catch(() => null);
    for (const lie of this.#lies.note(index, asked, status)) this.#options.onEvent({ type: 'equivocated', index, lie });
    return status;
  }

  /** A node that cannot say it any more, or does not answer, is not going to. */
  async #armAgain(index: number, endpoints: Endpoints, lie: Lie): Promise<void> {
    try {
      await this.#options.call(endpoints, 'synod_equivocate', [lie]);
      this.#lies.add(index, lie);
    } catch {
      this.#lies.remove(index, lie);
      this.#options.onEvent({ type: 'fault-over', text: `node ${index} ${lieText(lie)}` });
    }
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
    // Text that looks like a number would find the node, and then be none of the others' equals.
    const child = Number.isSafeInteger(index) ? this.#children[index] : undefined;
    if (child !== undefined) return child;
    const named = typeof index === 'number' ? index : quote(String(index));
    throw new UsageError('testnet/no-such-node', `There is no node ${named}; the nodes are 0 to ${this.#children.length - 1}.`);
  }

  #checkMakesBlocks({ kind, node }: { readonly kind: 'idle' | 'withhold'; readonly node: number }): void {
    this.#child(node);
    const { options, nodes } = this.manifest;
    const { mines = false, validators = [] } = nodes[node] ?? {};
    if (options.engine === 'pow' ? !mines : validators.length === 0)
      throw new UsageError('testnet/makes-no-blocks', `Node ${node} makes no blocks: it neither mines nor has a key to sign with.`);
    if (kind === 'idle' || options.engine === 'pow' || options.engine === 'pos') return;
    const instead = `let it make none with \`mining ${node} off\`, or cut it off`;
    throw new UsageError(
      'testnet/cannot-withhold',
      `Under ${options.engine} a block is made by agreement, so no node has one of its own to keep; ${instead}.`,
    );
  }

  #running(index: number): Endpoints {
    const { state, endpoints } = this.#child(index);
    if (state === 'paused') throw new UsageError('testnet/paused', `Node ${index} is paused; \`resume ${index}\` lets it go on.`);
    if (endpoints === null) throw new UsageError('testnet/down', `Node ${index} is not running; \`restart ${index}\` starts it.`);
    return endpoints;
  }

  #arguments(node: TestnetNode): string[] {
    const bootnodes = this.#children.filter(({ index }) => index !== node.index).flatMap(({ index }) => this.#addresses.of(index));
    return nodeArguments(this.#options, node, this.#addresses.port(node.index), bootnodes);
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
