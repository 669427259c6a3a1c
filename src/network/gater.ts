/**
 * Decides which connections may come to be, before the peer has said anything and again once its id is proven: bans,
 * partitions that a test imposes, a share of the places for connections that we made ourselves, and caps for each peer
 * and each subnet, so that one attacker with many names cannot surround a node (eclipse).
 */
import type { Connection, ConnectionGater, MultiaddrConnection, PeerId } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import { NodeId } from '../base/types.ts';
import { hostOf, reachOf, subnetOf } from './addresses.ts';
import type { Offenders } from './offenders.ts';
import { nodeId } from './sessions.ts';

/** Two, since both may dial at once. */
export const MAX_CONNECTIONS_PER_PEER = 2;

export interface GaterLimits {
  readonly maxInbound: number;
  readonly maxInboundPerSubnet: number;
  /** Of those that we dial by our own choice. The operator's bootnodes may be where they like. */
  readonly maxOutboundPerSubnet: number;
}

const MAX_INBOUND_PER_SUBNET = 16;
const MAX_OUTBOUND_PER_SUBNET = 2;
const MAX_RESERVED = 16;

/** In public, some places are kept for connections of our own choice, which an attacker cannot take. */
export function gaterLimits(maxPeers: number, local: boolean): GaterLimits {
  const reserved = local ? 0 : Math.min(MAX_RESERVED, Math.floor(maxPeers / 4));
  return { maxInbound: maxPeers - reserved, maxInboundPerSubnet: MAX_INBOUND_PER_SUBNET, maxOutboundPerSubnet: MAX_OUTBOUND_PER_SUBNET };
}

export class Gater implements ConnectionGater {
  readonly #limits: GaterLimits;
  readonly #offenders: Offenders;
  readonly #connections: () => readonly Connection[];
  readonly #isBootnode: (id: NodeId) => boolean;
  #partition: ReadonlySet<NodeId> | null = null;
  readonly #denied = new Map<string, number>();

  constructor(limits: GaterLimits, offenders: Offenders, connections: () => readonly Connection[], isBootnode: (id: NodeId) => boolean) {
    this.#limits = limits;
    this.#offenders = offenders;
    this.#connections = connections;
    this.#isBootnode = isBootnode;
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

  /** Caps and bans by address do not touch loopback and private ranges: whole laboratories are behind one address there. */
  isExempt(host: string): boolean {
    return reachOf(host) !== 'public';
  }

  denyDialPeer(peerId: PeerId): boolean {
    return this.#refusal(nodeId(peerId)) !== null;
  }

  denyDialMultiaddr(address: Multiaddr): boolean {
    const host = hostOf(address);
    const id = address.getComponents().findLast((component) => component.name === 'p2p')?.value;
    if (this.isExempt(host) || (id !== undefined && this.#isBootnode(NodeId(id)))) return false;
    const full = this.#neighbours('outbound', host) >= this.#limits.maxOutboundPerSubnet;
    return this.#count(full ? 'our connections to this subnet' : null);
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
    const inbound = this.#connections().filter((connection) => connection.direction === 'inbound').length;
    if (inbound >= this.#limits.maxInbound) return 'inbound connections';
    if (this.isExempt(host)) return null;
    if (this.#offenders.isHostBanned(host, performance.now())) return 'banned address';
    return this.#neighbours('inbound', host) >= this.#limits.maxInboundPerSubnet ? 'connections of this subnet' : null;
  }

  #neighbours(direction: Connection['direction'], host: string): number {
    const subnet = subnetOf(host);
    return this.#connections().filter((other) => other.direction === direction && subnetOf(hostOf(other.remoteAddr)) === subnet).length;
  }

  #count(reason: string | null): boolean {
    if (reason === null) return false;
    this.#denied.set(reason, (this.#denied.get(reason) ?? 0) + 1);
    return true;
  }
}
