/** What the node gives the network, and what it gets. `host.ts` has the class behind it. */
import type { ErrorFields } from '../base/errors.ts';
import type { Hash, NodeId } from '../base/types.ts';
import type { GossipStats, Verdict } from './gossip.ts';
import type { LinkFaultStats } from './link-faults.ts';
import type { HeadersRequest, Status } from './messages.ts';
import type { NodeKey } from './node-key.ts';

export interface NetworkHandlers {
  /** Ours, for handshakes. Called often. */
  status(): Status;
  /**
   * Validators of gossip. They decide within seconds ('accept' after 10 s no longer passes the message on) and may throw
   * RuleError: with blame it is a 'reject', without an 'ignore'. Anything else that is thrown goes to `onFailure`.
   */
  onBlock(bytes: Uint8Array, from: NodeId): Promise<Verdict>;
  /** Of a batch as `decodeTransactions` reads it. Not 'reject' for what an honest node may pass on (nonce too low). */
  onTransactions(bytes: Uint8Array, from: NodeId): Promise<Verdict>;
  /** `from` is the author, proven by signature; somebody else may have passed the message on. */
  onConsensus(bytes: Uint8Array, from: NodeId): Promise<Verdict>;
  onDirect(bytes: Uint8Array, from: NodeId): void;
  onPeer(peer: NodeId, status: Status): void;
  onPeerGone(peer: NodeId): void;
  /** A later status of a peer. */
  onStatus(peer: NodeId, status: Status): void;
  serveHeaders(request: HeadersRequest): readonly Uint8Array[];
  serveBlocks(hashes: readonly Hash[]): readonly Uint8Array[];
  /** Pending transactions for a peer that just came. */
  serveTransactions?(): readonly Uint8Array[];
  /** A failure of our own inside one of these handlers. */
  onFailure(error: unknown): void;
}

export interface NetworkOptions {
  readonly key: NodeKey;
  /** Multiaddrs, such as /ip4/127.0.0.1/tcp/30303; port 0 takes a free one. */
  readonly listen: readonly string[];
  /** Multiaddrs under which others reach us, where they differ. */
  readonly announce?: readonly string[];
  /** Multiaddrs that end in /p2p/<peer id>. */
  readonly bootnodes: readonly string[];
  readonly maxPeers: number;
  /** All nodes on one machine or in one laboratory: short waiting times, and no caps by address. */
  readonly local: boolean;
  /** Look for peers by multicast DNS. Has no effect while we listen on loopback only. */
  readonly mdns: boolean;
  readonly addressStore?: AddressStore;
  readonly log?: NetworkLog;
  readonly timeouts?: Partial<Timeouts>;
}

/** Remembers addresses over a restart. Neither may throw. */
export interface AddressStore {
  load(): readonly string[];
  save(addresses: readonly string[]): void;
}

export type NetworkLog = (level: 'debug' | 'info' | 'warn', message: string, fields: ErrorFields) => void;

export interface Timeouts {
  readonly handshakeMs: number;
  readonly requestMs: number;
}

export interface PeerInfo {
  readonly id: NodeId;
  readonly address: string;
  readonly direction: 'inbound' | 'outbound';
  readonly status: Status;
  readonly latencyMs: number;
  /** 0 is a clean record; -100 brings the ban. */
  readonly score: number;
  /** Milliseconds since 1970. */
  readonly connectedSince: number;
  readonly agent: string;
}

export interface NetworkStats {
  readonly peers: number;
  readonly connections: number;
  readonly handshaking: number;
  readonly knownAddresses: number;
  readonly offenders: number;
  /** Connections that the gater refused, by reason. */
  readonly denied: Readonly<Record<string, number>>;
  readonly directStreams: number;
  readonly droppedMessages: number;
  readonly requests: number;
  readonly gossip: GossipStats;
  readonly links: LinkFaultStats;
}
