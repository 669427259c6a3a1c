/** A place in the network: the disk and the clock that outlive crashes, and the life that is going on, if any. */
import type { RuleError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import type { Signer } from '../base/signatures.ts';
import type { Hash } from '../base/types.ts';
import type { HeaderNode } from '../chain/tree.ts';
import type { AnyEngine } from '../consensus/engine.ts';
import { Reputation, weightOf } from '../network/reputation.ts';
import type { PeerStatus } from '../sync/types.ts';
import type { Behaviour, BehaviourFactory, Tools } from './behaviours/behaviour.ts';
import { describe } from './describe.ts';
import { Disk } from './disk.ts';
import { GENESIS_SECONDS } from './genesis.ts';
import { Life, type Surroundings } from './life.ts';
import { NodeClock } from './node-clock.ts';
import type { Options } from './options.ts';
import type { Packet } from './packets.ts';
import { type ProofOracle, VirtualMiner } from './sealer.ts';
import type { DurableView, OpenLedger, Store, Tier } from './tier.ts';
import type { Balances } from './transfers.ts';
import { US_PER_MS, type World } from './world.ts';

/** What all nodes of one world have in common, and what they need of it. */
export interface Company extends Pick<Surroundings, 'observe' | 'idOf' | 'placesOf'> {
  readonly world: World;
  readonly tier: Tier;
  readonly options: Options;
  readonly oracle: ProofOracle;
  readonly genesis: HeaderNode;
  makeEngine(place: number): AnyEngine;
  /** The keys that the node at this place signs with. */
  signersOf(place: number): readonly Signer[];
  /** Null for a node that follows the protocol. */
  behaviourOf(place: number): BehaviourFactory | null;
  peersOf(place: number): ReadonlySet<number>;
  send(from: number, to: number, packet: Packet): void;
  /** `place` bans `peer` from now on, for so long. */
  ban(place: number, peer: number, forMs: number): void;
  started(place: number): void;
  stopped(place: number, error: unknown): void;
}

export class VirtualNode {
  readonly place: number;
  readonly disk: Disk;
  readonly miner: VirtualMiner;
  readonly clock: NodeClock;
  life: Life | null = null;
  /** Stands for the life that goes on or begins; null while the node is down. */
  #token: object | null = null;
  readonly #store: Store;
  readonly #company: Company;
  readonly #reputation = new Reputation();
  readonly #execution: Random;
  readonly #storeRandom: Random;
  readonly #behaviour: Behaviour | null;

  constructor(company: Company, place: number) {
    const { world, options, oracle, genesis, tier } = company;
    this.place = place;
    this.#company = company;
    this.disk = new Disk(world, world.stream(`disk/${place}`), { writeUs: options.diskWriteMs * US_PER_MS });
    this.clock = new NodeClock(world, GENESIS_SECONDS * 1_000);
    this.#store = tier.newStore(place, this.disk, genesis);
    this.miner = new VirtualMiner(world, world.stream(`miner/${place}`), oracle, options.hashRates[place] ?? 0);
    this.#execution = world.stream(`execution/${place}`);
    this.#storeRandom = world.stream(`store/${place}`);
    this.#behaviour = company.behaviourOf(place)?.(this.#tools()) ?? null;
    this.#behaviour?.begin?.();
  }

  /** What is on its disk. */
  get chain(): DurableView {
    return this.#store.durable;
  }

  /** After a block, where the ledger is the light one. */
  accounts(hash: Hash): Balances | null {
    return this.#store.accounts(hash);
  }

  /** Also true while it is being started. */
  get isRunning(): boolean {
    return this.#token !== null;
  }

  start(): void {
    const { world, options, makeEngine } = this.#company;
    const { place } = this;
    const token = {};
    this.#token = token;
    const whileAlive = (action: () => void) => {
      if (this.#token !== token) return;
      try {
        action();
      } catch (error) {
        this.#end(error);
      }
    };
    const engine = this.#behaviour?.engine?.(makeEngine(place)) ?? makeEngine(place);
    this.#store.open({
      engine,
      clock: this.clock,
      random: this.#storeRandom,
      executionUs: () => options.executionMs * US_PER_MS * (0.5 + this.#execution.float()),
      after: (delayUs, action) => void world.after(delayUs, () => whileAlive(action)),
      opened: (open) => whileAlive(() => this.#live(engine, open)),
      fatal: (error) => whileAlive(() => this.#end(error)),
    });
  }

  #live(engine: AnyEngine, open: OpenLedger): void {
    const { world, tier, observe, peersOf, idOf, placesOf, started } = this.#company;
    const { place } = this;
    const { incarnation } = open.recovered;
    const { head, finalized } = this.chain;
    const found = world.trace.isRead ? { id: idOf(place), head: head.hash, finalized: finalized.header.number } : null;
    world.trace.note(world.nowUs, 'start', place, -1, incarnation, '', found);
    this.life = new Life({
      world,
      tier,
      engine,
      place,
      self: idOf(place),
      open,
      sealer: this.miner,
      random: world.stream(`engine/${place}/${incarnation}`),
      localClock: this.clock,
      observe,
      peers: () => peersOf(place),
      hasSession: (peer) => peersOf(place).has(peer),
      idOf,
      placesOf,
      send: (to, packet) => this.#send(to, packet),
      offence: (against, error) => this.#offence(against, error),
      fatal: (error) => this.#end(error),
    });
    this.life.start();
    started(place);
  }

  /** Power loss. */
  crash(): void {
    if (this.#token !== null) this.#end(null);
  }

  /** A packet from the network. */
  receive(from: number, packet: Packet): void {
    if (this.life === null || this.#behaviour?.answer?.(from, packet) === true) return;
    this.life.receive(from, packet);
    this.#behaviour?.received?.(from, packet);
  }

  /** What it says of itself at a handshake; undefined while it is down. */
  status(): PeerStatus | undefined {
    const honest = this.life?.status();
    return honest && (this.#behaviour?.status?.(honest) ?? honest);
  }

  isBanned(peer: number): boolean {
    return this.#reputation.isBanned(String(peer), this.#company.world.nowMs);
  }

  bannedForMs(peer: number): number {
    return this.#reputation.bannedForMs(String(peer), this.#company.world.nowMs);
  }

  #send(to: number, packet: Packet): void {
    const { send } = this.#company;
    if (this.#behaviour?.outgoing === undefined) return send(this.place, to, packet);
    for (const changed of this.#behaviour.outgoing(to, packet)) send(this.place, to, changed);
  }

  #tools(): Tools {
    const { world, tier, oracle, options, makeEngine, signersOf, peersOf, send } = this.#company;
    const { place } = this;
    return {
      place,
      random: world.stream(`behaviour/${place}`),
      params: tier.params,
      engine: makeEngine(place),
      oracle,
      signers: signersOf(place),
      signatures: tier.keys.signatures,
      hashRate: options.hashRates[place] ?? 0,
      nowMs: () => world.nowMs,
      wallMs: () => this.clock.wallMs(),
      peers: () => [...peersOf(place)],
      chain: () => this.life?.chain ?? null,
      accounts: (hash) => this.accounts(hash),
      send: (to, packet) => {
        if (this.life !== null && peersOf(place).has(to)) send(place, to, packet);
      },
      after: (delayMs, action) => void world.after(delayMs * US_PER_MS, action),
    };
  }

  #end(error: unknown): void {
    const { world, observe, stopped } = this.#company;
    world.trace.note(world.nowUs, 'stop', this.place, -1, error === null ? 0 : 1, '', error === null ? null : { error: describe(error) });
    this.life?.stop();
    this.life = null;
    this.#token = null;
    this.miner.stop();
    const torn = this.disk.crash();
    observe({ type: 'stopped', node: this.place, error, torn });
    stopped(this.place, error);
  }

  #offence(against: number, error: RuleError): void {
    if (!error.blame || against === this.place) return;
    const { world, observe, ban } = this.#company;
    world.trace.note(world.nowUs, 'offence', this.place, against, 0, error.code);
    observe({ type: 'offence', node: this.place, against, error });
    if (!this.#reputation.offence(String(against), weightOf(error), world.nowMs)) return;
    ban(this.place, against, this.#reputation.bannedForMs(String(against), world.nowMs));
  }
}
