/**
 * eth_subscribe: what is pushed over WebSocket. One hub hears the node once and tells every connection's subscriptions;
 * what is the same for all is turned into text once. In a reorganisation the logs of the branch that was left come
 * first, with `removed: true`, and then those of the new branch.
 */
import { randomBytes } from 'node:crypto';
import { toHex } from '../base/bytes.ts';
import type { Hash, Json } from '../base/types.ts';
import type { HeaderNode } from '../chain/tree.ts';
import type { HeadChange, TransactionView } from './backend.ts';
import { limitExceeded } from './errors.ts';
import { headerJson } from './format/block.ts';
import { logJson } from './format/receipt.ts';
import { transactionJson } from './format/transaction.ts';
import type { RpcLimits } from './limits.ts';
import type { LogMatcher, LogReader } from './logs.ts';

export type Topic =
  | { readonly type: 'newHeads' }
  | { readonly type: 'logs'; readonly matcher: LogMatcher }
  | { readonly type: 'newPendingTransactions'; readonly full: boolean }
  /** Of these transactions, or with none named of all. */
  | { readonly type: 'transactionReceipts'; readonly hashes: ReadonlySet<Hash> };

interface Subscription {
  readonly id: string;
  readonly topic: Topic;
  readonly send: (message: string) => void;
  /** What happened before the client knew the subscription's id; null once it does. */
  held: string[] | null;
}

type Limits = Pick<RpcLimits, 'maxSubscriptions' | 'maxSubscriptionsPerConnection'>;

/** The receipts of a block's transactions that are wanted, all where none is named. */
export type ReceiptReader = (node: HeaderNode, wanted: ReadonlySet<Hash>) => readonly Json[];

export class SubscriptionHub {
  readonly #logs: LogReader;
  readonly #receipts: ReceiptReader;
  readonly #limits: Limits;
  readonly #subscriptions = new Set<Subscription>();

  constructor(logs: LogReader, receipts: ReceiptReader, limits: Limits) {
    this.#logs = logs;
    this.#receipts = receipts;
    this.#limits = limits;
  }

  get size(): number {
    return this.#subscriptions.size;
  }

  /** For one connection; `send` must neither throw nor block. */
  connect(send: (message: string) => void): SubscriptionSet {
    return new SubscriptionSet(this.#subscriptions, this.#limits, send);
  }

  onHead({ removed, added }: HeadChange): void {
    for (const node of removed) this.#publishLogs(node, true);
    for (const node of added) {
      this.#publishHead(node);
      this.#publishLogs(node, false);
      this.#publishReceipts(node);
    }
  }

  onTransaction(tx: TransactionView): void {
    let whole: string | undefined;
    for (const subscription of this.#subscriptions) {
      const { topic } = subscription;
      if (topic.type !== 'newPendingTransactions') continue;
      if (topic.full) whole ??= JSON.stringify(transactionJson(tx, null));
      push(subscription, topic.full && whole !== undefined ? whole : JSON.stringify(tx.hash));
    }
  }

  #publishHead(node: HeaderNode): void {
    const text = JSON.stringify(headerJson(node.header, node.hash));
    for (const subscription of this.#subscriptions) if (subscription.topic.type === 'newHeads') push(subscription, text);
  }

  /** One message for each block that has some. Of a branch that was left nothing is said: newHeads and logs tell of it. */
  #publishReceipts(node: HeaderNode): void {
    for (const subscription of this.#subscriptions) {
      const { topic } = subscription;
      if (topic.type !== 'transactionReceipts') continue;
      const receipts = this.#receipts(node, topic.hashes);
      if (receipts.length > 0) push(subscription, JSON.stringify(receipts));
    }
  }

  #publishLogs(node: HeaderNode, removed: boolean): void {
    for (const subscription of this.#subscriptions) {
      const { topic } = subscription;
      if (topic.type !== 'logs' || !topic.matcher.mayMatch(node.header)) continue;
      const places = this.#logs.inBlock(node).filter(({ log }) => topic.matcher.matches(log));
      for (const place of removed ? places.toReversed() : places) push(subscription, JSON.stringify(logJson(place, removed)));
    }
  }
}

/** The subscriptions of one connection. */
export class SubscriptionSet {
  readonly #all: Set<Subscription>;
  readonly #limits: Limits;
  readonly #send: (message: string) => void;
  readonly #own = new Map<string, Subscription>();

  constructor(all: Set<Subscription>, limits: Limits, send: (message: string) => void) {
    this.#all = all;
    this.#limits = limits;
    this.#send = send;
  }

  /** Throws RpcError -32005 over the limits. Nothing is sent before `release`. */
  add(topic: Topic): string {
    const { maxSubscriptions, maxSubscriptionsPerConnection } = this.#limits;
    if (this.#own.size >= maxSubscriptionsPerConnection) {
      throw limitExceeded(`too many subscriptions: at most ${maxSubscriptionsPerConnection} on one connection`);
    }
    if (this.#all.size >= maxSubscriptions) throw limitExceeded(`too many subscriptions: this node carries at most ${maxSubscriptions}`);
    const subscription = { id: toHex(randomBytes(16)), topic, send: this.#send, held: [] };
    this.#own.set(subscription.id, subscription);
    this.#all.add(subscription);
    return subscription.id;
  }

  /** The client has been told the id: send what was held back, and from now on everything at once. */
  release(id: string): void {
    const subscription = this.#own.get(id);
    const held = subscription?.held ?? [];
    if (subscription !== undefined) subscription.held = null;
    for (const message of held) this.#send(message);
  }

  /** False when this connection has no such subscription. */
  remove(id: string): boolean {
    const subscription = this.#own.get(id);
    if (subscription === undefined) return false;
    this.#own.delete(id);
    return this.#all.delete(subscription);
  }

  clear(): void {
    for (const subscription of this.#own.values()) this.#all.delete(subscription);
    this.#own.clear();
  }
}

/** `result` is JSON text. */
function push(subscription: Subscription, result: string): void {
  const message = `{"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":"${subscription.id}","result":${result}}}`;
  if (subscription.held === null) subscription.send(message);
  else subscription.held.push(message);
}
