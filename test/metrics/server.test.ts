/** What Prometheus and an orchestrator get to see of a node, over HTTP. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NodeMetrics } from '../../src/metrics/metrics.ts';
import { MetricsServer } from '../../src/metrics/server.ts';
import type { Gauges, MetricsSource } from '../../src/metrics/source.ts';

const GAUGES: Gauges = {
  head: 12,
  safe: 8,
  finalized: 4,
  headTimestamp: 1_700_000_000,
  peers: { inbound: 1, outbound: 2 },
  pool: { pending: 7, queued: 3 },
  reorgs: { count: 2, dropped: 5, deepest: 4 },
  hashesPerSecond: 0,
  syncing: null,
  steps: 99,
  sizes: { driver_queue: 6 },
  unwrittenBytes: 1_024,
  dropped: { driver: 11 },
};

class Source implements MetricsSource {
  readonly version = 'synod/test';
  readonly engine = 'raft';
  readonly chainId = 31337;
  reads = 0;
  reasons: string[] = [];

  gauges(): Gauges {
    this.reads++;
    return GAUGES;
  }

  unready(): readonly string[] {
    return this.reasons;
  }
}

let source: Source;
let metrics: NodeMetrics;
let server: MetricsServer;

beforeEach(async () => {
  source = new Source();
  metrics = new NodeMetrics();
  metrics.attach(source);
  server = await MetricsServer.start(metrics, source, { host: '127.0.0.1', port: 0 });
});
afterEach(() => server.close());

async function get(path: string, method = 'GET'): Promise<{ status: number; text: string; type: string | null }> {
  const response = await fetch(server.url + path, { method });
  return { status: response.status, text: await response.text(), type: response.headers.get('content-type') };
}

const lines = async () => (await get('/metrics')).text.split('\n');

describe('/metrics', () => {
  it('is what Prometheus reads, under the names of geth where geth has the figure', async () => {
    const { status, type } = await get('/metrics');
    expect([status, type]).toEqual([200, expect.stringContaining('text/plain; version=0.0.4')]);
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'chain_head_block 12',
        'chain_head_safe 8',
        'chain_head_finalized 4',
        'p2p_peers 3',
        'p2p_peers_inbound 1',
        'txpool_pending 7',
        'txpool_queued 3',
        'chain_reorg_executes 2',
        'chain_reorg_drop 5',
        'synod_unwritten_bytes 1024',
        'synod_size{name="driver_queue"} 6',
        'synod_dropped_total{queue="driver"} 11',
        'synod_info{version="synod/test",engine="raft",chain_id="31337"} 1',
      ]),
    );
  });

  it('asks the node once for each scrape, and counts no counter twice', async () => {
    await get('/metrics');
    source.reads = 0;
    expect(await lines()).toContain('chain_reorg_drop 5');
    expect(source.reads).toBe(1);
  });

  it('has the percentiles of what was timed, by kind', async () => {
    for (let ms = 1; ms <= 100; ms++) metrics.blockTook('execute', ms);
    metrics.requestTook('eth_call', false, 250);
    const found = await lines();
    expect(found).toContain('synod_block_seconds_count{work="execute"} 100');
    const median = found.find((line) => line.startsWith('synod_block_seconds{quantile="0.5",work="execute"}'));
    expect(Number(median?.split(' ')[1])).toBeCloseTo(0.05, 2);
    expect(found).toContain('rpc_duration_seconds_sum{method="eth_call",result="failure"} 0.25');
  });

  it('tells of the process: memory, processor time, and the delay of its event loop', async () => {
    const names = (await lines()).map((line) => line.split(/[ {]/)[0]);
    expect(names).toEqual(
      expect.arrayContaining(['process_resident_memory_bytes', 'process_cpu_seconds_total', 'nodejs_eventloop_lag_p99_seconds']),
    );
  });
});

describe('health', () => {
  it('is there as long as the process answers; readiness has reasons against it', async () => {
    expect(await get('/healthz')).toMatchObject({ status: 200, text: 'ok\n' });
    expect(await get('/readyz')).toMatchObject({ status: 200, text: 'ok\n' });
    source.reasons = ['synchronising: block 4 of 90', 'no peer is connected'];
    expect(await get('/readyz')).toMatchObject({ status: 503, text: 'synchronising: block 4 of 90\nno peer is connected\n' });
    expect(await get('/healthz')).toMatchObject({ status: 200 });
  });

  it('answers nothing else, and changes nothing', async () => {
    expect(await get('/')).toMatchObject({ status: 404, text: expect.stringContaining('/metrics') });
    expect(await get('/metrics', 'POST')).toMatchObject({ status: 405 });
  });

  it('says which port is taken', async () => {
    const port = Number(new URL(server.url).port);
    const second = MetricsServer.start(new NodeMetrics(), source, { host: '127.0.0.1', port });
    await expect(second).rejects.toMatchObject({ code: 'metrics/listen', message: expect.stringContaining('EADDRINUSE') });
  });
});
