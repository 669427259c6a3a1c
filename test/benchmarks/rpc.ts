/**
 * Requests a second and how long they take, of one node beside anvil: the same client process, the same chain, the same
 * requests, 32 in flight, in turns. The client shares the machine with what it asks, and so weighs on both.
 * Alone: `node test/benchmarks/rpc.ts`
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { present } from '../../src/base/assert.ts';
import { concatBytes, fromHex, toHex } from '../../src/base/bytes.ts';
import { createRpcClient } from '../../src/cli/rpc-client.ts';
import { findAnvil, startAnvil } from './anvil.ts';
import { type Child, startNode, startScript, temporaryDirectory } from './processes.ts';
import { type BenchRow, interleave, median, printRows, ratioOf } from './row.ts';
import { BLOCKS, LOGS_PER_BLOCK, LOOP, type Served, startBoth, TOKEN, word } from './rpc-chain.ts';
import type { Asked, Order } from './rpc-client.ts';
import { CHAIN_ID, GAS_LIMIT, genesisDocument, recipient, senders, signed } from './transfers.ts';

const IN_FLIGHT = 32;
const ROUNDS = 5;
const WINDOW_MS = 1_500;
/** A pool of geth's size holds 5,120 transactions, and proof-of-work may make no block for as long. */
const SENDING_WINDOW_MS = 1_000;
/** For what one window sends, with a block each second. */
const MINED_WITHIN_MS = 60_000;
const POLL_MS = 100;
/** Different requests, so that no side answers from what it has just said. */
const REQUESTS = 2_000;
const BALANCE_OF = fromHex('0x70a08231');
/** Some 700,000 gas each. */
const HEAVY_ROUNDS = 10_000n;
/** One heavy call of so many. */
const HEAVY_EVERY = 8;
const SENDERS = 400;
/** More than either takes in its time. */
const TRANSACTIONS_PER_ROUND = 15_000;
const HASHES_PER_SECOND = 50_000;

/** A number for each request, from 0; the parameters as JSON. */
type Parameters = (index: number) => readonly unknown[];

const BLOCK = '0x1f4';
const quantity = (value: number) => `0x${value.toString(16)}`;
const padded = (address: string) => `0x${address.slice(2).padStart(64, '0')}`;
const someone = (index: number) => recipient(index % (BLOCKS * LOGS_PER_BLOCK));
const balanceOf: Parameters = (index) => [{ to: TOKEN, data: toHex(concatBytes(BALANCE_OF, word(BigInt(someone(index))))) }, BLOCK];
const loop: Parameters = () => [{ to: LOOP, data: toHex(word(HEAVY_ROUNDS)) }, BLOCK];

const READS: readonly { readonly name: string; readonly method: string; readonly parameters: Parameters }[] = [
  { name: 'eth_blockNumber', method: 'eth_blockNumber', parameters: () => [] },
  { name: 'eth_getBalance', method: 'eth_getBalance', parameters: (index) => [someone(index), 'latest'] },
  { name: 'eth_call: balanceOf of an ERC-20', method: 'eth_call', parameters: balanceOf },
  {
    name: `eth_getLogs: 1 of ${BLOCKS * LOGS_PER_BLOCK} logs in ${BLOCKS} blocks`,
    method: 'eth_getLogs',
    parameters: (index) => [{ fromBlock: '0x1', toBlock: BLOCK, address: TOKEN, topics: [null, null, padded(someone(index))] }],
  },
  {
    name: `eth_getLogs: all ${25 * LOGS_PER_BLOCK} of 25 blocks`,
    method: 'eth_getLogs',
    parameters: (index) => {
      const first = 1 + (index % (BLOCKS - 25));
      return [{ fromBlock: quantity(first), toBlock: quantity(first + 24), address: TOKEN }];
    },
  },
];

export async function benchRpc(): Promise<BenchRow[]> {
  const { synod, anvil } = await startBoth();
  const rows: BenchRow[] = [];
  for (const { name, method, parameters } of READS) rows.push(...(await compare(name, method, requestsOf(parameters), { synod, anvil })));
  rows.push(...(await storm(synod)));
  await Promise.all([synod.stop(), anvil?.stop()]);
  return [...rows, ...(await benchSending())];
}

/** In turns; the median of the rounds of each. */
async function compare(
  name: string,
  method: string,
  file: string,
  { synod, anvil }: { readonly synod: Served; readonly anvil: Served | null },
  goOn = false,
): Promise<BenchRow[]> {
  const p99Ms = { synod: [] as number[], anvil: [] as number[] };
  const clients = { synod: await startClient(file), anvil: await startClient(file) };
  const ask = async (side: 'synod' | 'anvil', served: Served | null): Promise<number> => {
    if (served === null) return Number.NaN;
    if (goOn) await untilMined(served.url);
    const asked = await order(clients[side], { url: served.url, method, goOn });
    p99Ms[side].push(asked.p99Ms);
    return asked.perSecond;
  };
  const rates = await interleave({ synod: () => ask('synod', synod), anvil: () => ask('anvil', anvil) }, ROUNDS);
  await Promise.all([clients.synod.stop(), clients.anvil.stop()]);
  const late = { synod: median(p99Ms.synod.slice(1)), anvil: median(p99Ms.anvil.slice(1)) };
  const compared = anvil !== null;
  return [
    {
      name,
      value: rates.synod,
      unit: '/s',
      ...(compared ? { ratio: ratioOf(rates.synod, rates.anvil, 'anvil') } : { note: 'anvil is not installed: nothing to compare with' }),
    },
    { name: '  99th percentile', value: late.synod, unit: 'ms', ...(compared && { ratio: ratioOf(late.synod, late.anvil, 'anvil') }) },
  ];
}

/** How late the node's loop is while calls, a few of them heavy, keep all of its workers busy. */
async function storm({ url, child }: Served): Promise<BenchRow[]> {
  const node = present(child, 'the process of synod');
  const client = await startClient(requestsOf((index) => (index % HEAVY_EVERY === 0 ? loop(index) : balanceOf(index))));
  const late: { p99Ms: number; maxMs: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await node.loopDelay();
    await order(client, { url, method: 'eth_call', goOn: false });
    late.push(await node.loopDelay());
  }
  await client.stop();
  return [
    {
      name: 'event loop late in a storm of eth_call, 99th percentile',
      value: median(late.map(({ p99Ms }) => p99Ms)),
      unit: 'ms',
      note: `one call of ${HEAVY_EVERY} burns 700,000 gas; wanted: less than 50`,
    },
    { name: 'event loop late in a storm of eth_call, worst', value: median(late.map(({ maxMs }) => maxMs)), unit: 'ms' },
  ];
}

/** To nodes that make a block each second, and begin each round with an empty pool: a full one refuses. */
async function benchSending(): Promise<BenchRow[]> {
  const rich = senders(SENDERS);
  const transactions = (index: number) => [
    toHex(signed(present(rich[index % SENDERS], 'a sender'), Math.floor(index / SENDERS), { to: recipient(index) })),
  ];
  const file = requestsOf(transactions, (ROUNDS + 1) * TRANSACTIONS_PER_ROUND);
  const genesis = genesisDocument(rich, Math.floor(Date.now() / 1000), HASHES_PER_SECOND / 2);
  const { child, url } = await startNode(genesis, { probe: true, args: ['--mine', '--miner.hashrate', String(HASHES_PER_SECOND)] });
  const synod = { url, stop: () => child.stop() };
  const binary = findAnvil();
  const network = { chainId: CHAIN_ID, gasLimit: GAS_LIMIT, blockTimeSeconds: 1, rich: rich.map(({ address }) => address) };
  const anvil = binary === null ? null : await startAnvil(binary, network);
  const rows = await compare('eth_sendRawTransaction', 'eth_sendRawTransaction', file, { synod, anvil }, true);
  await Promise.all([synod.stop(), anvil?.stop()]);
  return rows;
}

async function untilMined(url: string): Promise<void> {
  const deadlineMs = performance.now() + MINED_WITHIN_MS;
  const client = createRpcClient(url);
  for (;;) {
    const { pending } = (await client.call('txpool_status', [])) as { readonly pending: string };
    if (Number(pending) === 0) return;
    if (performance.now() > deadlineMs) throw new Error(`${url} still has ${Number(pending)} transactions after ${MINED_WITHIN_MS} ms`);
    await delay(POLL_MS);
  }
}

async function startClient(file: string): Promise<Child> {
  const client = startScript('rpc-client.ts', file);
  await client.next('loaded');
  return client;
}

async function order(client: Child, what: Pick<Order, 'url' | 'method' | 'goOn'>): Promise<Asked> {
  client.send<Order>({ type: 'ask', inFlight: IN_FLIGHT, windowMs: what.goOn ? SENDING_WINDOW_MS : WINDOW_MS, ...what });
  return await client.next<Asked>('asked');
}

function requestsOf(parameters: Parameters, count = REQUESTS): string {
  const file = join(temporaryDirectory(), 'requests');
  writeFileSync(file, Array.from({ length: count }, (_, index) => JSON.stringify(parameters(index))).join('\n'), 'latin1');
  return file;
}

if (import.meta.main) printRows('RPC, 32 requests in flight', await benchRpc());
