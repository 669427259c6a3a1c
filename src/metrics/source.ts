/** What metrics are made of: the node gives it, and is asked at each scrape only. */

/** Where the chain, its peers and its queues stand. */
export interface Gauges {
  readonly head: number;
  readonly safe: number;
  readonly finalized: number;
  /** Seconds since 1970. */
  readonly headTimestamp: number;
  readonly peers: { readonly inbound: number; readonly outbound: number };
  readonly pool: { readonly pending: number; readonly queued: number };
  readonly reorgs: { readonly count: number; readonly dropped: number; readonly deepest: number };
  readonly hashesPerSecond: number;
  readonly syncing: { readonly current: number; readonly target: number } | null;
  readonly steps: number;
  /** How many things wait in each queue, or are held in each map, by its name. */
  readonly sizes: { readonly [name: string]: number };
  /** Bytes that wait to be written. */
  readonly unwrittenBytes: number;
  /** Messages that were thrown away because a queue was full, by the name of the queue. */
  readonly dropped: { readonly [name: string]: number };
}

/** Why the node should not be sent work now; empty when it is ready. */
export type Unready = readonly string[];

export interface MetricsSource {
  readonly version: string;
  readonly engine: string;
  readonly chainId: number;
  gauges(): Gauges;
  unready(): Unready;
}
