/**
 * The node's metrics for Prometheus. Names are geth's where geth has the same figure (so that its dashboards find them),
 * else `synod_` and the unit last (https://prometheus.io/docs/practices/naming). Gauges are read at the scrape; only
 * durations are noted as they happen. What prom-client knows of the process (CPU, memory, event-loop delay, collections)
 * comes with it under its usual names.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry, Summary } from 'prom-client';
import type { Gauges, MetricsSource } from './source.ts';

/** Percentiles are of the last ten minutes. */
const WINDOW_SECONDS = 600;
const WINDOW_PARTS = 5;
const PERCENTILES = [0.5, 0.9, 0.99];
/** Time series of one metric: a label never comes from outside, this is a second fence. */
const MAX_SERIES = 200;

/** What the ledger does with blocks. `import` is from the decision about a new head until it is durable. */
export type BlockWork = 'execute' | 'build' | 'import';

export class NodeMetrics {
  readonly registry = new Registry();
  readonly #work: Summary<'work'>;
  readonly #rpc: Summary<'method' | 'result'>;

  constructor() {
    const registers = [this.registry];
    const window = { maxAgeSeconds: WINDOW_SECONDS, ageBuckets: WINDOW_PARTS, percentiles: PERCENTILES, pruneAgedBuckets: false };
    collectDefaultMetrics({ register: this.registry });
    this.#work = new Summary({
      name: 'synod_block_seconds',
      help: 'Time that a block took: to execute, to build, and to be durable as the head (import).',
      labelNames: ['work'],
      registers,
      ...window,
    });
    this.#rpc = new Summary({
      name: 'rpc_duration_seconds',
      help: 'Time that a JSON-RPC request took, by method and whether it succeeded.',
      labelNames: ['method', 'result'],
      registers,
      ...window,
    });
  }

  blockTook(work: BlockWork, ms: number): void {
    this.#work.observe({ work }, ms / 1_000);
  }

  /** `method`: one of the node's own table, never what a client wrote. */
  requestTook(method: string, isSuccess: boolean, ms: number): void {
    this.#rpc.observe({ method, result: isSuccess ? 'success' : 'failure' }, ms / 1_000);
  }

  /** From now on the node's figures are part of every scrape. */
  attach(source: MetricsSource): void {
    const { version, engine, chainId } = source;
    const info = new Gauge({
      name: 'synod_info',
      help: 'Always 1; what runs here is in the labels.',
      labelNames: ['version', 'engine', 'chain_id'],
      registers: [this.registry],
    });
    info.set({ version, engine, chain_id: String(chainId) }, 1);
    // Read once for all gauges of a scrape: prom-client collects them one after the other, in one go.
    let latest: Gauges | null = null;
    const read = () => {
      latest ??= source.gauges();
      queueMicrotask(() => {
        latest = null;
      });
      return latest;
    };
    for (const { name, help, of } of GAUGES) {
      new Gauge({
        name,
        help,
        registers: [this.registry],
        collect() {
          this.set(of(read()));
        },
      });
    }
    for (const { name, help, of } of COUNTERS) {
      new Counter({
        name,
        help,
        registers: [this.registry],
        collect() {
          this.reset();
          this.inc(of(read()));
        },
      });
    }
    new Gauge({
      name: 'synod_size',
      help: 'Things that wait in a queue or are held in a map; every one has a bound.',
      labelNames: ['name'],
      registers: [this.registry],
      collect() {
        for (const [name, size] of Object.entries(read().sizes).slice(0, MAX_SERIES)) this.set({ name }, size);
      },
    });
    new Counter({
      name: 'synod_dropped_total',
      help: 'Messages that found a full queue.',
      labelNames: ['queue'],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const [queue, count] of Object.entries(read().dropped).slice(0, MAX_SERIES)) this.inc({ queue }, count);
      },
    });
  }

  /** The text that Prometheus reads. */
  text(): Promise<string> {
    return this.registry.metrics();
  }

  get contentType(): string {
    return this.registry.contentType;
  }
}

interface Figure {
  readonly name: string;
  readonly help: string;
  readonly of: (gauges: Gauges) => number;
}

const GAUGES: readonly Figure[] = [
  { name: 'chain_head_block', help: 'Height of the canonical head.', of: ({ head }) => head },
  { name: 'chain_head_safe', help: 'Height of the safe block.', of: ({ safe }) => safe },
  { name: 'chain_head_finalized', help: 'Height of the finalized block.', of: ({ finalized }) => finalized },
  { name: 'synod_head_timestamp_seconds', help: 'Time of the head in seconds since 1970.', of: ({ headTimestamp }) => headTimestamp },
  { name: 'p2p_peers', help: 'Connected peers.', of: ({ peers }) => peers.inbound + peers.outbound },
  { name: 'p2p_peers_inbound', help: 'Peers that connected to this node.', of: ({ peers }) => peers.inbound },
  { name: 'p2p_peers_outbound', help: 'Peers that this node connected to.', of: ({ peers }) => peers.outbound },
  { name: 'txpool_pending', help: 'Transactions that the next block could take.', of: ({ pool }) => pool.pending },
  { name: 'txpool_queued', help: 'Transactions that wait for one before them.', of: ({ pool }) => pool.queued },
  { name: 'synod_reorg_deepest_blocks', help: 'Most blocks that a reorganisation dropped.', of: ({ reorgs }) => reorgs.deepest },
  { name: 'synod_hashes_per_second', help: 'Hash rate of this miner; 0 where nothing is mined.', of: (gauges) => gauges.hashesPerSecond },
  { name: 'synod_syncing', help: '1 while the node catches up.', of: ({ syncing }) => (syncing === null ? 0 : 1) },
  {
    name: 'synod_sync_behind_blocks',
    help: 'Blocks to the best peer while the node catches up.',
    of: ({ syncing }) => (syncing === null ? 0 : Math.max(0, syncing.target - syncing.current)),
  },
  { name: 'synod_unwritten_bytes', help: 'Bytes that wait for the disk.', of: ({ unwrittenBytes }) => unwrittenBytes },
];

const COUNTERS: readonly Figure[] = [
  { name: 'chain_reorg_executes', help: 'Reorganisations since the start.', of: ({ reorgs }) => reorgs.count },
  { name: 'chain_reorg_drop', help: 'Blocks that reorganisations dropped since the start.', of: ({ reorgs }) => reorgs.dropped },
  { name: 'synod_engine_steps_total', help: 'Events that the consensus engine took since the start.', of: ({ steps }) => steps },
];
