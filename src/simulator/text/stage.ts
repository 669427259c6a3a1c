/** A simulation that a script drives by hand: no clients, no schedule, nothing drawn but what an engine asks for. */
import { present } from '../../base/assert.ts';
import { InternalError } from '../../base/errors.ts';
import { Random } from '../../base/random.ts';
import type { Hash } from '../../base/types.ts';
import { hashHeader } from '../../chain/header.ts';
import { COMMON_CHECKERS } from '../checkers/all.ts';
import { describe } from '../describe.ts';
import type { Fault } from '../faults.ts';
import type { Life } from '../life.ts';
import { type LightTier, lightTier } from '../light-tier.ts';
import { drawOptions, type Options } from '../options.ts';
import { PurityGuard } from '../purity.ts';
import { FOR_EVER_MS } from '../schedule.ts';
import { Simulation } from '../simulation.ts';
import type { EngineJson, Subject } from '../subject.ts';
import type { TraceEntry, TraceSink } from '../trace.ts';
import { type Balances, encodeTransfer } from '../transfers.ts';
import type { VirtualNode } from '../virtual-node.ts';
import { runLimited } from '../watchdog.ts';
import { US_PER_MS } from '../world.ts';
import { isShown, type Level, lineOf } from './lines.ts';
import { Names } from './names.ts';

export interface StageInput {
  readonly subject: Subject;
  readonly seed: string;
  readonly nodes: number;
  readonly latencyMs: number;
  readonly diskWriteMs: number;
  readonly executionMs: number;
  readonly accounts: number;
  /** Of each node, from the start; 0 where proofs are found on command only. */
  readonly hashRate: number;
  /** Instead of what the seed would give. */
  readonly engine: EngineJson;
  /** Behaviours of nodes that are not honest. */
  readonly byzantine: ReadonlyMap<number, string>;
  /** Nodes that are not started. */
  readonly down: readonly number[];
}

/** Hashes a second for which the first difficulty is made, by node. */
const NOMINAL_HASH_RATE = 100;
/** Of one command. */
const MAX_EVENTS = 2_000_000;
const MAX_LINES = 5_000;
const SLICE_EVENTS = 4_096;
const SLICE_LIMIT_MS = 20_000;

type Untimed<F> = F extends Fault ? Omit<F, 'atMs' | 'forMs'> : never;

export class Stage {
  readonly simulation: Simulation;
  readonly names: Names;
  readonly options: Options;
  level: Level = 'decisions';
  readonly #tier: LightTier;
  readonly #byzantine: ReadonlyMap<number, string>;
  readonly #guard = new PurityGuard();
  readonly #faults: Fault[] = [];
  readonly #nonces = new Map<number, number>();
  /** What was sent, by its number, until it has arrived or was lost. */
  readonly #sent = new Map<number, TraceEntry['data']>();
  #entries: TraceEntry[] = [];
  #untold = 0;

  constructor(input: StageInput) {
    const { subject, seed, byzantine, down } = input;
    this.options = optionsOf(input);
    this.#byzantine = byzantine;
    const roles = [...byzantine].map(([node, behaviour]) => lasting({ fault: 'byzantine', node, behaviour }));
    let tier: LightTier | null = null;
    this.simulation = new Simulation({
      tier: (world, ...rest) => {
        tier = lightTier(world, ...rest);
        return tier;
      },
      subject,
      seed,
      options: this.options,
      schedule: roles,
      checkers: [...COMMON_CHECKERS, ...subject.invariants],
      marks: [],
      sink: this.#sink(),
      even: true,
    });
    this.#tier = present<LightTier>(tier, 'the tier');
    this.names = new Names(hashHeader(this.#tier.genesis.header));
    for (const { miner } of this.simulation.nodes) miner.setRate(input.hashRate);
    for (const node of down) this.begin({ fault: 'crash', node });
    this.#entries = [];
    this.run(0);
  }

  get nowMs(): number {
    return this.simulation.world.nowMs;
  }

  node(place: number): VirtualNode {
    return present(this.simulation.nodes[place], `node ${place}`);
  }

  life(place: number): Life | null {
    return this.node(place).life;
  }

  /** What a node that runs shows of its clients' accounts. */
  accountsOf(place: number): Balances | null {
    const head = this.life(place)?.status().head;
    return head === undefined ? null : (this.#tier.states.of(place)?.state(head) ?? null);
  }

  behaviourOf(place: number): string | null {
    return this.#byzantine.get(place) ?? null;
  }

  /** Of nodes that run and follow the protocol. */
  honest(): Life[] {
    return this.simulation.nodes.flatMap(({ place, life }) => (life === null || this.#byzantine.has(place) ? [] : life));
  }

  /** All of them have the same head, and have it on disk. */
  isConverged(): boolean {
    const heads = this.honest().flatMap((life) => [life.chain.head.hash, life.status().head]);
    return new Set(heads).size <= 1;
  }

  /** Lets time pass, until something is so. True when it was; what is due at the last moment happens too. */
  run(forMs: number, until: () => boolean = () => false): boolean {
    const { world } = this.simulation;
    const untilUs = world.nowUs + Math.ceil(forMs * US_PER_MS);
    const lastEvent = world.events + MAX_EVENTS;
    let state: 'going on' | 'reached' | 'over' = until() ? 'reached' : 'going on';
    const slice = () => {
      for (let steps = 0; steps < SLICE_EVENTS && state === 'going on'; steps++) {
        if (!world.step(untilUs)) state = 'over';
        else if (until()) state = 'reached';
      }
    };
    while (state === 'going on') {
      if (world.events > lastEvent) throw tooMuch(this.nowMs);
      this.#guard.run(() => runLimited(SLICE_LIMIT_MS, slice));
    }
    const { found } = this.#guard;
    if (found !== null) throw new InternalError('simulator/impure', `${found.what} was called ${found.where}`);
    return state === 'reached';
  }

  /** What a bug made of the engine: said of the node that was at work. */
  failed(error: unknown): void {
    const { node, event } = this.simulation.activity;
    this.simulation.report('Engine', node, event === null ? describe(error) : `On event '${event}': ${describe(error)}`);
  }

  begin(fault: Untimed<Fault>): void {
    const begun = lasting(fault);
    this.#faults.push(begun);
    this.simulation.begin(begun);
  }

  /** Ends the faults that are so. How many there were. */
  end(which: (fault: Fault) => boolean): number {
    const ending = this.#faults.filter(which);
    for (const fault of ending) {
      this.#faults.splice(this.#faults.indexOf(fault), 1);
      this.simulation.end(fault);
    }
    return ending.length;
  }

  /** A client's transfer; the sender's nonces count on, unless one is given. True when the node took it. */
  transfer(
    at: number,
    given: { readonly from: number; readonly to: number; readonly amount: number; readonly nonce: number | null },
  ): boolean {
    const { from, to, amount } = given;
    const nonce = given.nonce ?? this.#nonces.get(from) ?? 0;
    this.#nonces.set(from, Math.max(nonce + 1, this.#nonces.get(from) ?? 0));
    return this.simulation.workload.submit(this.node(at), encodeTransfer({ from, to, nonce, amount }));
  }

  /** What happened since the last call, as lines. */
  told(): string[] {
    const lines = this.#entries.flatMap((entry) => lineOf(entry, this.names) ?? []);
    if (this.#untold > 0) lines.push(`... and ${this.#untold} more lines`);
    this.#entries = [];
    this.#untold = 0;
    return lines;
  }

  #sink(): TraceSink {
    return (entry) => {
      const told = this.#withData(entry);
      // Violations are told at any level: a script that has one without expecting it fails.
      if (!isShown(entry.kind === 'violation' ? 'all' : this.level, told)) return;
      if (this.#entries.length < MAX_LINES) this.#entries.push(told);
      else this.#untold++;
    };
  }

  /** What arrives, or is lost, says what was sent. */
  #withData(entry: TraceEntry): TraceEntry {
    const { kind, id, what, data } = entry;
    if (kind === 'insert') this.names.learn(what as Hash, id);
    if (kind === 'send') this.#sent.set(id, data);
    if (kind !== 'receive' && kind !== 'lost') return entry;
    return { ...entry, data: { ...this.#sent.get(id), ...data } };
  }
}

function optionsOf({ subject, seed, nodes, latencyMs, diskWriteMs, executionMs, accounts, engine }: StageInput): Options {
  const still = { jitterMs: 0, transfersPerMinute: 0, faultsMs: FOR_EVER_MS };
  const hashRates = Array.from({ length: nodes }, () => NOMINAL_HASH_RATE);
  const given = { ...still, nodes, latencyMs, diskWriteMs, executionMs, accounts, hashRates };
  const drawn = drawOptions(new Random(seed).stream('options'), subject, given);
  return { ...drawn, engine: { ...drawn.engine, ...engine } };
}

function lasting(fault: Untimed<Fault>): Fault {
  return { ...fault, atMs: 0, forMs: FOR_EVER_MS } as Fault;
}

function tooMuch(atMs: number): InternalError {
  return new InternalError('simulator/no-end', `One command has brought ${MAX_EVENTS} events, and it is only ${atMs} ms.`, { atMs });
}
