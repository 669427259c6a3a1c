/**
 * node test/end-to-end/soak.ts [engine] [--minutes 5] [--clients 2]: a network under payments for as long as one likes, with the memory
 * of each node over time. Blocks come as fast as the engine makes them, so a quarter of an hour is worth days of an idle network. Ends
 * with the growth of the second half, which is what a leak would show, once the caches are full: of 4,096 headers, 8,192 decoded and
 * 32,768 recovered transactions, 10,000 blooms. Not part of `npm test`.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { privateKeyToAccount } from 'viem/accounts';
import type { NodeStatus } from '../../src/node/status.ts';
import { startNetwork, type TestNetwork } from '../../src/testnet/testing.ts';

const SHOP = '0x5409000000000000000000000000000000005409';
const SAMPLE_MS = 15_000;
const PAY_MS = 100;
const MINUTE_MS = 60_000;
const FEES = { maxFeePerGas: 20n * 10n ** 9n, maxPriorityFeePerGas: 10n ** 9n, gas: 21_000n };

const { values, positionals } = parseArgs({
  options: { minutes: { type: 'string', default: '5' }, clients: { type: 'string', default: '2' } },
  allowPositionals: true,
});
const [engine = 'raft'] = positionals;
const minutes = Number(values.minutes);

interface Sample {
  readonly atMs: number;
  readonly height: number;
  /** MB of each node. */
  readonly memory: readonly number[];
}

/** proc(5): what of a process is in memory, without the files that it maps: tables of LevelDB count there, and grow with the chain. */
function ownMegabytes(pid: number | null): number {
  const [, kilobytes = '0'] = /^RssAnon:\s+(\d+) kB/m.exec(pid === null ? '' : readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1_024;
}

async function sample(network: TestNetwork, startMs: number): Promise<Sample> {
  const report = await network.report();
  const heights = report.map(({ status }) => (status as unknown as NodeStatus | null)?.head.number ?? 0);
  return { atMs: performance.now() - startMs, height: Math.max(...heights), memory: report.map(({ pid }) => ownMegabytes(pid)) };
}

/** One payment after the other, without waiting for blocks, until `isOver`. */
async function pay(network: TestNetwork, index: number, isOver: () => boolean): Promise<number> {
  const account = privateKeyToAccount(network.accounts[index]?.privateKey ?? '0x');
  let nonce = 0;
  while (!isOver()) {
    const transaction = await account.signTransaction({ to: SHOP, value: 1n, nonce, chainId: network.options.chainId, ...FEES });
    const node = network.nodes[index % network.nodes.length];
    // A pool that is full takes it the next time.
    const isTaken = await node?.request('eth_sendRawTransaction', [transaction]).then(
      () => true,
      () => false,
    );
    if (isTaken === true) nonce++;
    await delay(PAY_MS);
  }
  return nonce;
}

function line({ atMs, height, memory }: Sample): string {
  return [(atMs / 1_000).toFixed(0).padStart(6), String(height).padStart(8), ...memory.map((mb) => mb.toFixed(0).padStart(7))].join('');
}

const network = await startNetwork({ engine });
const startMs = performance.now();
const isOver = () => performance.now() - startMs > minutes * MINUTE_MS;
const clients = Array.from({ length: Number(values.clients) }, (_, index) => pay(network, index, isOver));
const samples: Sample[] = [];
console.log(`${engine}: MB of each node\nseconds   height${network.nodes.map(({ index }) => `node ${index}`.padStart(7)).join('')}`);
while (!isOver()) {
  await delay(SAMPLE_MS);
  const latest = await sample(network, startMs);
  samples.push(latest);
  console.log(line(latest));
}
const paid = (await Promise.all(clients)).reduce((sum, count) => sum + count, 0);
await network.stop();

const half = samples[samples.length >> 1];
const end = samples.at(-1);
if (half !== undefined && end !== undefined) {
  const growth = end.memory.map((mb, node) => `${(mb - (half.memory[node] ?? 0)).toFixed(1)}`).join(', ');
  console.log(
    `${paid} payments in ${end.height} blocks. In the second half, of ${end.height - half.height} blocks, nodes grew by ${growth} MB.`,
  );
}
