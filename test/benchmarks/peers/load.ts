/**
 * The process that loads a cluster: so many clients at once, each of which commits one thing after another. It opens the
 * connections, lets the clients run until everything is warm, and counts what they commit in the time after that.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { percentile } from '../row.ts';
import type { Opener, PeerName } from './connection.ts';
import { openEtcd } from './etcd.ts';
import { openSynod } from './synod.ts';
import { openZooKeeper } from './zookeeper.ts';

export interface LoadOrder {
  readonly type: 'run';
  readonly peer: PeerName;
  readonly urls: readonly string[];
  readonly clients: number;
  readonly warmUpMs: number;
  readonly windowMs: number;
  /** More than a client commits in that time. */
  readonly perClient: number;
}

export interface LoadResult {
  readonly type: 'result';
  readonly perSecond: number;
  /** Of submit to committed. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Processors that this process had in the meantime. */
  readonly ownProcessors: number;
  /** Set when something failed; the figures are meaningless then. */
  readonly error: string | null;
}

/** What was sent in the window must be committed so soon after it. */
const PATIENCE_MS = 30_000;

const OPENERS: Readonly<Record<PeerName, Opener>> = { synod: openSynod, etcd: openEtcd, zookeeper: openZooKeeper };

process.on('message', (order: LoadOrder) => {
  if (order.type === 'run') {
    void run(order)
      .catch((error: unknown): LoadResult => ({ type: 'result', perSecond: 0, p50Ms: 0, p99Ms: 0, ownProcessors: 0, error: String(error) }))
      .then((result) => process.send?.(result));
  }
});
process.channel?.ref();
process.send?.({ type: 'loaded' });

async function tooLate(ms: number): Promise<never> {
  await delay(ms, undefined, { ref: false });
  throw new Error(`something was not committed ${PATIENCE_MS} ms after the end`);
}

async function run({ peer, urls, clients, warmUpMs, windowMs, perClient }: LoadOrder): Promise<LoadResult> {
  const opened = await OPENERS[peer](urls, clients, perClient);
  try {
    const fromMs = performance.now() + warmUpMs;
    const toMs = fromMs + windowMs;
    const taken: number[] = [];
    let usage = process.cpuUsage();
    const timer = setTimeout(() => {
      usage = process.cpuUsage();
    }, warmUpMs);
    const work = Promise.all(
      opened.connections.map(async (connection) => {
        for (let startedMs = performance.now(); startedMs < toMs; ) {
          await connection.commit();
          const endedMs = performance.now();
          if (endedMs >= fromMs && endedMs < toMs) taken.push(endedMs - startedMs);
          startedMs = endedMs;
        }
      }),
    );
    await Promise.race([work, tooLate(warmUpMs + windowMs + PATIENCE_MS)]);
    clearTimeout(timer);
    const { user, system } = process.cpuUsage(usage);
    const sorted = taken.sort((a, b) => a - b);
    return {
      type: 'result',
      perSecond: (sorted.length * 1_000) / windowMs,
      p50Ms: percentile(sorted, 0.5),
      p99Ms: percentile(sorted, 0.99),
      ownProcessors: (user + system) / 1_000 / windowMs,
      error: null,
    };
  } finally {
    opened.close();
  }
}
