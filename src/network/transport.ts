/** libp2p put together: TCP, Noise, yamux behind its guard, identify, ping, gossipsub behind its gate; and its limits. */
import { type Identify, identify } from '@libp2p/identify';
import type { ComponentLogger, Libp2p, Logger } from '@libp2p/interface';
import { mdns } from '@libp2p/mdns';
import { type Ping, ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { explain, UsageError } from '../base/errors.ts';
import type { Hash, NodeId } from '../base/types.ts';
import { hostOf, reachOf } from './addresses.ts';
import type { Gater } from './gater.ts';
import type { Gossip } from './gossip.ts';
import { guardedYamux } from './guarded-muxer.ts';
import type { NodeKey } from './node-key.ts';
import { nodeId } from './sessions.ts';
import { gatheringNoise } from './writes.ts';

export interface TransportOptions {
  readonly key: NodeKey;
  readonly listen: readonly string[];
  readonly announce: readonly string[];
  readonly agent: string;
  readonly genesisHash: Hash;
  readonly maxConnections: number;
  /** From one host, each second. */
  readonly maxInboundPerSecond: number;
  /** Noise and everything before it, at one address; and opening a stream. */
  readonly handshakeTimeoutMs: number;
  readonly dialTimeoutMs: number;
  readonly mdns: ((peer: NodeId, addresses: readonly string[]) => void) | null;
}

/**
 * Sockets whose Noise handshake is not done. One host may open 5 a second and keep each for 5 s, so that alone it cannot
 * take all places from the others (slow-loris).
 */
const MAX_PENDING_CONNECTIONS = 64;
const CLOSE_TIMEOUT_MS = 500;
const PING_INTERVAL_MS = 10_000;
/** A machine whose processors are all busy answers late; only one that is gone does not answer for so long. */
const PING_TIMEOUT_MS = 20_000;
const MAX_PING_TIMEOUT_MS = 60_000;
/** Of one connection, under way at once. With fewer than there may be, the next one after a late answer would end the connection. */
const MAX_PINGS = MAX_PING_TIMEOUT_MS / PING_INTERVAL_MS + 1;
const MAX_IDENTIFY_BYTES = 4 * 1024;
const MAX_DIAL_QUEUE = 64;
const MDNS_INTERVAL_MS = 10_000;

export async function createTransport(options: TransportOptions, gater: Gater, gossip: Gossip): Promise<Libp2p> {
  return createLibp2p<{ identify: Identify; ping: Ping; pubsub: ReturnType<ReturnType<Gossip['service']>> }>({
    start: false,
    privateKey: options.key,
    addresses: { listen: [...options.listen], announce: [...options.announce] },
    nodeInfo: { name: 'synod', userAgent: options.agent },
    // Not its `closeServerOnMaxConnections`: a socket that is accepted while the server is paused makes it throw.
    transports: [tcp({ maxConnections: options.maxConnections + MAX_PENDING_CONNECTIONS, backlog: MAX_PENDING_CONNECTIONS })],
    connectionEncrypters: [gatheringNoise()],
    streamMuxers: [guardedYamux()],
    connectionGater: gater,
    connectionManager: {
      maxConnections: options.maxConnections,
      maxIncomingPendingConnections: MAX_PENDING_CONNECTIONS,
      inboundConnectionThreshold: options.maxInboundPerSecond,
      inboundUpgradeTimeout: options.handshakeTimeoutMs,
      inboundStreamProtocolNegotiationTimeout: options.handshakeTimeoutMs,
      outboundStreamProtocolNegotiationTimeout: options.handshakeTimeoutMs,
      dialTimeout: options.dialTimeoutMs,
      addressDialTimeout: options.handshakeTimeoutMs,
      connectionCloseTimeout: CLOSE_TIMEOUT_MS,
      maxDialQueueLength: MAX_DIAL_QUEUE,
      // Reconnecting is the dialer's work, which never gives up.
      reconnectRetries: 0,
    },
    connectionMonitor: { pingInterval: PING_INTERVAL_MS, pingTimeout: { minTimeout: PING_TIMEOUT_MS, maxTimeout: MAX_PING_TIMEOUT_MS } },
    peerDiscovery: options.mdns === null ? [] : [multicast(options.genesisHash, options.mdns)],
    services: {
      identify: identify({ maxMessageSize: MAX_IDENTIFY_BYTES }),
      ping: ping({ maxInboundStreams: MAX_PINGS, maxOutboundStreams: MAX_PINGS }),
      pubsub: gossip.service(),
    },
    logger: silent,
  });
}

/** Throws UsageError `network/listen` when an address is taken, malformed, or not of this machine. */
const LISTEN_ADVICE: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use, perhaps by another node. Choose another with --port (0 takes a free one).',
  EADDRNOTAVAIL: 'this machine does not have that address. Choose one of its own with --addr.',
  EACCES: 'ports below 1024 are for the administrator. Choose another with --port.',
};

export async function startTransport(libp2p: Libp2p, listen: readonly string[]): Promise<void> {
  try {
    await libp2p.start();
  } catch (cause) {
    const addresses = listen.join(', ');
    // The library's own text is a list of stacks, and its advice is for programmers.
    const [reason = 'unknown'] = /\b(EADDRINUSE|EADDRNOTAVAIL|EACCES|ERR_INVALID\w*)\b/.exec(explain(cause)) ?? [];
    const advice = LISTEN_ADVICE[reason] ?? `Check --addr and --port (${reason}).`;
    throw new UsageError('network/listen', `Cannot listen for peers on ${addresses}: ${advice}`, { addresses, reason });
  }
}

/** Multicast makes no sense, and is only noise, for a node that nobody outside its machine can reach. */
export function isReachable(listen: readonly string[]): boolean {
  return listen.some((address) => reachOf(hostOf(multiaddr(address))) !== 'loopback');
}

/** Only nodes of the same network answer to the tag. What is found is handed over directly, apart from what peers claim. */
function multicast(genesisHash: Hash, onPeer: (peer: NodeId, addresses: readonly string[]) => void): ReturnType<typeof mdns> {
  const create = mdns({ serviceTag: `synod-${genesisHash.slice(2, 10)}.local`, interval: MDNS_INTERVAL_MS });
  return (components) => {
    const service = create(components);
    service.addEventListener('peer', ({ detail }) => onPeer(nodeId(detail.id), detail.multiaddrs.map(String)));
    return service;
  };
}

/** libp2p formats thousands of lines a second into a logger that is off by default; ours is not asked at all. */
const quiet: Logger = Object.assign(() => {}, {
  error: () => {},
  trace: () => {},
  enabled: false,
  newScope: () => quiet,
});
const silent: ComponentLogger = { forComponent: () => quiet };
