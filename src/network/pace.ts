/**
 * How fast a node goes about looking for peers: politely in public, quickly where all nodes are in one laboratory and a
 * person watches them find each other.
 */
import type { DialerOptions } from './dialer.ts';
import type { Backoff } from './peer-book.ts';

export interface Pace extends DialerOptions {
  readonly backoff: Backoff;
  /** Connections that one host may open. */
  readonly maxInboundPerSecond: number;
  /** For Noise and what comes before it, for opening a stream, and for the exchange of statuses: each may take so long. */
  readonly handshakeMs: number;
  /** Before a node that turned out to be of another network is dialled again. */
  readonly strangerHoldMs: number;
}

export const PUBLIC_PACE: Pace = {
  tickMs: 1_000,
  exchangeMs: 15_000,
  dialTimeoutMs: 10_000,
  maxParallelDials: 8,
  backoff: { firstMs: 1_000, maxMs: 30_000 },
  maxInboundPerSecond: 5,
  handshakeMs: 5_000,
  strangerHoldMs: 5 * 60_000,
};
/**
 * Nodes of one machine share its processors. When those have too much to do, whoever gives up a handshake soon pays for its
 * cryptography again and again, and none comes to its end: so here patience is long. Nobody is there to be kept waiting.
 */
export const LOCAL_PACE: Pace = {
  tickMs: 250,
  exchangeMs: 1_000,
  dialTimeoutMs: 20_000,
  maxParallelDials: 16,
  backoff: { firstMs: 250, maxMs: 2_000 },
  maxInboundPerSecond: 500,
  handshakeMs: 20_000,
  // Test networks side by side share their nodes' keys: one that took over a port speaks for another of the same name.
  strangerHoldMs: 15_000,
};
