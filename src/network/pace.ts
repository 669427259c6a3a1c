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
}

export const PUBLIC_PACE: Pace = {
  tickMs: 1_000,
  exchangeMs: 15_000,
  dialTimeoutMs: 10_000,
  maxParallelDials: 8,
  backoff: { firstMs: 1_000, maxMs: 30_000 },
  maxInboundPerSecond: 5,
};
export const LOCAL_PACE: Pace = {
  tickMs: 250,
  exchangeMs: 1_000,
  dialTimeoutMs: 5_000,
  maxParallelDials: 16,
  backoff: { firstMs: 250, maxMs: 2_000 },
  maxInboundPerSecond: 500,
};
