/**
 * `npm run bench`: every benchmark, or those that are named (`npm run bench -- mining import`); `--peers` names those that
 * measure synod beside other systems that replicate, if they are installed. Both sides of a ratio are
 * measured in turn in the same run, so read the ratios: the figures are this machine's and this moment's.
 */
import { arch, availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';
import { Unavailable } from './processes.ts';
import { type BenchRow, printRows } from './row.ts';

interface Benchmark {
  readonly title: string;
  readonly run: () => Promise<readonly BenchRow[]>;
}

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  mining: {
    title: 'Mining: SHA-256d of an 80-byte header',
    run: async () => (await import('./mining.ts')).benchMining(),
  },
  import: {
    title: 'Import: blocks of others, with senders unknown, to LevelDB with fsync',
    run: async () => (await import('./import.ts')).benchImport(),
  },
  mined: {
    title: 'From eth_sendRawTransaction to mined: one node, block time 1 s, the client on the same machine',
    run: async () => (await import('./mined.ts')).benchMined(),
  },
  rpc: {
    title: 'RPC: one node beside anvil, 32 requests in flight, the client on the same machine',
    run: async () => (await import('./rpc.ts')).benchRpc(),
  },
  idle: {
    title: 'At rest: start and memory of real nodes',
    run: async () => (await import('./idle.ts')).benchIdle(),
  },
  execution: {
    title: 'Execution: in one process, in memory',
    run: async () => (await import('./execution.ts')).benchExecution(),
  },
  votes: {
    title: 'Votes of 256 validators in slots of 1 s, with BLS signatures: one node, by the time it had processors',
    run: async () => (await import('./votes.ts')).benchVotes(),
  },
  raft: {
    title: 'Raft beside etcd: three nodes each on loopback, fsync, one thing of 110 bytes after another by each client',
    run: async () => (await import('./peers.ts')).benchRaft(),
  },
  zab: {
    title: 'Zab beside ZooKeeper: the same',
    run: async () => (await import('./peers.ts')).benchZab(),
  },
  simulator: {
    title: 'Simulator: events of one thread, by the time it had the processor',
    run: async () => (await import('./simulator.ts')).benchSimulator(),
  },
};
const GIGABYTE = 2 ** 30;

const PEERS = ['raft', 'zab'];
const named = process.argv.slice(2).flatMap((name) => (name === '--peers' ? PEERS : name));
const unknown = named.filter((name) => !(name in BENCHMARKS));
if (unknown.length > 0) {
  console.error(`There is no benchmark called ${unknown.join(', ')}; choose from ${Object.keys(BENCHMARKS).join(', ')}.`);
  process.exitCode = 2;
} else {
  printHeader();
  for (const [name, benchmark] of Object.entries(BENCHMARKS)) {
    if (named.length === 0 || named.includes(name)) await runOne(name, benchmark);
  }
  // What a benchmark that failed has left behind ends with this process, and would keep it from ending.
  process.exit();
}

function printHeader(): void {
  const [processor] = cpus();
  const gigabytes = Math.round(totalmem() / GIGABYTE);
  console.log(
    `${processor?.model.trim() ?? 'unknown processor'}, ${availableParallelism()} cores, ${gigabytes} GB; ${type()} ${release()} ${arch()}`,
  );
  console.log(`Node ${process.version}; load of the machine at the start: ${loadavg()[0]?.toFixed(1)}`);
}

/** What cannot be measured here is said and passed over; whatever else goes wrong is a failure, but not the others'. */
async function runOne(name: string, { title, run }: Benchmark): Promise<void> {
  const startedMs = performance.now();
  try {
    printRows(title, await run());
    console.log(`  (${Math.round((performance.now() - startedMs) / 1000)} s)`);
  } catch (error) {
    if (!(error instanceof Unavailable)) process.exitCode = 1;
    console.log(`\n${title}\n  ${name} was not measured: ${reasonOf(error)}`);
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof Unavailable) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
