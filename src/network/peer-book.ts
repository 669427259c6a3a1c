/**
 * Where nodes were seen, and when to try each again. Bootnodes stay for ever; others are forgotten when the book is full,
 * longest unseen first. Waiting times grow after each failure up to a cap and then stay there, so that a network heals
 * by itself however long it was apart. Pure: the caller brings time and randomness.
 */
import type { NodeId } from '../base/types.ts';
import { type PeerAddress, tryPeerAddress } from './addresses.ts';

export const MAX_BOOK_ENTRIES = 512;
export const MAX_ADDRESSES_PER_PEER = 4;
const GROWTH = 2;
/** Share of a waiting time that is random, so that nodes which lost each other do not dial in step. */
const JITTER = 0.3;
/** In first waiting times. */
const COURTESY = 2;

export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
}

interface Entry {
  addresses: string[];
  readonly isBootnode: boolean;
  failures: number;
  nextDialMs: number;
}

export interface Candidate {
  readonly id: NodeId;
  readonly addresses: readonly string[];
}

export class PeerBook {
  /** Least recently seen first. */
  readonly #entries = new Map<NodeId, Entry>();
  readonly #self: NodeId;
  readonly #backoff: Backoff;
  readonly #random: () => number;

  constructor(self: NodeId, backoff: Backoff, random: () => number) {
    this.#self = self;
    this.#backoff = backoff;
    this.#random = random;
  }

  get size(): number {
    return this.#entries.size;
  }

  addBootnode(address: PeerAddress): void {
    this.#entries.set(address.id, { addresses: [address.text], isBootnode: true, failures: 0, nextDialMs: 0 });
  }

  /** Somebody says that the node is there. That alone does not count as having been seen. */
  learn(address: PeerAddress, nowMs: number): void {
    if (address.id === this.#self) return;
    const entry = this.#entries.get(address.id);
    if (entry === undefined) {
      const nextDialMs = nowMs + this.#courtesyMs(address.id);
      this.#entries.set(address.id, { addresses: [address.text], isBootnode: false, failures: 0, nextDialMs });
      this.#trim(address.id);
    } else if (!entry.addresses.includes(address.text)) {
      // The newest first, and the oldest makes room: a node that moved is found, a bootnode keeps the address it was given.
      const [first = address.text, ...rest] = entry.addresses;
      const kept = entry.isBootnode ? [first, address.text, ...rest] : [address.text, first, ...rest];
      entry.addresses = kept.slice(0, MAX_ADDRESSES_PER_PEER);
    }
  }

  /** Those whose time has come, in no particular order. */
  due(nowMs: number, maxCount: number, wanted: (id: NodeId) => boolean): Candidate[] {
    const due: Candidate[] = [];
    for (const [id, entry] of this.#entries) {
      if (due.length >= maxCount) break;
      if (entry.nextDialMs <= nowMs && wanted(id)) due.push({ id, addresses: entry.addresses });
    }
    return due;
  }

  connected(id: NodeId): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.failures = 0;
    entry.nextDialMs = 0;
    this.#entries.delete(id);
    this.#entries.set(id, entry);
  }

  failed(id: NodeId, nowMs: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    const waitMs = Math.min(this.#backoff.maxMs, this.#backoff.firstMs * GROWTH ** entry.failures);
    entry.failures += 1;
    entry.nextDialMs = Math.max(entry.nextDialMs, nowMs + this.#jittered(waitMs));
  }

  /** It was connected and is not any more. */
  lost(id: NodeId, nowMs: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    const waitMs = this.#jittered(this.#backoff.firstMs) + this.#courtesyMs(id);
    entry.nextDialMs = Math.max(entry.nextDialMs, nowMs + waitMs);
  }

  /** Not before then, whatever else happens: it belongs to another network, or is banned. */
  hold(id: NodeId, untilMs: number): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) entry.nextDialMs = untilMs;
  }

  /** Now, and with the shortest waiting times again. */
  retryAll(nowMs: number): void {
    for (const [id, entry] of this.#entries) {
      entry.failures = 0;
      entry.nextDialMs = nowMs + this.#courtesyMs(id);
    }
  }

  isBootnode(id: NodeId): boolean {
    return this.#entries.get(id)?.isBootnode === true;
  }

  addressesOf(id: NodeId): readonly string[] {
    return this.#entries.get(id)?.addresses ?? [];
  }

  /** What is worth keeping over a restart, the most recently seen first. */
  remembered(): readonly string[] {
    return [...this.#entries.values()]
      .filter((entry) => !entry.isBootnode)
      .reverse()
      .flatMap((entry) => entry.addresses);
  }

  /** The opposite of `remembered`. Lines that are no addresses are left out: the file may be damaged or older. */
  recall(addresses: readonly string[], nowMs: number): void {
    for (const address of [...addresses].reverse()) {
      const parsed = tryPeerAddress(address);
      if (parsed !== null) this.learn(parsed, nowMs);
    }
  }

  /** Of two nodes that could both dial, the one with the smaller id goes first: otherwise they often hold two connections. */
  #courtesyMs(id: NodeId): number {
    return this.#self < id ? 0 : COURTESY * this.#backoff.firstMs;
  }

  #jittered(waitMs: number): number {
    return waitMs * (1 - JITTER + JITTER * this.#random());
  }

  #trim(newest: NodeId): void {
    if (this.#entries.size <= MAX_BOOK_ENTRIES) return;
    for (const [id, entry] of this.#entries) {
      if (entry.isBootnode || id === newest) continue;
      this.#entries.delete(id);
      return;
    }
  }
}
