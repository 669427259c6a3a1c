/**
 * Keeps us connected: dials what the peer book has due, asks peers for more addresses while there are too few, and never
 * gives up. Peer exchange is a question of our own instead of a DHT: it needs no further protocol and tells no more than
 * a few addresses, which are checked before they are believed.
 */
import type { Libp2p } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { explain } from '../base/errors.ts';
import type { NodeId } from '../base/types.ts';
import { mayShare, type PeerAddress, reachOf, tryPeerAddress } from './addresses.ts';
import type { NetworkLog } from './interface.ts';
import { MAX_ADDRESSES } from './messages.ts';
import type { Candidate, PeerBook } from './peer-book.ts';

const MAX_LISTEN_ADDRESSES = 8;
/** Of one bootnode. What comes sooner after the last one is for debugging. */
const WARNING_INTERVAL_MS = 60_000;

export interface DialerOptions {
  readonly tickMs: number;
  /** How often a peer is asked for addresses while we look for more. */
  readonly exchangeMs: number;
  readonly dialTimeoutMs: number;
  readonly maxParallelDials: number;
}

export interface DialerPorts {
  /** Connections that we still want. */
  wanted(): number;
  /** Us, and everybody to whom there is a connection, whether its handshake has passed or not. */
  connected(): ReadonlySet<NodeId>;
  /** Neither banned nor beyond a partition. */
  mayDial(id: NodeId): boolean;
  /** Peers to ask for addresses. */
  peers(): readonly NodeId[];
  ask(peer: NodeId): Promise<readonly string[]>;
  /** Of the connection to the peer: what it may tell us about depends on where it is. */
  hostOf(peer: NodeId): string;
  readonly log: NetworkLog;
}

export class Dialer {
  readonly #libp2p: Libp2p;
  readonly #book: PeerBook;
  readonly #ports: DialerPorts;
  readonly #options: DialerOptions;
  readonly #dialling = new Set<NodeId>();
  /** When the operator was last warned of a bootnode. */
  readonly #warnedMs = new Map<NodeId, number>();
  #stopped = false;
  #timer: NodeJS.Timeout | null = null;
  #nextExchangeMs = 0;

  constructor(libp2p: Libp2p, book: PeerBook, ports: DialerPorts, options: DialerOptions) {
    this.#libp2p = libp2p;
    this.#book = book;
    this.#ports = ports;
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => this.tick(), this.#options.tickMs);
    this.tick();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#stopped = true;
  }

  tick(): void {
    if (this.#stopped) return;
    const nowMs = performance.now();
    const wanted = this.#ports.wanted() - this.#dialling.size;
    const room = Math.min(wanted, this.#options.maxParallelDials - this.#dialling.size);
    const connected = this.#ports.connected();
    const free = (id: NodeId) => !this.#dialling.has(id) && !connected.has(id) && this.#ports.mayDial(id);
    for (const candidate of this.#book.due(nowMs, room, free)) void this.#dial(candidate);
    if (wanted > 0 && nowMs >= this.#nextExchangeMs) this.#exchange(nowMs);
  }

  /** Asks this peer for addresses if we look for more. */
  explore(peer: NodeId): void {
    if (this.#ports.wanted() > 0) void this.#ask(peer);
  }

  /** A node was dialled in vain, or did not end its handshake. The operator named the bootnodes, and is told of those. */
  unreached(id: NodeId, reason: string): void {
    if (this.#stopped) return;
    const nowMs = performance.now();
    const isDue = nowMs - (this.#warnedMs.get(id) ?? Number.NEGATIVE_INFINITY) >= WARNING_INTERVAL_MS;
    const address = this.#book.addressesOf(id)[0] ?? '';
    if (!this.#book.isBootnode(id) || !isDue) return this.#ports.log('debug', 'Peer not reached', { peer: id, address, reason });
    this.#warnedMs.set(id, nowMs);
    this.#ports.log('warn', 'Bootnode not reached; it is tried again and again', { peer: id, address, reason });
  }

  /** Where a peer says that it listens; what it says of others is not heard. `host` is where it was met. */
  learnListening(peer: NodeId, addresses: readonly string[], host: string): void {
    for (const address of addresses.slice(0, MAX_LISTEN_ADDRESSES)) {
      const text = address.includes('/p2p/') ? address : `${address}/p2p/${peer}`;
      if (text.endsWith(`/p2p/${peer}`)) this.#learn(text, host);
    }
  }

  /** Addresses of some of our peers, for another: at most `MAX_ADDRESSES`, and only such as it could use. */
  share(asking: NodeId): string[] {
    const toHost = this.#ports.hostOf(asking);
    const others = this.#ports.peers().filter((peer) => peer !== asking);
    // From a random place on, so that a large network does not always hear of the same few.
    const start = Math.floor(Math.random() * others.length);
    const shared: string[] = [];
    for (const peer of [...others.slice(start), ...others.slice(0, start)]) {
      const address = this.#book.addressesOf(peer).find((text) => {
        const parsed = tryPeerAddress(text);
        return parsed !== null && isBelievable(parsed, toHost);
      });
      if (address !== undefined && shared.push(address) === MAX_ADDRESSES) break;
    }
    return shared;
  }

  #learn(text: string, fromHost: string): void {
    const address = tryPeerAddress(text);
    if (address !== null && isBelievable(address, fromHost)) this.#book.learn(address, performance.now());
  }

  async #dial({ id, addresses }: Candidate): Promise<void> {
    this.#dialling.add(id);
    try {
      const signal = AbortSignal.timeout(this.#options.dialTimeoutMs);
      await this.#libp2p.dial(
        addresses.map((address) => multiaddr(address)),
        { signal },
      );
    } catch (error) {
      // Nobody there, or it would not have us: both are normal, and the book waits longer each time.
      this.unreached(id, explain(error));
    }
    this.#dialling.delete(id);
    // The next attempt, should the handshake fail; a session that comes about clears this.
    this.#book.failed(id, performance.now());
  }

  #exchange(nowMs: number): void {
    this.#nextExchangeMs = nowMs + this.#options.exchangeMs;
    const peers = this.#ports.peers();
    const peer = peers[Math.floor(Math.random() * peers.length)];
    if (peer !== undefined) void this.#ask(peer);
  }

  async #ask(peer: NodeId): Promise<void> {
    try {
      const fromHost = this.#ports.hostOf(peer);
      for (const text of await this.#ports.ask(peer)) this.#learn(text, fromHost);
      this.tick();
    } catch {
      // What is wrong with the answer was counted where it was read.
    }
  }
}

/** A public node must not be able to make us dial into our own network, nor we it into its own. */
function isBelievable(address: PeerAddress, otherHost: string): boolean {
  return mayShare(reachOf(otherHost), reachOf(address.host));
}
