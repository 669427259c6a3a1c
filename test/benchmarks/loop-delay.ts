/**
 * Loaded before a measured process (`node --import`): tells its parent, when asked, how late its event loop was. Whoever
 * waits for the node (a peer's ping, a wallet) waits that much longer.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

export interface LoopDelay {
  readonly type: 'loop-delay';
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** How often the probe wants to be called, which is in every figure of the histogram; taken off below. */
const RESOLUTION_MS = 5;
const NANOSECONDS_PER_MS = 1e6;

// Threads of the process load this file as well; theirs are not the loop that others wait for.
if (isMainThread) watch();

function watch(): void {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  process.on('message', (message: { readonly type?: unknown }) => {
    if (message.type !== 'loop-delay') return;
    const late = (nanoseconds: number) => Math.max(0, nanoseconds / NANOSECONDS_PER_MS - RESOLUTION_MS);
    const delay: LoopDelay = {
      type: 'loop-delay',
      medianMs: late(histogram.percentile(50)),
      p99Ms: late(histogram.percentile(99)),
      maxMs: late(histogram.max),
    };
    histogram.reset();
    process.send?.(delay);
  });
  // A probe must not keep alive what it measures.
  process.channel?.unref();
}
