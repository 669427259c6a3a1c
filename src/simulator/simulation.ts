/**
 * One world, put together: nodes, network, faults, clients, checkers. It runs in two phases. In the first, faults happen
 * as scheduled. Then they end for those that the options name, who have to make progress and agree within a bound
 * (`recovery.ts`): a protocol that is only safe is easy to write.
 */
import { present } from '../base/assert.ts';
import { InternalError, StorageError, SynodError, UsageError } from '../base/errors.ts';
import type { Signer } from '../base/signatures.ts';
import { type Address, type NodeId, quote, ZERO_ADDRESS } from '../base/types.ts';
import { hashHeader } from '../chain/header.ts';
import type { HeaderNode } from '../chain/tree.ts';
import type { AnyEngine, NodeSettings } from '../consensus/engine.ts';
import { Audience } from './audience.ts';
import type { BehaviourFactory } from './behaviours/behaviour.ts';
import type { Checker, CheckerFactory, Setting, Violation } from './checkers/checker.ts';
import { describe } from './describe.ts';
import { byzantineNodes, type Fault } from './faults.ts';
import { GENESIS_SECONDS } from './genesis.ts';
import { Injector } from './injector.ts';
import { lightTier } from './light-tier.ts';
import { MarkCollector, type MarkRule } from './marks.ts';
import type { Figures, Meter } from './meters/meter.ts';
import { Network } from './network.ts';
import type { Options } from './options.ts';
import { summarize } from './packet-summary.ts';
import { Sessions } from './peers.ts';
import { placeId } from './places.ts';
import { type Recovery, recoveryOf } from './recovery.ts';
import { reportStates } from './reported-engine.ts';
import { badNodes, originalsOf } from './roles.ts';
import { ProofOracle } from './sealer.ts';
import type { Subject } from './subject.ts';
import type { Clients, Tier, TierFactory } from './tier.ts';
import type { TraceSink } from './trace.ts';
import { type Company, VirtualNode } from './virtual-node.ts';
import { type Activity, placeIn, watchEngine } from './watched-engine.ts';
import { US_PER_MS, World } from './world.ts';

export interface SimulationInput {
  readonly subject: Subject;
  /** The light one, unless told otherwise. */
  readonly tier?: TierFactory;
  readonly seed: string;
  readonly options: Options;
  readonly schedule: readonly Fault[];
  readonly checkers: readonly CheckerFactory[];
  readonly marks: readonly MarkRule[];
  readonly sink?: TraceSink | null;
  /** Faults end after so many events, should that be sooner than the options have it. */
  readonly faultEvents?: number;
  /** All nodes start at once and all links are equally fast: for cases that are written by hand (`text/`). */
  readonly even?: boolean;
}

/** All nodes do not start in the same instant. */
const START_SPREAD_US = 2_000_000;
/** Links differ by up to this factor. */
const LATENCY_SPREAD = 4;
const MAX_VIOLATIONS = 32;
/** The place of an engine that takes no part. */
const NOWHERE = -1;
/** Of an engine that does not say how long its time-outs get, in blocks. */
const DEFAULT_TIMEOUT_BLOCKS = 10;

export class Simulation {
  readonly world: World;
  readonly network: Network;
  readonly nodes: readonly VirtualNode[];
  readonly violations: Violation[] = [];
  readonly marks: MarkCollector;
  readonly input: SimulationInput;
  readonly activity: Activity = { node: -1, call: null, event: null };
  readonly workload: Clients;
  readonly #tier: Tier;
  readonly #sessions: Sessions;
  readonly #injector: Injector;
  readonly #checkers: Checker[] = [];
  readonly #meters: Meter[] = [];
  readonly #audience = new Audience();
  readonly #bad: ReadonlyMap<number, string>;
  /** Of each twin, the place whose identity it has. */
  readonly #originals: ReadonlyMap<number, number>;
  #failed = false;
  #phase: 'faults' | 'calm' | 'over' = 'faults';
  /** Of the faults: in whole milliseconds, as those of schedules are. */
  #faultsMs: number;
  #faultEvents: number;
  /** Of the phase. */
  #endUs: number;

  constructor(input: SimulationInput) {
    const { seed, options, schedule, even = false } = input;
    this.input = input;
    this.#faultsMs = options.faultsMs;
    this.#faultEvents = input.faultEvents ?? Number.POSITIVE_INFINITY;
    this.#endUs = options.faultsMs * US_PER_MS;
    const roles = byzantineNodes(schedule);
    this.#originals = originalsOf(roles, options.nodes);
    this.#bad = badNodes(roles, options.nodes);
    const world = new World(seed, input.sink ?? null);
    this.world = world;
    this.#tier = (input.tier ?? lightTier)(world, input.subject, options);
    this.marks = new MarkCollector([...input.marks, ...this.#tier.marks]);
    this.#audience.add(this.marks);
    this.network = new Network(world, options.nodes, (random) => ({
      latencyUs: Math.round(options.latencyMs * US_PER_MS * (even ? 1 : 1 + (LATENCY_SPREAD - 1) * random.float())),
      jitterUs: options.jitterMs * US_PER_MS,
    }));
    this.#sessions = new Sessions(world, this.network, {
      isAlive: (place) => this.#node(place).life !== null,
      isBanned: (place, peer) => this.#node(place).isBanned(peer),
      connected: (place, peer) => {
        const theirs = this.#node(peer).status();
        if (theirs !== undefined) this.#node(place).life?.connected(peer, theirs);
      },
      disconnected: (place, peer) => this.#node(place).life?.disconnected(peer),
    });
    const company = this.#company();
    this.nodes = Array.from({ length: options.nodes }, (_, place) => new VirtualNode(company, place));
    for (const node of this.nodes) {
      this.network.attach(node.place, (from, packet) => {
        if (this.#sessions.of(node.place).has(from)) node.receive(from, packet);
      });
    }
    const observer = this.#observer(company.oracle);
    this.network.summarize = (packet) => summarize(packet, (bytes) => observer.decode(bytes));
    this.#makeCheckers(observer, company);
    this.#injector = new Injector(
      {
        world,
        network: this.network,
        sessions: this.#sessions,
        nodes: this.nodes,
        options,
        onFault: (fault, active) => this.#audience.show({ type: 'fault', fault, active }),
        start: (node) => node.start(),
      },
      schedule,
    );
    this.workload = this.#tier.newClients(this.nodes, this.#audience.show);
    const start = world.stream('start');
    for (const node of this.nodes) {
      world.after(even ? 0 : start.float() * START_SPREAD_US, () => {
        if (!this.#injector.holdsDown(node.place) && !node.isRunning) node.start();
      });
    }
    this.workload.start();
  }

  get isOver(): boolean {
    return this.#phase === 'over';
  }

  /** A violation that nothing excuses: there is no point in going on. */
  get hasFailed(): boolean {
    return this.#failed;
  }

  /** Lets one event happen. Throws what a bug outside of the engines throws. */
  step(): void {
    if (this.world.events >= this.#faultEvents) this.#endFaults();
    if (this.world.step(this.#endUs)) return;
    if (this.#phase === 'faults') this.#calm();
    else this.finish();
  }

  /** How long faults happened, or are to happen: with this as its option another run is the same. */
  get faultsMs(): number {
    return this.#faultsMs;
  }

  /** What a violation of this run can be named by: its checkers, and 'Engine' for what breaks the contract. */
  get checkerNames(): readonly string[] {
    return ['Engine', ...this.#checkers.map(({ name }) => name)];
  }

  /** What was measured so far. */
  get figures(): Figures {
    return Object.assign({}, ...this.#meters.map((meter) => meter.read()));
  }

  /** Begins a fault that no schedule knows of; it lasts until `end`, or the calm. */
  begin(fault: Fault): void {
    this.#injector.begin(fault);
  }

  end(fault: Fault): void {
    this.#injector.end(fault);
  }

  /** Who is paid for the blocks of the node at this place. */
  beneficiaryOf(place: number): Address {
    return this.#tier.beneficiaryOf(this.#identityOf(place));
  }

  /** Places that this one has sessions with. */
  peersOf(place: number): ReadonlySet<number> {
    return this.#sessions.of(place);
  }

  /** Ends the run: checkers have their last word. */
  finish(): void {
    if (this.#phase === 'over') return;
    this.#phase = 'over';
    for (const checker of this.#checkers) checker.end?.();
  }

  /** Between two events, where checkers have asynchronous work: it takes no virtual time. */
  async settle(): Promise<void> {
    for (const checker of this.#checkers) await checker.settle?.();
  }

  /** For what no checker sees: an engine that breaks its contract, a bug in the simulator. */
  report(checker: string, node: number, message: string, expected = false): void {
    // The first one that nothing excuses is always kept.
    if (this.violations.length >= MAX_VIOLATIONS && (expected || this.#failed)) return;
    this.world.trace.note(this.world.nowUs, 'violation', node, -1, 0, checker, { message, expected });
    this.#failed ||= !expected;
    this.violations.push({ checker, atMs: this.world.nowMs, node, message, expected });
  }

  /** With the millisecond that has begun. */
  #endFaults(): void {
    this.#faultEvents = Number.POSITIVE_INFINITY;
    if (this.#phase !== 'faults') return;
    this.#faultsMs = Math.min(this.#faultsMs, Math.floor(this.world.nowMs) + 1);
    this.#endUs = this.#faultsMs * US_PER_MS;
  }

  #calm(): void {
    this.#phase = 'calm';
    this.#injector.calm();
    const recovery = this.#recovery();
    const { members, quorum, isOwed, boundMs } = recovery;
    this.#endUs += boundMs * US_PER_MS;
    this.world.trace.note(this.world.nowUs, 'phase', -1, -1, 0, 'calm', { members, quorum, isOwed, boundMs });
    this.#audience.show({ type: 'calm', recovery });
  }

  /** What is owed from this moment on. */
  #recovery(): Recovery {
    const { subject, options } = this.input;
    const members = options.survivors.filter((place) => !this.#bad.has(place));
    const nodes = members.map((place) => this.#node(place));
    const chains = nodes.flatMap(({ life }) => life?.chain ?? []);
    const heights = chains.map(({ head }) => head.header.number);
    const hashRate = members.reduce((sum, place) => sum + (options.hashRates[place] ?? 0), 0);
    return recoveryOf({
      options,
      members,
      quorum: subject.quorum(options.nodes),
      progressMs:
        subject.progressMs?.({ params: this.#tier.params, chains, hashRate, wallMs: GENESIS_SECONDS * 1_000 + this.world.nowMs }) ?? null,
      maxTimeoutMs: subject.maxTimeoutMs?.(options.engine) ?? DEFAULT_TIMEOUT_BLOCKS * subject.blockMs(options.engine),
      longestBanMs: Math.max(0, ...nodes.flatMap((node) => members.map((peer) => node.bannedForMs(peer)))),
      missingBlocks: heights.length === 0 ? 0 : Math.max(...heights) - Math.min(...heights),
    });
  }

  /** A node that the schedule did not stop has a broken engine, or met a bug of ours. */
  #stopped(place: number, error: unknown): void {
    this.#sessions.nodeStopped(place);
    if (error === null) return;
    if (error instanceof StorageError && this.#node(place).disk.hasFailed) this.#injector.restart(place);
    else if (this.#bad.has(place) && isOutvoted(error)) return;
    else this.report('Engine', place, this.#describe(place, error));
  }

  /** The driver names the event of a step; of what else an engine is asked, nobody but the activity knows. */
  #describe(place: number, error: unknown): string {
    const { node, call } = this.activity;
    const isTold = call === 'step' && error instanceof SynodError && error.code === 'driver/failed';
    const isHere = node === place || node === NOWHERE;
    return (isTold || !isHere ? '' : placeIn(this.activity)) + describe(error);
  }

  #node(place: number): VirtualNode {
    return present(this.nodes[place], `node ${place}`);
  }

  #company(): Company {
    const { subject, options } = this.input;
    const tier = this.#tier;
    const oracle = new ProofOracle();
    const makeEngine = (place: number): AnyEngine => subject.create(tier.params, this.#settingsOf(place), oracle, tier.keys.signatures);
    const { header, seal } = tier.genesis;
    const facts = makeEngine(0).genesisFacts(header);
    const genesis: HeaderNode = { header, seal, hash: hashHeader(header), facts };
    const ids = Array.from({ length: options.nodes }, (_, place) => placeId(this.#identityOf(place)));
    const places = new Map<NodeId, number[]>();
    for (const [place, id] of ids.entries()) places.set(id, [...(places.get(id) ?? []), place]);
    return {
      world: this.world,
      tier,
      options,
      oracle,
      genesis,
      behaviourOf: (place) => this.#behaviourOf(place),
      signersOf: (place) => this.#signersOf(place),
      makeEngine: (place) => watchEngine(this.#reported(makeEngine(place), place), place, this.activity, this.#audience.show),
      observe: this.#audience.show,
      idOf: (place) => present(ids[place], `the id of node ${place}`),
      placesOf: (id) => places.get(id) ?? [],
      peersOf: (place) => this.#sessions.of(place),
      send: (from, to, packet) => this.network.send(from, to, packet),
      ban: (place, peer, forMs) => this.#sessions.cut(place, peer, forMs * US_PER_MS),
      started: (place) => this.#sessions.nodeStarted(place),
      stopped: (place, error) => this.#stopped(place, error),
    };
  }

  /** An engine that takes no part, for checkers to ask. */
  #observer(oracle: ProofOracle): AnyEngine {
    const { params, keys } = this.#tier;
    const engine = this.input.subject.create(params, { beneficiary: ZERO_ADDRESS, produce: false, signers: [] }, oracle, keys.signatures);
    return watchEngine(engine, NOWHERE, this.activity, () => undefined);
  }

  #settingsOf(place: number): NodeSettings {
    return { beneficiary: this.beneficiaryOf(place), produce: true, signers: this.#signersOf(place) };
  }

  #signersOf(place: number): readonly Signer[] {
    const { keysPerNode } = this.input.subject;
    return Array.from({ length: keysPerNode }, (_, index) => this.#tier.keys.signer(this.#identityOf(place), index));
  }

  #reported(engine: AnyEngine, place: number): AnyEngine {
    const { world } = this;
    if (!world.trace.wantsStates) return engine;
    return reportStates(engine, (state) => world.trace.detail(world.nowUs, 'state', place, 0, '', { state }));
  }

  #identityOf(place: number): number {
    return this.#originals.get(place) ?? place;
  }

  #behaviourOf(place: number): BehaviourFactory | null {
    const name = this.#bad.get(place);
    if (name === undefined) return null;
    const { name: engine, behaviours } = this.input.subject;
    const found = behaviours.get(name);
    if (found !== undefined) return found;
    const known = [...behaviours.keys()].join(', ');
    throw new UsageError('scenario/behaviour', `Engine ${engine} has no behaviour ${quote(name)}; known are ${known}.`);
  }

  #makeCheckers(engine: AnyEngine, { genesis }: Company): void {
    const { options, checkers } = this.input;
    const total = options.hashRates.reduce((sum, rate) => sum + rate, 0);
    const bad = [...this.#bad.keys()].reduce((sum, place) => sum + (options.hashRates[place] ?? 0), 0);
    const common = {
      engine,
      params: this.#tier.params,
      genesis,
      signatures: this.#tier.keys.signatures,
      options,
      blockMs: this.input.subject.blockMs(options.engine),
      nodes: options.nodes,
      isCorrect: (node: number) => !this.#bad.has(node),
      badShare: total === 0 ? 0 : bad / total,
      isOverwhelmed: this.#bad.size > this.input.subject.tolerates(options.nodes),
      chainOf: (node: number) => this.nodes[node]?.life?.chain ?? null,
      nowMs: () => this.world.nowMs,
      inspect: (node: number) => this.nodes[node]?.life?.driver.inspect() ?? null,
      safe: (node: number) => this.nodes[node]?.life?.driver.safe() ?? null,
      wallMsOf: (node: number) => this.#node(node).clock.wallMs(),
    } satisfies Omit<Setting, 'report' | 'satisfied'>;
    for (const factory of [...this.#tier.checkers, ...checkers]) {
      const setting: Setting = {
        ...common,
        satisfied: () => this.finish(),
        report: ({ node = -1, message, expected = false }) => this.report(checker.name, node, message, expected),
      };
      const checker: Checker = factory(setting);
      this.#checkers.push(checker);
      this.#audience.add(checker);
    }
    for (const factory of this.input.subject.meters ?? []) {
      const meter = factory(common);
      this.#meters.push(meter);
      this.#audience.add(meter);
    }
  }
}

/** A node with rules of its own, which others have outvoted: that it stops is right. */
function isOutvoted(error: unknown): boolean {
  return error instanceof Error && error.cause instanceof InternalError && error.cause.code === 'members/decided-invalid';
}
