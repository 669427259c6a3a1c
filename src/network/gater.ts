/**
 * Decides which connections may come to be, before the peer has said anything and again once its id is proven: bans,
 * partitions that a test imposes, a share of the places for connections that we made ourselves, and caps for each peer
 * and each subnet, so that one attacker with many names cannot surround a node (eclipse).
 */
import type { Connection, ConnectionGater, MultiaddrConnection, PeerId } from '@libp2p/interface';
import type { NodeId } from '../base/types.ts';
import { hostOf, reachOf, subnetOf } from './addresses.ts';
import type { Offenders } from './offenders.ts';
import { nodeId } from './sessions.ts';

/** Two, since both may dial at once. */
export const MAX_CONNECTIONS_PER_PEER = 2;

export interface GaterOptions {
  readonly maxInbound: number;
  readonly maxPerSubnet: number;
  /** Bans and caps by address do not touch loopback and private ranges: there, many nodes share one address. */
  readonly exemptPrivate: boolean;
}

export class Gater implements ConnectionGater {
  readonly #options: GaterOptions;
  readonly #offenders: Offenders;
  readonly #connections: () => readonly Connection[];
  #partition: ReadonlySet<NodeId> | null = null;
  readonly #denied = new Map<string, number>();

  constructor(options: GaterOptions, offenders: Offenders, connections: () => readonly Connection[]) {
    this.#options = options;
    this.#offenders = offenders;
    this.#connections = connections;
  }

  get partition(): ReadonlySet<NodeId> | null {
    return this.#partition;
  }

  /** Only these peers may be spoken to; null for everybody. */
  setPartition(allowed: ReadonlySet<NodeId> | null): void {
    this.#partition = allowed;
  }

  /** How many connections were refused, by reason. */
  denied(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#denied);
  }

  allows(id: NodeId): boolean {
    return this.#refusal(id) === null;
  }

  /** Loopback always, private ranges by option: an address there says nothing about who it is. */
  isExempt(host: string): boolean {
    const reach = reachOf(host);
    return reach === 'loopback' || (reach === 'private' && this.#options.exemptPrivate);
  }

  denyDialPeer(peerId: PeerId): boolean {
    return this.#refusal(nodeId(peerId)) !== null;
  }

  denyInboundConnection(connection: MultiaddrConnection): boolean {
    return this.#count(this.#inboundRefusal(hostOf(connection.remoteAddr)));
  }

  denyInboundEncryptedConnection(peerId: PeerId, connection: MultiaddrConnection): boolean {
    const id = nodeId(peerId);
    const own = this.#connections().filter((other) => other.remotePeer.equals(peerId)).length;
    if (own >= MAX_CONNECTIONS_PER_PEER) return this.#count('connections of this peer');
    return this.#count(this.#refusal(id) ?? this.#inboundRefusal(hostOf(connection.remoteAddr)));
  }

  denyOutboundEncryptedConnection(peerId: PeerId): boolean {
    return this.#count(this.#refusal(nodeId(peerId)));
  }

  #refusal(id: NodeId): string | null {
    if (this.#partition?.has(id) === false) return 'partition';
    return this.#offenders.isBanned(id, performance.now()) ? 'banned' : null;
  }

  #inboundRefusal(host: string): string | null {
    const inbound = this.#connections().filter((connection) => connection.direction === 'inbound');
    if (inbound.length >= this.#options.maxInbound) return 'inbound connections';
    if (this.isExempt(host)) return null;
    if (this.#offenders.isHostBanned(host, performance.now())) return 'banned address';
    const subnet = subnetOf(host);
    const neighbours = inbound.filter((connection) => subnetOf(hostOf(connection.remoteAddr)) === subnet);
    return neighbours.length >= this.#options.maxPerSubnet ? 'connections of this subnet' : null;
  }

  #count(reason: string | null): boolean {
    if (reason === null) return false;
    this.#denied.set(reason, (this.#denied.get(reason) ?? 0) + 1);
    return true;
  }
}
