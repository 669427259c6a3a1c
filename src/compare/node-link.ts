/**
 * What the clients of a comparison know of one real node: which transactions its blocks hold, and which of them are final
 * there. Over one WebSocket: new heads are announced, and each is read once. A node that was down is read on from where it was.
 */
import { WebSocket } from 'ws';
import type { Hash, Hex } from '../base/types.ts';
import { DEEP, type FinalityRule } from './plan.ts';

export interface LinkEvents {
  /** A block on this node's disk has these. */
  readonly included: (hashes: readonly Hash[]) => void;
  readonly final: (hashes: readonly Hash[]) => void;
}

interface RpcBlock {
  readonly number: Hex;
  readonly miner: string;
  readonly transactions: readonly Hash[];
}

interface Message {
  readonly id?: number;
  readonly result?: unknown;
  readonly params?: { readonly result?: { readonly hash?: Hash } };
}

const CALL_TIMEOUT_MS = 5_000;
const FINAL_POLL_MS = 100;
const RECONNECT_MS = 100;

export class NodeLink {
  readonly #finality: FinalityRule;
  readonly #events: LinkEvents;
  /** Of the canonical chain, by height: the newest that was read. */
  readonly #blocks = new Map<number, readonly Hash[]>();
  readonly #keys = new Set<string>();
  readonly #finalKeys = new Set<Hash>();
  #height = 0;
  /** Whom the newest block pays; null before the first. */
  newestMaker: string | null = null;
  readonly #calls = new Map<number, (result: unknown) => void>();
  #socket: WebSocket | null = null;
  #url: string | null = null;
  #lastId = 0;
  #final = 0;
  #timers: NodeJS.Timeout[] = [];

  constructor(finality: FinalityRule, events: LinkEvents) {
    this.#finality = finality;
    this.#events = events;
  }

  get isUp(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  get height(): number {
    return this.#height;
  }

  has(hash: string): boolean {
    return this.#keys.has(hash);
  }

  isFinal(hash: Hash): boolean {
    return this.#finalKeys.has(hash);
  }

  /** From now on; it connects again by itself as long as the node is at this address. */
  follow(url: string): void {
    this.leave();
    this.#url = url;
    this.#connect(url);
  }

  leave(): void {
    this.#url = null;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers = [];
    this.#socket?.terminate();
    this.#socket = null;
    this.#calls.clear();
  }

  send(raw: Hex): void {
    if (this.isUp) this.#request('eth_sendRawTransaction', [raw], () => undefined);
  }

  #connect(url: string): void {
    const socket = new WebSocket(url.replace(/^http/, 'ws'), { perMessageDeflate: false, handshakeTimeout: CALL_TIMEOUT_MS });
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#calls.clear();
      if (this.#url === url) this.#later(RECONNECT_MS, () => this.#connect(url));
    });
    socket.on('message', (data: Buffer) => this.#hear(JSON.parse(data.toString('utf8')) as Message));
    socket.on('open', () => {
      this.#request('eth_subscribe', ['newHeads'], () => this.#catchUp());
      if (this.#finality === 'voted') this.#pollFinal();
    });
  }

  /** Blocks that were made while nobody listened. */
  #catchUp(): void {
    const next = this.height + 1;
    this.#request('eth_getBlockByNumber', [toQuantity(next), false], (block) => {
      if (block === null) return;
      this.#take(block as RpcBlock);
      this.#catchUp();
    });
  }

  #pollFinal(): void {
    this.#request('eth_getBlockByNumber', ['finalized', false], (block) => {
      if (block !== null) this.#finalUpTo(Number((block as RpcBlock).number));
    });
    this.#later(FINAL_POLL_MS, () => {
      if (this.isUp) this.#pollFinal();
    });
  }

  #hear({ id, result, params }: Message): void {
    const head = params?.result?.hash;
    if (head !== undefined) {
      this.#request('eth_getBlockByHash', [head, false], (block) => {
        if (block !== null) this.#take(block as RpcBlock);
      });
    }
    if (id === undefined) return;
    const done = this.#calls.get(id);
    this.#calls.delete(id);
    done?.(result ?? null);
  }

  #take({ number, miner, transactions }: RpcBlock): void {
    const height = Number(number);
    this.#blocks.set(height, transactions);
    if (height >= this.#height) this.newestMaker = miner;
    this.#height = Math.max(this.#height, height);
    for (const hash of transactions) this.#keys.add(hash);
    this.#events.included(transactions);
    if (this.#finality === 'decided') this.#finalUpTo(height);
    if (this.#finality === 'deep') this.#finalUpTo(height - DEEP);
  }

  #finalUpTo(height: number): void {
    while (this.#final < height) {
      const transactions = this.#blocks.get(this.#final + 1);
      if (transactions === undefined) return;
      this.#final++;
      for (const hash of transactions) this.#finalKeys.add(hash);
      this.#events.final(transactions);
    }
  }

  #request(method: string, params: readonly unknown[], done: (result: unknown) => void): void {
    const id = ++this.#lastId;
    this.#calls.set(id, done);
    this.#socket?.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }), () => undefined);
  }

  #later(delayMs: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.#timers = this.#timers.filter((other) => other !== timer);
      action();
    }, delayMs);
    this.#timers.push(timer);
  }
}

function toQuantity(value: number): string {
  return `0x${value.toString(16)}`;
}
