/**
 * node test/end-to-end/leader-kills.ts [engine...] [--kills 10]: a network of each engine is put under payments, its leader is
 * killed (-9) again and again, and started again once another has taken over. Prints how long no block came each time, and fails
 * unless every payment that somebody was told is in a block is in it at the end, on every node. Minutes; not part of `npm test`.
 */
import { parseArgs } from 'node:util';
import { type Hex, keccak256 } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { startNetwork, type TestNetwork } from '../../src/testnet/testing.ts';

const PERMISSIONED = ['raft', 'pbft', 'paxos', 'zab', 'chandra-toueg'];
const SHOP = '0x5409000000000000000000000000000000005409';
const POLL_MS = 20;
const CLIENTS = 4;

const { values, positionals } = parseArgs({ options: { kills: { type: 'string', default: '10' } }, allowPositionals: true });
const kills = Number(values.kills);

interface Paid {
  readonly hash: Hex;
  readonly blockHash: Hex;
}

/** Pays one wei after the other, each once the last is in a block, through whatever node answers. */
class Client {
  readonly paid: Paid[] = [];
  readonly #network: TestNetwork;
  readonly #index: number;
  readonly #ended: Promise<void>;
  #stopped = false;

  constructor(network: TestNetwork, index: number) {
    this.#network = network;
    this.#index = index;
    this.#ended = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#ended;
  }

  async #run(): Promise<void> {
    const account = privateKeyToAccount(this.#network.accounts[this.#index]?.privateKey ?? '0x');
    const { chainId } = this.#network.options;
    for (let nonce = 0; !this.#stopped; nonce++) {
      const fees = { maxFeePerGas: 20n * 10n ** 9n, maxPriorityFeePerGas: 10n ** 9n, gas: 21_000n };
      const paid = await this.#send(await account.signTransaction({ to: SHOP, value: 1n, nonce, chainId, ...fees }));
      if (paid !== null) this.paid.push(paid);
    }
  }

  /** Tries until a node says that it is in a block. Null when the test ends before. */
  async #send(transaction: Hex): Promise<Paid | null> {
    for (let attempt = 0; !this.#stopped; attempt++) {
      const node = this.#network.nodes[(this.#index + Math.floor(attempt / 40)) % this.#network.nodes.length];
      try {
        if (attempt % 40 === 0) await node?.request('eth_sendRawTransaction', [transaction]).catch(() => null);
        const hash = keccak256(transaction);
        const receipt = (await node?.request('eth_getTransactionReceipt', [hash])) as { readonly blockHash: Hex } | null | undefined;
        if (receipt) return { hash, blockHash: receipt.blockHash };
      } catch {
        // It is dead, or busy being born.
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    return null;
  }
}

async function leaderOf(network: TestNetwork): Promise<number> {
  for (;;) {
    const report = await network.report();
    const leaders = report.flatMap(({ status }) => (status as { consensus?: { leader?: string | null } } | null)?.consensus?.leader ?? []);
    const [leader] = leaders;
    const isAgreed = leaders.length > network.nodes.length / 2 && leaders.every((other) => other === leader);
    const index = report.findIndex(({ peerId }) => peerId === leader);
    if (isAgreed && index >= 0) return index;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Milliseconds until one of the others has a block above every head that was there. */
async function silenceMs(network: TestNetwork, without: number): Promise<number> {
  const startMs = performance.now();
  const others = network.nodes.filter(({ index }) => index !== without);
  const heights = () => Promise.all(others.map((node) => node.request('eth_blockNumber').then(Number, () => 0)));
  const before = Math.max(...(await heights()));
  while (Math.max(...(await heights())) <= before) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  return performance.now() - startMs;
}

let hasFailed = false;
for (const engine of positionals.length > 0 ? positionals : PERMISSIONED) {
  await using network = await startNetwork({ engine, nodes: engine === 'pbft' ? 4 : 3 });
  const clients = Array.from({ length: CLIENTS }, (_, index) => new Client(network, index));
  const gaps: number[] = [];
  for (let kill = 0; kill < kills; kill++) {
    const leader = await leaderOf(network);
    await network.kill(leader);
    gaps.push(await silenceMs(network, leader));
    await network.restart(leader);
    await network.agreed();
  }
  for (const client of clients) await client.stop();
  await network.agreed();
  let lost = 0;
  const paid = clients.flatMap((client) => client.paid);
  for (const node of network.nodes) {
    for (const { hash, blockHash } of paid) {
      const receipt = (await node.request('eth_getTransactionReceipt', [hash])) as { readonly blockHash: Hex } | null;
      if (receipt?.blockHash !== blockHash) lost++;
    }
  }
  hasFailed ||= lost > 0;
  const shown = gaps.map((ms) => (ms / 1_000).toFixed(2)).join(' ');
  console.log(`${engine}: ${paid.length} payments, ${lost} lost; seconds without a block after each kill: ${shown}`);
}
process.exitCode = hasFailed ? 1 : 0;
