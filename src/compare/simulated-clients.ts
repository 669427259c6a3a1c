/**
 * The clients of a comparison, in the simulator: each has an account and a node, sends a transfer, and sends the next one as
 * soon as its node shows the last one in a block on disk. It goes to another node when its own is down, as whoever is refused
 * a connection does, or brings nothing about; what it sent is sent again from time to time, since a node that crashed has
 * forgotten it.
 */
import { present } from '../base/assert.ts';
import type { Hash } from '../base/types.ts';
import type { HeaderNode } from '../chain/tree.ts';
import type { Meter, MeterFactory } from '../simulator/meters/meter.ts';
import type { Observe } from '../simulator/observations.ts';
import type { ClientNode, Clients } from '../simulator/tier.ts';
import { decodeTransfer, encodeTransfer } from '../simulator/transfers.ts';
import { US_PER_MS, type World } from '../simulator/world.ts';
import type { LoadBook } from './book.ts';
import { DEEP, type FinalityRule } from './plan.ts';

export interface SimulatedLoad {
  readonly clients: number;
  readonly finality: FinalityRule;
  readonly book: LoadBook;
  /** Virtual time at which the case begins. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Places that clients can have their nodes at. */
  readonly places: readonly number[];
  /** Places that are cut off at this moment. */
  readonly cutOff: ReadonlySet<number>;
}

interface Client {
  readonly account: number;
  place: number;
  nonce: number;
  bytes: Uint8Array | null;
  /** To this node, first and last. */
  firstMs: number;
  sentMs: number;
}

/** What a node has shown so far. */
interface Shown {
  readonly blocks: Set<Hash>;
  readonly finalBlocks: Set<Hash>;
  readonly keys: Set<string>;
}

const LOOK_MS = 100;
const AGAIN_MS = 1_000;
/** A client whose node takes its transfer nowhere tries another one after this time; not while the network is cut. */
export const PATIENCE_MS = 3_000;

export class SimulatedClients implements Clients {
  readonly #load: SimulatedLoad;
  #world: World | null = null;
  #nodes: readonly ClientNode[] = [];
  #observe: Observe = () => undefined;
  readonly #clients: readonly Client[];
  readonly #shown = new Map<number, Shown>();

  constructor(load: SimulatedLoad) {
    this.#load = load;
    this.#clients = Array.from({ length: load.clients }, (_, account) => ({
      account,
      place: present(load.places[account % load.places.length], 'a place'),
      nonce: 0,
      bytes: null,
      firstMs: 0,
      sentMs: 0,
    }));
  }

  /** Before the start. */
  attach(world: World, nodes: readonly ClientNode[], observe: Observe): this {
    this.#world = world;
    this.#nodes = nodes;
    this.#observe = observe;
    return this;
  }

  /** What the clients see of the run. */
  readonly meter: MeterFactory = ({ chainOf }): Meter => ({
    sees: ['durable', 'finalDurable'],
    observe: (observation) => {
      if (observation.type !== 'durable' && observation.type !== 'finalDurable') return;
      const { node } = observation;
      const chain = chainOf(node);
      if (chain === null || !this.#load.places.includes(node)) return;
      const transactions = (hash: Hash) => chain.block(hash)?.transactions ?? [];
      const parent = ({ header }: HeaderNode) => chain.get(header.parentHash);
      const shown = this.#shownBy(node);
      if (observation.type === 'finalDurable') {
        if (this.#load.finality === 'voted')
          this.#walk(observation.block, shown.finalBlocks, parent, (block) => this.#final(transactions(block.hash)));
        return;
      }
      this.#walk(observation.head, shown.blocks, parent, (block) => this.#included(node, transactions(block.hash)));
      if (this.#load.finality !== 'deep') return;
      let deep: HeaderNode | undefined = observation.head;
      for (let depth = 0; depth < DEEP && deep !== undefined; depth++) deep = parent(deep);
      if (deep !== undefined) this.#walk(deep, shown.finalBlocks, parent, (block) => this.#final(transactions(block.hash)));
    },
    read: () => ({}),
  });

  start(): void {
    this.#world?.after(this.#load.fromMs * US_PER_MS, () => {
      for (const client of this.#clients) this.#next(client);
      this.#look();
    });
  }

  submit(node: ClientNode, transaction: Uint8Array): boolean {
    this.#observe({ type: 'submitted', node: node.place, transaction });
    return node.life?.submit(transaction) ?? false;
  }

  /** Since the beginning of the case. */
  get #nowMs(): number {
    return (this.#world?.nowMs ?? 0) - this.#load.fromMs;
  }

  get #isOver(): boolean {
    return this.#nowMs >= this.#load.toMs - this.#load.fromMs;
  }

  #next(client: Client): void {
    client.bytes = null;
    if (this.#isOver) return;
    const { account, nonce } = client;
    client.bytes = encodeTransfer({ from: account, to: (account + 1) % this.#load.clients, nonce, amount: 1 });
    const side = this.#load.cutOff.has(client.place) ? 'minority' : 'majority';
    this.#load.book.sent(keyOf(account, nonce), side, this.#nowMs);
    client.firstMs = this.#nowMs;
    this.#send(client);
  }

  #send(client: Client): void {
    client.sentMs = this.#nowMs;
    const node = this.#nodes[client.place];
    const { bytes } = client;
    // From an event of its own: a client is told of a block in the middle of its node's work.
    if (node !== undefined && bytes !== null) this.#world?.after(0, () => void this.submit(node, bytes));
  }

  /** Now and then: whose node is down, and what may have been forgotten. */
  #look(): void {
    for (const client of this.#clients) {
      if (client.bytes === null) continue;
      if (this.#isLost(client)) {
        client.place = this.#livingAfter(client.place);
        client.firstMs = this.#nowMs;
        client.sentMs = this.#nowMs - AGAIN_MS;
      }
      if (this.#shownBy(client.place).keys.has(keyOf(client.account, client.nonce))) this.#taken(client);
      else if (this.#nowMs - client.sentMs >= AGAIN_MS) this.#send(client);
    }
    this.#world?.after(LOOK_MS * US_PER_MS, () => this.#look());
  }

  #isLost({ place, firstMs }: Client): boolean {
    if (this.#nodes[place]?.life === null) return true;
    return this.#load.cutOff.size === 0 && this.#nowMs - firstMs >= PATIENCE_MS;
  }

  #livingAfter(place: number): number {
    const { places } = this.#load;
    const at = places.indexOf(place);
    const others = [...places.slice(at + 1), ...places.slice(0, at)];
    return others.find((other) => this.#nodes[other]?.life !== null) ?? place;
  }

  #included(node: number, transactions: readonly Uint8Array[]): void {
    const { keys } = this.#shownBy(node);
    for (const bytes of transactions) {
      const { from, nonce } = decodeTransfer(bytes);
      keys.add(keyOf(from, nonce));
      const client = this.#clients[from];
      if (client !== undefined && client.place === node && client.nonce === nonce && client.bytes !== null) this.#taken(client);
    }
  }

  #taken(client: Client): void {
    const key = keyOf(client.account, client.nonce);
    this.#load.book.included(key, this.#nowMs);
    if (this.#load.finality === 'decided') this.#load.book.final(key, this.#nowMs);
    client.nonce++;
    this.#next(client);
  }

  #final(transactions: readonly Uint8Array[]): void {
    for (const bytes of transactions) {
      const { from, nonce } = decodeTransfer(bytes);
      this.#load.book.final(keyOf(from, nonce), this.#nowMs);
    }
  }

  /** From this block back to one that is known. */
  #walk(tip: HeaderNode, known: Set<Hash>, parent: (node: HeaderNode) => HeaderNode | undefined, visit: (node: HeaderNode) => void): void {
    const found: HeaderNode[] = [];
    for (let at: HeaderNode | undefined = tip; at !== undefined && !known.has(at.hash); at = parent(at)) {
      known.add(at.hash);
      found.push(at);
    }
    for (const node of found.reverse()) visit(node);
  }

  #shownBy(place: number): Shown {
    const shown = this.#shown.get(place) ?? { blocks: new Set(), finalBlocks: new Set(), keys: new Set() };
    this.#shown.set(place, shown);
    return shown;
  }
}

function keyOf(account: number, nonce: number): string {
  return `${account}/${nonce}`;
}
