/**
 * Clients: each owns an account and sends transactions to whatever node it meets, sends again what is not in the chain, and
 * now and then tries to use the same nonce twice. It reads accounts as well, from other nodes than it writes to: as of
 * the head, as of the last final block, and, where the engine offers it, by a linearizable read. What a client is shown is
 * what a node would show it: what is on disk.
 */
import { SynodError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import type { HeaderNode } from '../chain/tree.ts';
import type { AdminCommand } from '../consensus/engine.ts';
import type { Observe } from './observations.ts';
import type { ClientNode, Clients } from './tier.ts';
import { US_PER_MS, type World } from './world.ts';

const US_PER_MINUTE = 60_000 * US_PER_MS;
/** Transactions of one client that wait for a block. */
const MAX_OUTSTANDING = 4;
const RESEND_CHANCE = 0.3;
const DOUBLE_SPEND_CHANCE = 0.05;
/** Mean time from one command of operators to the next, and from one node to another with the same. */
const COMMAND_US = 60_000 * US_PER_MS;
const NEXT_NODE_US = 2_000 * US_PER_MS;

export interface WorkloadOptions {
  readonly accounts: number;
  /** And as many reads. */
  readonly transfersPerMinute: number;
  /** The engine's command that answers once reads of this node's head are linearizable; null where there is none. */
  readonly linearizableRead: string | null;
  /** See `Subject.operators`. */
  readonly operators: readonly AdminCommand[];
}

export interface Account {
  /** In the ledger's smallest unit; the nearest double. */
  readonly balance: number;
  readonly nonce: number;
}

/** What a node shows its clients. */
export interface Shown {
  readonly head: HeaderNode;
  readonly finalized: HeaderNode;
  /** As of one of its blocks; null when it cannot say. */
  account(block: HeaderNode, account: number): Account | null;
}

/** What differs between the tiers: what clients see, and what they write. */
export interface Wallets {
  /** Null for a node that has never started. */
  shownBy(place: number): Shown | null;
  /** Makes a transaction of this account, different every time. `done` follows at once, or as an event of this moment. */
  write(account: number, nonce: number, random: Random, done: (transaction: Uint8Array) => void): void;
}

export type ReadKind = 'latest' | 'finalized' | 'linearizable';

export class Workload implements Clients {
  readonly #world: World;
  readonly #random: Random;
  readonly #reads: Random;
  readonly #nodes: readonly ClientNode[];
  readonly #options: WorkloadOptions;
  readonly #wallets: Wallets;
  readonly #observe: Observe;
  /** By account: what was sent, by nonce; several where a nonce was used twice. */
  readonly #sent: Uint8Array[][][];

  constructor(world: World, nodes: readonly ClientNode[], options: WorkloadOptions, wallets: Wallets, observe: Observe) {
    this.#world = world;
    this.#random = world.stream('workload');
    this.#reads = world.stream('reads');
    this.#nodes = nodes;
    this.#options = options;
    this.#wallets = wallets;
    this.#observe = observe;
    this.#sent = Array.from({ length: options.accounts }, () => []);
  }

  start(): void {
    if (this.#options.operators.length > 0) this.#operate(this.#world.stream('operators'));
    if (this.#options.transfersPerMinute === 0) return;
    this.#repeat(this.#random, () => this.#write());
    this.#repeat(this.#reads, () => this.#read());
  }

  /** Gives a transaction to a node, as a client does. True when the node took it. */
  submit(node: ClientNode, transaction: Uint8Array): boolean {
    this.#world.trace.note(this.#world.nowUs, 'client', node.place);
    this.#observe({ type: 'submitted', node: node.place, transaction });
    return node.life?.submit(transaction) ?? false;
  }

  /** All operators give their nodes the same command, one after another; whoever is down misses it. */
  #operate(random: Random): void {
    this.#world.after(random.waiting(COMMAND_US), () => {
      const command = random.pick(this.#options.operators);
      for (const [i, node] of random.shuffle(this.#nodes).entries()) {
        this.#world.after(i * NEXT_NODE_US, () => node.life?.admin(command, () => undefined));
      }
      this.#operate(random);
    });
  }

  #repeat(random: Random, act: () => void): void {
    this.#world.after(random.waiting(US_PER_MINUTE / this.#options.transfersPerMinute), () => {
      act();
      this.#repeat(random, act);
    });
  }

  #write(): void {
    const node = this.#random.pick(this.#nodes);
    const account = this.#random.below(this.#options.accounts);
    const sent = this.#sent[account];
    if (node.life === null || sent === undefined) return;
    const shown = this.#wallets.shownBy(node.place);
    const own = shown?.account(shown.head, account) ?? null;
    if (own === null) return;
    const next = own.nonce;
    const waiting = sent[next];
    const resend = waiting !== undefined && (sent.length - next >= MAX_OUTSTANDING || this.#random.chance(RESEND_CHANCE));
    if (resend && !this.#random.chance(DOUBLE_SPEND_CHANCE)) return void this.submit(node, this.#random.pick(waiting));
    const nonce = resend ? next : sent.length;
    this.#wallets.write(account, nonce, this.#random, (bytes) => {
      sent[nonce] = [...(sent[nonce] ?? []), bytes];
      this.submit(node, bytes);
    });
  }

  #read(): void {
    const node = this.#reads.pick(this.#nodes);
    const account = this.#reads.below(this.#options.accounts);
    const { linearizableRead } = this.#options;
    const kinds: readonly ReadKind[] = ['latest', 'finalized', ...(linearizableRead === null ? [] : (['linearizable'] as const))];
    const kind = this.#reads.pick(kinds);
    if (node.life === null) return;
    if (kind !== 'linearizable' || linearizableRead === null) return this.#show(node.place, kind, account, this.#world.nowMs);
    const callMs = this.#world.nowMs;
    node.life.admin({ name: linearizableRead, arguments: {} }, (result) => {
      if (!(result instanceof SynodError)) this.#show(node.place, kind, account, callMs);
    });
  }

  #show(place: number, kind: ReadKind, account: number, callMs: number): void {
    const shown = this.#wallets.shownBy(place);
    if (shown === null) return;
    const block = kind === 'finalized' ? shown.finalized : shown.head;
    const seen = shown.account(block, account);
    if (seen === null) return;
    const { nowUs, trace } = this.#world;
    trace.note(nowUs, 'client', place, -1, block.header.number, kind);
    this.#observe({ type: 'read', node: place, kind, block, account, callMs, seen: [seen.balance, seen.nonce] });
  }
}
