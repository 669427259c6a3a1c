/**
 * Clients: each owns an account and sends transfers to whatever node it meets, sends again what is not in the chain, and
 * now and then tries to spend the same nonce twice. It looks only at what a node would show it, the durable head.
 */
import type { Random } from '../base/random.ts';
import type { Observe } from './observations.ts';
import type { ClientNode, Clients } from './tier.ts';
import { type Balances, encodeTransfer, nonceOf } from './transfers.ts';
import { US_PER_MS, type World } from './world.ts';

const US_PER_MINUTE = 60_000 * US_PER_MS;
/** Transfers of one client that wait for a block. */
const MAX_OUTSTANDING = 4;
const RESEND_CHANCE = 0.3;
const DOUBLE_SPEND_CHANCE = 0.05;
const MAX_AMOUNT = 1_000;

export interface WorkloadOptions {
  readonly accounts: number;
  readonly transfersPerMinute: number;
}

export class Workload implements Clients {
  readonly #world: World;
  readonly #random: Random;
  readonly #nodes: readonly ClientNode[];
  readonly #options: WorkloadOptions;
  readonly #stateOf: (place: number) => Balances | null;
  readonly #observe: Observe;
  /** By account: what was sent, by nonce; several where a nonce was used twice. */
  readonly #sent: Uint8Array[][][];

  /** `stateOf` answers with the accounts that a node would show. */
  constructor(
    world: World,
    nodes: readonly ClientNode[],
    options: WorkloadOptions,
    stateOf: (place: number) => Balances | null,
    observe: Observe,
  ) {
    this.#world = world;
    this.#random = world.stream('workload');
    this.#nodes = nodes;
    this.#options = options;
    this.#stateOf = stateOf;
    this.#observe = observe;
    this.#sent = Array.from({ length: options.accounts }, () => []);
  }

  start(): void {
    if (this.#options.transfersPerMinute === 0) return;
    this.#world.after(this.#random.waiting(US_PER_MINUTE / this.#options.transfersPerMinute), () => {
      this.#act();
      this.start();
    });
  }

  #act(): void {
    const node = this.#random.pick(this.#nodes);
    const account = this.#random.below(this.#options.accounts);
    const state = this.#stateOf(node.place);
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

  /** Gives a transfer to a node, as a client does. True when the node took it. */
  submit(node: ClientNode, transaction: Uint8Array): boolean {
    this.#world.trace.note(this.#world.nowUs, 'client', node.place);
    this.#observe({ type: 'submitted', node: node.place, transaction });
    return node.life?.submit(transaction) ?? false;
  }
}
