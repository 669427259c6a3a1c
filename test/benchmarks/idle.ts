/**
 * What a node takes that has nothing to do: resident memory of real nodes, as `npm start` runs them and by themselves,
 * and the time until the first block. Alone: `node test/benchmarks/idle.ts`
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SynodError } from '../../src/base/errors.ts';
import { callControl } from '../../src/testnet/control.ts';
import type { NodeReport } from '../../src/testnet/supervisor.ts';
import { residentMegabytes, startNode, startTestnet, temporaryDirectory } from './processes.ts';
import { type BenchRow, printRows } from './row.ts';
import { genesisDocument } from './transfers.ts';

/** So many blocks that everything has been used once. */
const SETTLED_HEIGHT = 5;
const POLL_MS = 100;
const PATIENCE_MS = 120_000;
const SETTLE_MS = 5_000;
/** Nobody mines in the network of the single node. */
const ANY_DIFFICULTY = 1_000_000;

interface Network {
  readonly firstBlockMs: number;
  readonly followingMegabytes: number;
  readonly miningMegabytes: number;
}

export async function benchIdle(): Promise<BenchRow[]> {
  const network = await measureNetwork();
  const single = await measureSingle();
  const wanted = 'wanted: less than 200';
  const note = `after ${SETTLED_HEIGHT} blocks; ${wanted}`;
  return [
    {
      name: 'first block of four nodes',
      value: network.firstBlockMs / 1000,
      unit: 's',
      note: 'from the start of the command; wanted: less than 10',
    },
    { name: 'a node of the test network, following', value: network.followingMegabytes, unit: 'MB', note },
    { name: 'a node of the test network, mining', value: network.miningMegabytes, unit: 'MB', note },
    { name: 'synod node by itself, idle', value: single, unit: 'MB', note: wanted },
  ];
}

/** The largest node of each kind. */
async function measureNetwork(): Promise<Network> {
  const directory = join(temporaryDirectory(), 'network');
  const startedMs = performance.now();
  const supervisor = startTestnet('--dir', directory, '--rpc-port', '0');
  await reports(directory, (height) => height >= 1);
  const firstBlockMs = performance.now() - startedMs;
  const nodes = await reports(directory, (height) => height >= SETTLED_HEIGHT);
  const largest = (mines: boolean) =>
    Math.max(...nodes.flatMap((node) => (node.mines === mines && node.pid !== null ? residentMegabytes(node.pid) : [])));
  const [followingMegabytes, miningMegabytes] = [largest(false), largest(true)];
  await supervisor.stop();
  return { firstBlockMs, followingMegabytes, miningMegabytes };
}

async function measureSingle(): Promise<number> {
  const node = await startNode(genesisDocument([], Math.floor(Date.now() / 1000), ANY_DIFFICULTY), { probe: false });
  await delay(SETTLE_MS);
  const megabytes = residentMegabytes(node.child.pid);
  await node.child.stop();
  return megabytes;
}

/** What the supervisor says once all nodes have reached a height. */
async function reports(directory: string, reached: (height: number) => boolean): Promise<readonly NodeReport[]> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  while (performance.now() < deadlineMs) {
    const nodes = await askSupervisor(directory);
    if (nodes.length > 0 && nodes.every((node) => reached(heightOf(node)))) return nodes;
    await delay(POLL_MS);
  }
  throw new Error(`The test network did not get going in ${PATIENCE_MS} ms; see ${directory}`);
}

async function askSupervisor(directory: string): Promise<readonly NodeReport[]> {
  try {
    return (await callControl(directory, 'testnet_status', [])) as unknown as readonly NodeReport[];
  } catch (error) {
    if (error instanceof SynodError) return []; // It does not serve yet.
    throw error;
  }
}

function heightOf({ status }: NodeReport): number {
  return (status as { readonly head: { readonly number: number } } | null)?.head.number ?? -1;
}

if (import.meta.main) printRows('At rest', await benchIdle());
