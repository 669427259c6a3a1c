/**
 * `npm run bench -- --peers`: synod's Raft beside etcd and its Zab beside ZooKeeper, three nodes of each on loopback, all of
 * them with fsync, in turn in one run. Clients commit one thing of some 110 bytes after another (a signed transfer, a put, a
 * create), each over a connection of its own, spread over the nodes beginning with the leader. What counts is the time
 * from sending it until the system says that it is committed. Clients share the machine with the nodes and weigh on the
 * result on both sides; how much, the last column says. What is compiled while it runs (V8's JavaScript, the JVM's Java) is
 * given time for that first, on both sides. Alone: `node test/benchmarks/peers.ts`
 */
import type { Cluster, PeerName } from './peers/connection.ts';
import { startEtcd } from './peers/etcd.ts';
import type { LoadOrder, LoadResult } from './peers/load.ts';
import { startSynod } from './peers/synod.ts';
import { startZooKeeper } from './peers/zookeeper.ts';
import { type Child, startScript } from './processes.ts';
import { type BenchRow, median, printRows, ratioOf } from './row.ts';

const CLIENTS = [1, 64, 256];
const ROUNDS = 5;
const WARM_UP_MS = 1_000;
const WINDOW_MS = 4_000;
/** Before anything is measured, under full load: for about so long the processors that a commit costs become fewer (measured: to a half). */
const FIRST_WARM_UP_MS = 20_000;
/** Signed beforehand for one run of ours, more than it can do; and for one client. */
const MAX_COMMITS = 60_000;
const MAX_COMMITS_EACH = 6_000;

interface Side {
  readonly name: string;
  readonly peer: PeerName;
  readonly start: () => Promise<Cluster>;
}

const RAFT: Side = { name: 'synod raft', peer: 'synod', start: () => startSynod('raft') };
const ETCD: Side = { name: 'etcd', peer: 'etcd', start: startEtcd };
const ZAB: Side = { name: 'synod zab', peer: 'synod', start: () => startSynod('zab') };
const ZOOKEEPER: Side = { name: 'ZooKeeper', peer: 'zookeeper', start: startZooKeeper };

export const benchRaft = () => benchPeers(RAFT, ETCD);
export const benchZab = () => benchPeers(ZAB, ZOOKEEPER);

/** Throws Unavailable when the other system is not installed. */
async function benchPeers(ours: Side, theirs: Side): Promise<BenchRow[]> {
  const other = await Loaded.start(theirs);
  const own = await Loaded.start(ours);
  try {
    for (const side of [own, other]) await side.run(Math.max(...CLIENTS), FIRST_WARM_UP_MS);
    const rows: BenchRow[] = [];
    for (const clients of CLIENTS) rows.push(...(await compare(own, other, clients)));
    return rows;
  } finally {
    await Promise.all([own.stop(), other.stop()]);
  }
}

async function compare(own: Loaded, other: Loaded, clients: number): Promise<BenchRow[]> {
  const results: { readonly own: LoadResult; readonly other: LoadResult }[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const both = { own: await own.run(clients), other: await other.run(clients) };
    // The first is for warming up.
    if (round > 0) results.push(both);
  }
  const of = (side: 'own' | 'other', field: 'perSecond' | 'p50Ms' | 'p99Ms' | 'ownProcessors') =>
    median(results.map((both) => both[side][field]));
  const many = `${clients} client${clients === 1 ? '' : 's'}`;
  const rowsOf = (side: 'own' | 'other', name: string, isOwn: boolean): BenchRow[] => {
    const note = `the clients had ${of(side, 'ownProcessors').toFixed(2)} processors`;
    const against = (field: 'perSecond' | 'p50Ms' | 'p99Ms') =>
      isOwn ? { ratio: ratioOf(of('own', field), of('other', field), other.name) } : {};
    return [
      { name: `${many}: ${name}`, value: of(side, 'perSecond'), unit: 'commits/s', ...against('perSecond'), note },
      { name: '  p50 from submit to committed', value: of(side, 'p50Ms'), unit: 'ms', ...against('p50Ms') },
      { name: '  p99', value: of(side, 'p99Ms'), unit: 'ms', ...against('p99Ms') },
    ];
  };
  return [...rowsOf('own', own.name, true), ...rowsOf('other', other.name, false)];
}

/** A cluster, and the process that loads it. */
class Loaded {
  readonly name: string;
  readonly #peer: PeerName;
  readonly #cluster: Cluster;
  readonly #load: Child;

  private constructor({ name, peer }: Side, cluster: Cluster, load: Child) {
    this.name = name;
    this.#peer = peer;
    this.#cluster = cluster;
    this.#load = load;
  }

  static async start(side: Side): Promise<Loaded> {
    const cluster = await side.start();
    const load = startScript('peers/load.ts');
    await load.next('loaded');
    return new Loaded(side, cluster, load);
  }

  async run(clients: number, windowMs = WINDOW_MS): Promise<LoadResult> {
    const perClient = Math.min(MAX_COMMITS_EACH, Math.ceil(MAX_COMMITS / clients));
    const fixed = { peer: this.#peer, urls: this.#cluster.urls, warmUpMs: WARM_UP_MS, windowMs };
    this.#load.send<LoadOrder>({ type: 'run', ...fixed, clients, perClient });
    const result = await this.#load.next<LoadResult>('result');
    if (result.error !== null) throw new Error(`${this.name} with ${clients} clients: ${result.error}`);
    return result;
  }

  async stop(): Promise<void> {
    await this.#load.stop();
    await this.#cluster.stop();
  }
}

if (import.meta.main) {
  printRows('Raft beside etcd', await benchRaft());
  printRows('Zab beside ZooKeeper', await benchZab());
}
