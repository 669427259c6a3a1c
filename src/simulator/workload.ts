/**
 * Clients: each owns an account and sends transfers to whatever node it meets, sends again what is not in the chain, and
 * now and then tries to spend the same nonce twice. It reads accounts as well, from other nodes than it writes to: as of
 * the head, as of the last final block, and, where the engine offers it, by a linearizable read. What a client is shown is
 * what a node would show it: what is on disk.
 */
import { SynodError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import type { Hash } from '../base/types.ts';
import type { HeaderNode } from '../chain/tree.ts';
import type { Observe } from './observations.ts';
import type { ClientNode, Clients } from './tier.ts';
import { type Balances, balanceOf, encodeTransfer, nonceOf } from './transfers.ts';
import { US_PER_MS, type World } from './world.ts';

const US_PER_MINUTE = 60_000 * US_PER_MS;
/** Transfers of one client that wait for a block. */
const MAX_OUTSTANDING = 4;
const RESEND_CHANCE = 0.3;
const DOUBLE_SPEND_CHANCE = 0.05;
const MAX_AMOUNT = 1_000;

export interface WorkloadOptions {
  readonly accounts: number;
  /** And as many reads. */
  readonly transfersPerMinute: number;
  /** The engine's command that answers once reads of this node's head are linearizable; null where there is none. */
  readonly linearizableRead: string | null;
}

/** What a node shows its clients. */
export interface Shown {
  readonly head: HeaderNode;
  readonly finalized: HeaderNode;
  /** Of one of its blocks. */
  accounts(hash: Hash): Balances | null;
}

export type ReadKind = 'latest' | 'finalized' | 'linearizable';

export class Workload implements Clients {
  readonly #world: World;
  readonly #random: Random;
  readonly #reads: Random;
  readonly #nodes: readonly ClientNode[];
  readonly #options: WorkloadOptions;
  readonly #shownBy: (place: number) => Shown;
  readonly #observe: Observe;
  /** By account: what was sent, by nonce; several where a nonce was used twice. */
  readonly #sent: Uint8Array[][][];

  constructor(world: World, nodes: readonly ClientNode[], options: WorkloadOptions, shownBy: (place: number) => Shown, observe: Observe) {
    this.#world = world;
    this.#random = world.stream('workload');
    this.#reads = world.stream('reads');
    this.#nodes = nodes;
    this.#options = options;
    this.#shownBy = shownBy;
    this.#observe = observe;
    this.#sent = Array.from({ length: options.accounts }, () => []);
  }

  start(): void {
    if (this.#options.transfersPerMinute === 0) return;
    this.#repeat(this.#random, () => this.#write());
    this.#repeat(this.#reads, () => this.#read());
  }

  /** Gives a transfer to a node, as a client does. True when the node took it. */
  submit(node: ClientNode, transaction: Uint8Array): boolean {
    this.#world.trace.note(this.#world.nowUs, 'client', node.place);
    this.#observe({ type: 'submitted', node: node.place, transaction });
    return node.life?.submit(transaction) ?? false;
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
    const { head, accounts } = this.#shownBy(node.place);
    const state = accounts(head.hash);
    const sent = this.#sent[account];
    if (node.life === null || state === null || sent === undefined) return;
    const next = nonceOf(state, account);
    const waiting = sent[next];
    const resend = waiting !== undefined && (sent.length - next >= MAX_OUTSTANDING || this.#random.chance(RESEND_CHANCE));
    if (resend && !this.#random.chance(DOUBLE_SPEND_CHANCE)) return void this.submit(node, this.#random.pick(waiting));
    const nonce = resend ? next : sent.length;
    const to = this.#random.below(this.#options.accounts);
    const bytes = encodeTransfer({ from: account, to, nonce, amount: 1 + this.#random.below(MAX_AMOUNT) });
    sent[nonce] = [...(sent[nonce] ?? []), bytes];
    this.submit(node, bytes);
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
    const { head, finalized, accounts } = this.#shownBy(place);
    const block = kind === 'finalized' ? finalized : head;
    const state = accounts(block.hash);
    if (state === null) return;
    const { nowUs, trace } = this.#world;
    trace.note(nowUs, 'client', place, -1, block.header.number, kind);
    this.#observe({ type: 'read', node: place, kind, block, account, callMs, seen: [balanceOf(state, account), nonceOf(state, account)] });
  }
}
