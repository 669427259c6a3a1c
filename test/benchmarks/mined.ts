/**
 * From eth_sendRawTransaction to mined, through one real node: a client process sends transfers that were signed
 * beforehand to a node that mines a block a second. Counted is what the blocks of some seconds hold, from one block to
 * another while the client never stops sending. Client and node share the machine, so the client weighs on the result.
 * Alone: `node test/benchmarks/mined.ts`
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { present } from '../../src/base/assert.ts';
import { toHex } from '../../src/base/bytes.ts';
import { type Anvil, findAnvil, startAnvil } from './anvil.ts';
import type { Order, Sent, Stop } from './load-client.ts';
import type { LoopDelay } from './loop-delay.ts';
import { type Child, startNode, startScript, temporaryDirectory } from './processes.ts';
import { type BenchRow, interleave, median, printRows, ratioOf } from './row.ts';
import { CHAIN_ID, GAS_LIMIT, genesisDocument, recipient, type Sender, senders, signed } from './transfers.ts';

const SENDERS = 400;
const ROUNDS = 5;
/** Counting ends with the first block after this time. */
const WINDOW_MS = 3_000;
/** More than a node takes in that time; what is not needed is left unsent. */
const MAX_TRANSACTIONS = 12_000;
/** The difficulty follows it, so that it costs the node next to nothing. */
const HASHES_PER_SECOND = 50_000;
const WARM_UP_BLOCKS = 3;
const POLL_MS = 20;
const SINGLE = { inFlight: 32, perRequest: 1 };
const BATCHED = { inFlight: 4, perRequest: 100 };

export async function benchMined(): Promise<BenchRow[]> {
  const rich = senders(SENDERS);
  // One round more than is counted, of both kinds.
  const file = writeTransactions(rich, 2 * (ROUNDS + 1) * MAX_TRANSACTIONS);
  const genesis = genesisDocument(rich, Math.floor(Date.now() / 1000), HASHES_PER_SECOND / 2);
  const node = await startNode(genesis, { probe: true, args: ['--mine', '--miner.hashrate', String(HASHES_PER_SECOND)] });
  const load = await Load.start(node.url, file);
  const late: LoopDelay[] = [];
  const run = async (how: How): Promise<number> => {
    await node.child.loopDelay();
    return await load.mined(how, async () => late.push(await node.child.loopDelay()));
  };
  const peer = await startPeer(rich, file);
  const rates = await interleave(
    { single: () => run(SINGLE), batched: () => run(BATCHED), anvil: async () => (await peer?.load.mined(SINGLE)) ?? Number.NaN },
    ROUNDS,
  );
  await Promise.all([load.stop(), peer?.load.stop()]);
  await Promise.all([node.child.stop(), peer?.anvil.stop()]);
  const unit = 'tx/s';
  const against =
    peer === null ? { note: 'anvil is not installed: nothing to compare with' } : { ratio: ratioOf(rates.single, rates.anvil, 'anvil') };
  return [
    { name: 'single requests, 32 in flight', value: rates.single, unit, ...against },
    { name: 'batches of 100, 4 in flight', value: rates.batched, unit, ratio: ratioOf(rates.batched, rates.single, 'single requests') },
    ...(peer === null ? [] : [{ name: 'anvil, single requests, 32 in flight', value: rates.anvil, unit }]),
    { name: 'event loop late, 99th percentile', value: median(late.map(({ p99Ms }) => p99Ms)), unit: 'ms', note: 'of the node meanwhile' },
    { name: 'event loop late, worst', value: median(late.map(({ maxMs }) => maxMs)), unit: 'ms' },
  ];
}

async function startPeer(rich: readonly Sender[], file: string): Promise<{ readonly anvil: Anvil; readonly load: Load } | null> {
  const binary = findAnvil();
  if (binary === null) return null;
  const addresses = rich.map(({ address }) => address);
  const anvil = await startAnvil(binary, { chainId: CHAIN_ID, gasLimit: GAS_LIMIT, blockTimeSeconds: 1, rich: addresses });
  return { anvil, load: await Load.start(anvil.url, file) };
}

type How = Omit<Order, 'type' | 'maxTransactions'>;

/** A client that loads one node, and what it sees of that node's chain. */
class Load {
  readonly #client: Child;
  readonly #chain: BlockCounter;

  private constructor(client: Child, chain: BlockCounter) {
    this.#client = client;
    this.#chain = chain;
  }

  static async start(url: string, file: string): Promise<Load> {
    const client = startScript('load-client.ts', url, file);
    await client.next('loaded');
    const chain = new BlockCounter(url);
    await chain.until(() => chain.height >= WARM_UP_BLOCKS);
    return new Load(client, chain);
  }

  /** Transactions mined a second. `atEnd` is called when the counting has ended, before the client stops. */
  async mined(how: How, atEnd: () => Promise<unknown> = async () => undefined): Promise<number> {
    const chain = this.#chain;
    const before = chain.transactions;
    this.#client.send<Order>({ type: 'send', maxTransactions: MAX_TRANSACTIONS, ...how });
    await chain.until(() => chain.transactions > before);
    const [first, startedMs] = [chain.transactions, performance.now()];
    await chain.until(() => performance.now() - startedMs >= WINDOW_MS || chain.transactions - before >= MAX_TRANSACTIONS);
    const rate = ((chain.transactions - first) * 1000) / (performance.now() - startedMs);
    await atEnd();
    this.#client.send<Stop>({ type: 'stop' });
    const { transactions } = await this.#client.next<Sent>('sent');
    await chain.until(() => chain.transactions - before >= transactions);
    return rate;
  }

  async stop(): Promise<void> {
    await this.#client.stop();
  }
}

function writeTransactions(rich: readonly Sender[], count: number): string {
  const file = join(temporaryDirectory(), 'transactions');
  const transactions = Array.from({ length: count }, (_, index) => {
    const sender = present(rich[index % SENDERS], 'a sender');
    return toHex(signed(sender, Math.floor(index / SENDERS), { to: recipient(index) }));
  });
  writeFileSync(file, transactions.join('\n'), 'latin1');
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

  /** Reads block after block until the condition holds, which is looked at after each. */
  async until(reached: () => boolean): Promise<void> {
    for (;;) {
      const count = await this.#transactionsAt(this.height + 1);
      if (count === null) {
        await delay(POLL_MS);
        continue;
      }
      this.height++;
      this.transactions += Number(count);
      if (reached()) return;
    }
  }

  async #transactionsAt(height: number): Promise<string | null> {
    const params = [`0x${height.toString(16)}`];
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_getBlockTransactionCountByNumber', params });
    const response = await fetch(this.#url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    const { result } = (await response.json()) as { readonly result?: string | null };
    // Some say null of a height that is not there yet, others call it an error.
    return result ?? null;
  }
}

if (import.meta.main) printRows('From eth_sendRawTransaction to mined, one node', await benchMined());
