/**
 * One case of one engine in the simulator: virtual time, so the same seed gives the same figures on every machine. The engine
 * has the settings of a test network, nodes have links of 5 to 20 ms and disks that take 2 ms for a synced write, and a block
 * takes 2 ms to execute. All checkers look on.
 */
import { present } from '../base/assert.ts';
import { Random } from '../base/random.ts';
import type { Signatures } from '../base/signatures.ts';
import type { Json } from '../base/types.ts';
import { parseSettings as chandraTouegSettings } from '../consensus/chandra-toueg/settings.ts';
import { parseSettings as paxosSettings } from '../consensus/paxos/settings.ts';
import { parseSettings as pbftSettings } from '../consensus/pbft/settings.ts';
import { parseSettings as raftSettings } from '../consensus/raft/settings.ts';
import { parseSettings as zabSettings } from '../consensus/zab/settings.ts';
import type { BehaviourFactory } from '../simulator/behaviours/behaviour.ts';
import { COMMON_BEHAVIOURS, TWIN, twin } from '../simulator/behaviours/common.ts';
import type { Fault } from '../simulator/faults.ts';
import { lightTier } from '../simulator/light-tier.ts';
import type { Options } from '../simulator/options.ts';
import { placeId } from '../simulator/places.ts';
import { Course, planRun } from '../simulator/run.ts';
import { FOR_EVER_MS } from '../simulator/schedule.ts';
import type { Simulation } from '../simulator/simulation.ts';
import type { EngineJson, Subject } from '../simulator/subject.ts';
import { knownSubject } from '../simulator/subjects/registry.ts';
import { TAG_KEYS } from '../simulator/tags.ts';
import type { TierFactory } from '../simulator/tier.ts';
import { LoadBook } from './book.ts';
import { type Figures, figuresOf, type Traffic } from './figures.ts';
import { packetBytes } from './packet-bytes.ts';
import { bears, type CaseName, faultWindow, finalityOf, minoritySize } from './plan.ts';
import { SimulatedClients } from './simulated-clients.ts';

export interface SimulatedCase {
  readonly engine: string;
  readonly name: CaseName;
  readonly nodes: number;
  readonly seconds: number;
  readonly clients: number;
  readonly seed: string;
  /** The engine's settings in the genesis of a test network. */
  readonly template: EngineJson;
}

/** Until nodes have met, chosen a leader and made a block. */
const WARM_UP_MS = 20_000;
/** What was sent may become final within so much virtual time after clients have stopped. */
const DRAIN_MS = 120_000;
const TIMES = { latencyMs: 5, jitterMs: 0.5, diskWriteMs: 2, executionMs: 2 };
/** Hashes a second of each node, under proof-of-work. */
const HASH_RATE = 1_000;
const BLOCK_SECONDS = 1;
const MS_PER_SECOND = 1_000;
/** Who lies, and how, where an engine has a name for what hurts it most. Elsewhere two copies of a node share its identity. */
const LIES: Readonly<Record<string, string>> = { pow: 'selfish', pos: 'doubleProposing', pbft: 'equivocating' };

const DEFAULTS: Readonly<Record<string, (settings: EngineJson, signatures: Signatures) => object>> = {
  raft: raftSettings,
  zab: zabSettings,
  paxos: paxosSettings,
  'chandra-toueg': chandraTouegSettings,
  pbft: pbftSettings,
};

/** How the Byzantine nodes of an engine misbehave. */
export function behaviourOf(engine: string): string {
  return LIES[engine] ?? TWIN;
}

/** Throws what the simulator throws for settings that make no sense. */
export function simulateCase(input: SimulatedCase): Figures {
  const { name, nodes, seconds, engine } = input;
  const cutOff = new Set<number>();
  const book = new LoadBook();
  const bad = name === 'byzantine' ? badPlaces(input) : [];
  const places = range(nodes).filter((place) => !bad.includes(place));
  const [fromMs, toMs] = [WARM_UP_MS, WARM_UP_MS + seconds * MS_PER_SECOND];
  const load = { clients: input.clients, finality: finalityOf(engine), book, fromMs, toMs, places, cutOff };
  const clients = new SimulatedClients(load);
  const tier: TierFactory = (world, subject, options) => ({
    ...lightTier(world, subject, options),
    newClients: (all, observe) => clients.attach(world, all, observe),
  });
  const subject: Subject = {
    ...present(knownSubject(engine), `the subject ${engine}`),
    behaviours: new Map<string, BehaviourFactory>([...COMMON_BEHAVIOURS, [TWIN, twin], ...(knownSubject(engine)?.behaviours ?? [])]),
    meters: [clients.meter],
    // What is written for members that only crash says nothing of one that lies.
    ...(name === 'byzantine' && bears(engine, nodes).lying === 0 && { invariants: [] }),
  };
  const plan = planRun({
    subject,
    seed: `${input.seed}/${name}`,
    options: optionsOf(input, subject, bad),
    schedule: bad.map(byzantine(input)),
  });
  const course = new Course(plan, tier, null, {});
  const { simulation } = course;
  const meter = new TrafficMeter(simulation, places);
  let hit: readonly number[] = bad;
  try {
    advance(course, fromMs);
    meter.begin();
    const window = faultWindow(name, seconds);
    if (window !== null && name !== 'byzantine') {
      advance(course, fromMs + window.fromMs);
      const fault = faultOf(input, simulation);
      hit = hitBy(fault);
      if (fault.fault === 'partition') for (const place of hit) cutOff.add(place);
      simulation.begin(fault);
      advance(course, fromMs + window.toMs);
      simulation.end(fault);
      cutOff.clear();
    }
    advance(course, toMs);
    meter.end();
    advance(course, toMs + DRAIN_MS, () => book.unfinished === 0);
    simulation.finish();
  } catch (error) {
    course.fail(error);
  }
  const { violations } = course.end();
  return figuresOf({
    name,
    seconds,
    book,
    hit,
    traffic: meter.read(),
    broken: violations.map(({ checker, message }) => `${checker}: ${message}`),
  });
}

/** Lets virtual time go on to this moment, or until it is done, or until something went wrong. */
function advance(course: Course, toMs: number, isDone: () => boolean = () => false): void {
  const { world } = course.simulation;
  const isDue = () => world.nowMs >= toMs || isDone();
  while (course.goesOn && !isDue()) course.slice(isDue);
}

function optionsOf(
  { engine, nodes, clients, template, seconds }: SimulatedCase,
  subject: Subject,
  bad: readonly number[],
): Partial<Options> {
  const places = Math.max(nodes, ...bad.map((place) => place + 1));
  return {
    ...TIMES,
    nodes: places,
    faultsMs: WARM_UP_MS + seconds * MS_PER_SECOND + DRAIN_MS,
    survivors: range(places),
    transfersPerMinute: 0,
    accounts: clients,
    hashRates: range(places).map((place) => (place < nodes ? HASH_RATE : 0)),
    engine: settingsOf(engine, nodes, subject, template),
  };
}

/** A test network's settings, with members, or validators, that the simulator has the keys of. */
function settingsOf(engine: string, nodes: number, subject: Subject, template: EngineJson): EngineJson {
  const { name: _name, members: _members, validators: _validators, ...own } = template;
  const drawn = subject.drawSettings(new Random(engine), range(nodes).map(placeId), TAG_KEYS, TIMES);
  if (engine === 'pow') return { ...own, blockTimeSeconds: BLOCK_SECONDS, minimumDifficulty: 1, blockRewardWei: 1 };
  if (engine === 'pos') return { ...own, slotSeconds: BLOCK_SECONDS, validators: drawn.validators ?? [] };
  const given = { ...own, emptyBlockMs: BLOCK_SECONDS * MS_PER_SECOND, members: drawn.members ?? [] };
  return { ...defaultsOf(engine, given, drawn), ...given };
}

/** What the engine takes for settings that are not given, of those that the simulator draws: its checkers read them. */
function defaultsOf(engine: string, given: EngineJson, drawn: EngineJson): EngineJson {
  const parsed = (DEFAULTS[engine]?.(given, TAG_KEYS.signatures) ?? {}) as EngineJson;
  return Object.fromEntries(Object.entries(parsed).filter(([name]) => name !== 'members' && name in drawn));
}

/** Those who lead first, where somebody leads. The twin of a member stands behind them all: only its original is a member. */
function badPlaces({ engine, nodes }: SimulatedCase): number[] {
  const faulty = Math.max(1, bears(engine, nodes).lying);
  return behaviourOf(engine) === TWIN ? [nodes] : range(faulty);
}

function byzantine({ engine }: SimulatedCase): (place: number) => Fault {
  return (node) => ({ fault: 'byzantine', node, behaviour: behaviourOf(engine), atMs: 0, forMs: FOR_EVER_MS });
}

function faultOf({ engine, name, nodes }: SimulatedCase, simulation: Simulation): Fault {
  const leader = leaderOf(simulation, nodes);
  const times = { atMs: 0, forMs: FOR_EVER_MS };
  const other = (leader + 1) % nodes;
  if (name === 'crash') return { fault: 'crash', node: other, ...times };
  if (name === 'leader') return { fault: 'crash', node: leader, ...times };
  const side = range(Math.max(1, minoritySize(engine, nodes))).map((i) => (leader + i) % nodes);
  return { fault: 'partition', side, direction: 'both', ...times };
}

function hitBy(fault: Fault): readonly number[] {
  if (fault.fault === 'partition') return fault.side;
  return 'node' in fault ? [fault.node] : [];
}

/** The member that leads, by what most nodes say; of engines without one, whoever made the newest block. */
function leaderOf(simulation: Simulation, nodes: number): number {
  const lives = range(nodes).flatMap((place) => simulation.nodes[place]?.life ?? []);
  for (const life of lives) {
    const { leader } = (life.driver.inspect() ?? {}) as { readonly leader?: Json };
    const place = range(nodes).find((at) => placeId(at) === leader);
    if (place !== undefined) return place;
  }
  const newest = lives.map(({ chain }) => chain.head.header).sort((a, b) => b.number - a.number)[0];
  return Math.max(
    0,
    range(nodes).findIndex((place) => simulation.beneficiaryOf(place) === newest?.beneficiary),
  );
}

/** Counts what nodes send each other, but for transactions, which every engine's nodes pass on alike. */
class TrafficMeter {
  readonly #simulation: Simulation;
  readonly #places: readonly number[];
  #isOn = false;
  #messages = 0;
  #bytes = 0;
  #from = 0;
  #to = 0;

  constructor(simulation: Simulation, places: readonly number[]) {
    this.#simulation = simulation;
    this.#places = places;
    simulation.network.onSend = (packet) => {
      if (!this.#isOn || packet.type === 'transaction') return;
      this.#messages++;
      this.#bytes += packetBytes(packet);
    };
  }

  begin(): void {
    this.#isOn = true;
    this.#from = this.#height();
  }

  end(): void {
    this.#isOn = false;
    this.#to = this.#height();
  }

  read(): Traffic | null {
    const blocks = this.#to - this.#from;
    return blocks <= 0 ? null : { blocks, messagesPerBlock: this.#messages / blocks, bytesPerBlock: this.#bytes / blocks };
  }

  #height(): number {
    return Math.max(0, ...this.#places.map((place) => this.#simulation.nodes[place]?.chain.head.header.number ?? 0));
  }
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
