/**
 * From eth_sendRawTransaction to mined, through one real node: a client process sends transfers that were signed
 * beforehand to a node that mines a block a second, and the clock stops when the last of them is in a block. Client and
 * node share the machine, so the client weighs on the result. Alone: `node test/benchmarks/mined.ts`
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { RLP } from '@ethereumjs/rlp';
import { present } from '../../src/base/assert.ts';
import type { Order, Sent } from './load-client.ts';
import { startNode, startScript, temporaryDirectory } from './processes.ts';
import { type BenchRow, interleave, median, printRows, ratioOf } from './row.ts';
import { genesisDocument, recipient, senders, signed } from './transfers.ts';

const SENDERS = 400;
const ROUNDS = 5;
const TRANSACTIONS = 5_000;
/** The difficulty follows it, so that it costs the node next to nothing. */
const HASHES_PER_SECOND = 50_000;
const WARM_UP_BLOCKS = 3;
const POLL_MS = 20;
const SINGLE = { inFlight: 32, perRequest: 1 };
const BATCHED = { inFlight: 4, perRequest: 100 };

export async function benchMined(): Promise<BenchRow[]> {
  const rich = senders(SENDERS);
  // One round more than is counted, of both kinds.
  const file = writeTransactions(rich, 2 * (ROUNDS + 1) * TRANSACTIONS);
  const genesis = genesisDocument(rich, Math.floor(Date.now() / 1000), HASHES_PER_SECOND / 2);
  const node = await startNode(genesis, { probe: true, args: ['--mine', '--miner.hashrate', String(HASHES_PER_SECOND)] });
  const client = startScript('load-client.ts', node.url, file);
  await client.next('loaded');
  const chain = new BlockCounter(node.url);
  await chain.until(() => chain.height >= WARM_UP_BLOCKS);
  const late: { p99Ms: number; maxMs: number }[] = [];
  const run = async (how: Omit<Order, 'type' | 'count'>): Promise<number> => {
    await node.child.loopDelay();
    const [before, startedMs] = [chain.transactions, performance.now()];
    client.send<Order>({ type: 'send', count: TRANSACTIONS, ...how });
    await chain.until(() => chain.transactions - before >= TRANSACTIONS);
    const endMs = performance.now();
    await client.next<Sent>('sent');
    late.push(await node.child.loopDelay());
    return (TRANSACTIONS * 1000) / (endMs - startedMs);
  };
  const rates = await interleave({ single: () => run(SINGLE), batched: () => run(BATCHED) }, ROUNDS);
  await client.stop();
  await node.child.stop();
  return [
    { name: 'single requests, 32 in flight', value: rates.single, unit: 'tx/s' },
    {
      name: 'batches of 100, 4 in flight',
      value: rates.batched,
      unit: 'tx/s',
      ratio: ratioOf(rates.batched, rates.single, 'single requests'),
    },
    { name: 'event loop late, 99th percentile', value: median(late.map(({ p99Ms }) => p99Ms)), unit: 'ms', note: 'of the node meanwhile' },
    { name: 'event loop late, worst', value: median(late.map(({ maxMs }) => maxMs)), unit: 'ms' },
  ];
}

function writeTransactions(rich: ReturnType<typeof senders>, count: number): string {
  const file = join(temporaryDirectory(), 'transactions.rlp');
  const transactions = Array.from({ length: count }, (_, index) => {
    const sender = present(rich[index % SENDERS], 'a sender');
    return signed(sender, Math.floor(index / SENDERS), { to: recipient(index) });
  });
  writeFileSync(file, RLP.encode(transactions));
  return file;
}

/** Follows a node's chain and counts what is in it. */
class BlockCounter {
  height = 0;
  transactions = 0;
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  async until(reached: () => boolean): Promise<void> {
    while (!reached()) {
      const count = await this.#transactionsAt(this.height + 1);
      if (count === null) {
        await delay(POLL_MS);
        continue;
      }
      this.height++;
      this.transactions += Number(count);
    }
  }

  async #transactionsAt(height: number): Promise<string | null> {
    const params = [`0x${height.toString(16)}`];
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_getBlockTransactionCountByNumber', params });
    const response = await fetch(this.#url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    return ((await response.json()) as { readonly result: string | null }).result;
  }
}

if (import.meta.main) printRows('From eth_sendRawTransaction to mined, one node', await benchMined());
