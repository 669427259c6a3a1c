/**
 * node test/end-to-end/permissioned.ts [--case changes|away|liars] [--blocks 10000] [--live] [engine...]: what takes too long for `npm test`, on
 * real processes. Prints a line for each engine and what it took; exit code 1 when something did not come about. Minutes.
 *
 * - changes: members leave and come back by the operators' commands, and the network then rests on those who came back.
 * - away: a member that missed so many blocks catches up, though it is killed on the way, and the network then rests on it.
 * - liars (PBFT): a primary that proposes two blocks; as many silent members as it bears; both at once among seven.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Hex, keccak256 } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import type { Json } from '../../src/base/types.ts';
import { builtInGenesis } from '../../src/cli/genesis.ts';
import { createRpcClient } from '../../src/cli/rpc-client.ts';
import { devMembers } from '../../src/node/dev-nodes.ts';
import { readOperatorFile } from '../../src/node/operator-file.ts';
import { completeOptions } from '../../src/testnet/launch.ts';
import { createManifest, paths, type TestnetOptions } from '../../src/testnet/manifest.ts';
import { startNetwork, type TestNetwork } from '../../src/testnet/testing.ts';
import { writeLongChain } from './long-chain.ts';

const ENGINES = ['raft', 'pbft', 'paxos', 'zab', 'chandra-toueg'];
const SHOP = '0x5409000000000000000000000000000000005409';
const POLL_MS = 50;
const PATIENCE_MS = 120_000;
/** To ask costs the nodes time as well. */
const LOOK_EVERY_MS = 1_000;
const CATCH_UP_MS = 10 * 60_000;
/** So much time passes on the chain with each block that is written. */
const WRITTEN_BLOCK_MS = 100;

const { values, positionals } = parseArgs({
  options: { case: { type: 'string' }, blocks: { type: 'string', default: '10000' }, live: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const engines = positionals.length > 0 ? positionals : ENGINES;

class Failed extends Error {}

async function until<T>(what: string, check: () => Promise<T | undefined | false>, patienceMs = PATIENCE_MS): Promise<T> {
  const endMs = performance.now() + patienceMs;
  for (;;) {
    const found = await check().catch(() => undefined);
    if (found !== undefined && found !== false) return found;
    if (performance.now() > endMs) throw new Failed(`${what}: not within ${patienceMs / 1_000} s`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** A network, its payments, and what its operators ask. */
class Drill {
  readonly network: TestNetwork;
  #paid = 0;

  constructor(network: TestNetwork) {
    this.network = network;
  }

  async operator(index: number, method: string, ...params: Json[]): Promise<Json> {
    const file = readOperatorFile(paths.datadir(this.network.directory, index));
    if (file === null) throw new Failed(`node ${index} has left no token`);
    return (await createRpcClient(file.url, { token: file.token, timeoutMs: PATIENCE_MS }).call(method, params)) as Json;
  }

  async height(index: number): Promise<number> {
    return Number(await this.network.node(index).request('eth_blockNumber'));
  }

  /** One wei through this node, in a block there, within the patience. */
  async pay(index: number): Promise<void> {
    const node = this.network.node(index);
    const account = privateKeyToAccount(this.network.accounts[0]?.privateKey ?? '0x');
    const fees = { maxFeePerGas: 20n * 10n ** 9n, maxPriorityFeePerGas: 10n ** 9n, gas: 21_000n };
    const { chainId } = this.network.options;
    const transaction = await account.signTransaction({ to: SHOP, value: 1n, nonce: this.#paid++, chainId, ...fees });
    await until('a payment is taken', async () => (await node.request('eth_sendRawTransaction', [transaction]).catch(known)) !== null);
    await until('a payment is in a block', async () => receiptOf(this.network, index, keccak256(transaction)));
  }

  /** Every payment, on every node that runs. */
  async settled(indices: readonly number[]): Promise<void> {
    for (const index of indices) {
      const node = this.network.node(index);
      await until(
        `node ${index} shows all payments`,
        async () => Number(await node.request('eth_getBalance', [SHOP, 'latest'])) === this.#paid,
      );
    }
  }

  async leader(): Promise<number> {
    return await until('there is a leader', async () => {
      const report = await this.network.report();
      const leaders = report.flatMap(
        ({ status }) => (status as { consensus?: { leader?: string | null } } | null)?.consensus?.leader ?? [],
      );
      const [leader] = leaders;
      const index = report.findIndex(({ peerId }) => peerId === leader);
      return leaders.length > report.length / 2 && leaders.every((other) => other === leader) && index >= 0 && { index };
    }).then(({ index }) => index);
  }

  async peerIds(): Promise<string[]> {
    return (await this.network.report()).map(({ peerId }) => peerId ?? '');
  }

  async members(index: number): Promise<number> {
    const status = (await this.operator(index, 'consensus_status')) as { members?: Json[]; voters?: Json[] };
    return (status.members ?? status.voters ?? []).length;
  }
}

const known = (error: unknown) => (String(error).includes('already') ? 'known' : Promise.reject(error));

async function receiptOf(network: TestNetwork, index: number, hash: Hex): Promise<unknown> {
  return (await network.node(index).request('eth_getTransactionReceipt', [hash])) ?? undefined;
}

const secondsSince = (startMs: number) => ((performance.now() - startMs) / 1_000).toFixed(1);

/** From five members to three (PBFT: four) and back; who came back is needed for what comes then. */
async function changes(engine: string): Promise<string> {
  await using network = await startNetwork({ engine, nodes: 5 });
  const drill = new Drill(network);
  const all = [0, 1, 2, 3, 4];
  const ids = await drill.peerIds();
  const leader = await drill.leader();
  const leaving = all.filter((index) => index !== leader).slice(engine === 'pbft' ? 3 : 2);
  const staying = all.filter((index) => !leaving.includes(index));
  await drill.pay(leader);
  const startMs = performance.now();
  await change(
    drill,
    engine,
    staying,
    'consensus_remove',
    leaving.map((index) => ids[index] ?? ''),
  );
  await until('the members are fewer', async () => (await drill.members(leader)) === staying.length);
  await drill.pay(leaving[0] ?? 0);
  await drill.settled(all);
  const members = devMembers(network.options.mnemonic, ids as never);
  await change(
    drill,
    engine,
    staying,
    'consensus_add',
    leaving.map((index) => members[index] ?? null),
  );
  await until('the members are five again', async () => (await drill.members(staying[0] ?? 0)) === 5);
  const tookMs = secondsSince(startMs);
  // With as many dead as the engine bears, there is no quorum without those who came back.
  const dead = staying.slice(0, engine === 'pbft' ? 1 : 2);
  for (const index of dead) await network.kill(index);
  await drill.pay(leaving[0] ?? 0);
  for (const index of dead) await network.restart(index);
  await drill.settled(all);
  return `${leaving.length} members removed and added again within ${tookMs} s; goes on with ${dead.length} of the others dead`;
}

/** Raft takes one at a time, at its leader; where members lie, a quorum of operators says the same. */
async function change(drill: Drill, engine: string, members: readonly number[], method: string, what: readonly Json[]): Promise<void> {
  if (engine !== 'raft') {
    const askers = engine === 'pbft' ? members : members.slice(0, 1);
    for (const index of askers) {
      const answer = (await drill.operator(index, method, [...what])) as { readonly phase?: number };
      if (answer.phase !== undefined) return;
    }
    throw new Failed(`${method} did not come about`);
  }
  for (const one of what) {
    await until(`${method} of one`, async () => {
      await drill.operator(await drill.leader(), method, [one]);
      return true;
    });
  }
}

/**
 * A member misses so many blocks. They are written into the datadirs of the others as their members would have made them, or, with
 * `--live`, made by those others as quickly as they can.
 */
async function away(engine: string, blocks: number, isLive: boolean): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'synod-away-'));
  try {
    const options = completeOptions({ engine });
    await createManifest(directory, options, builtInGenesis(engine), Date.now() - (isLive ? 0 : blocks * WRITTEN_BLOCK_MS));
    if (isLive) hurry(paths.genesis(directory));
    else await writeForOthers(directory, options, blocks);
    await using network = await startNetwork({ engine, directory });
    const drill = new Drill(network);
    const { late, second, made } = isLive ? await makeWithout(drill, blocks) : { late: options.nodes - 1, second: 1, made: 'written' };
    const said = await comeBack(drill, late, second, blocks);
    return `${blocks} blocks ${made}; ${said}`;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function hurry(genesisFile: string): void {
  const genesis = JSON.parse(readFileSync(genesisFile, 'utf8'));
  genesis.config.engine = { ...genesis.config.engine, emptyBlockMs: 1, blockIntervalMs: 0 };
  writeFileSync(genesisFile, JSON.stringify(genesis));
}

/** For all but the last. */
async function writeForOthers(directory: string, { nodes, engine, mnemonic }: TestnetOptions, blocks: number): Promise<void> {
  const [first, ...others] = Array.from({ length: nodes - 1 }, (_, index) => paths.datadir(directory, index));
  if (first === undefined) return;
  const certifiedEvery = engine === 'pbft' ? 1 : 8;
  await writeLongChain(first, paths.genesis(directory), { blocks, certifiedEvery, mnemonic });
  for (const other of others) {
    for (const part of ['chaindata', 'identity.json'])
      await cp(join(first, 'synod', part), join(other, 'synod', part), { recursive: true });
  }
}

/** One that does not lead is dead meanwhile. */
async function makeWithout(drill: Drill, blocks: number) {
  const { network } = drill;
  const leader = await drill.leader();
  const [late = 0, second = 0] = network.nodes.map(({ index }) => index).filter((index) => index !== leader);
  const from = await drill.height(leader);
  await network.kill(late);
  const madeMs = performance.now();
  await until(`${blocks} blocks`, async () => (await drill.height(leader)) >= from + blocks, 60 * 60_000);
  return { late, second, made: `made in ${secondsSince(madeMs)} s` };
}

/** It catches up, is killed at half of the way, goes on from where it was, and then the network rests on it. */
async function comeBack(drill: Drill, late: number, second: number, blocks: number): Promise<string> {
  const { network } = drill;
  const target = await drill.height(second);
  await network.kill(late);
  await network.restart(late);
  const memory = new Memory(network);
  const first = await climb(drill, late, (await drill.height(late)) + blocks / 2, target, memory);
  await network.kill(late);
  await network.restart(late);
  const again = await climb(drill, late, target, target, memory);
  if (again.from < first.to) throw new Failed(`it had come to ${first.to}, and began again at ${again.from}`);
  // Now there is no quorum without it.
  await network.kill(second);
  await drill.pay(late);
  await network.restart(second);
  await drill.settled(network.nodes.map(({ index }) => index));
  return `caught up ${first.said}, killed, ${again.said}; ${memory.said()}; decides with the others at once`;
}

interface Climb {
  readonly from: number;
  readonly to: number;
  readonly said: string;
}

/** From where it stands to this height, and not beyond the second. */
async function climb(drill: Drill, index: number, height: number, end: number, memory: Memory): Promise<Climb> {
  const startMs = performance.now();
  const from = await drill.height(index);
  let to = from;
  await until(
    `it has come to block ${height}`,
    async () => {
      await memory.look();
      to = await drill.height(index);
      return to >= Math.min(height, end);
    },
    CATCH_UP_MS,
  );
  const seconds = (performance.now() - startMs) / 1_000;
  return { from, to, said: `${from} to ${to} in ${seconds.toFixed(1)} s (${Math.round((to - from) / seconds)} blocks/s)` };
}

/** The most that each node had in memory, without the tables of its database that are mapped, as far as it was looked at. */
class Memory {
  readonly #network: TestNetwork;
  readonly #mostMb = new Map<number, number>();
  #lookedMs = 0;

  constructor(network: TestNetwork) {
    this.#network = network;
  }

  async look(): Promise<void> {
    if (performance.now() - this.#lookedMs < LOOK_EVERY_MS) return;
    this.#lookedMs = performance.now();
    for (const { index, pid } of await this.#network.report()) {
      if (pid === null) continue;
      const kb = Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
      this.#mostMb.set(index, Math.max(this.#mostMb.get(index) ?? 0, Math.round(kb / 1_024)));
    }
  }

  said(): string {
    return `at most ${[...this.#mostMb].map(([index, mb]) => `${mb} MB in node ${index}`).join(', ')}`;
  }
}

async function liars(): Promise<string> {
  const said: string[] = [];
  for (const { nodes, silent, lies } of [
    { nodes: 4, silent: 0, lies: true },
    { nodes: 4, silent: 1, lies: false },
    { nodes: 7, silent: 1, lies: true },
  ]) {
    await using network = await startNetwork({ engine: 'pbft', nodes });
    const drill = new Drill(network);
    const primary = await drill.leader();
    const others = network.nodes.map(({ index }) => index).filter((index) => index !== primary);
    const quiet = others.slice(0, silent);
    const honest = others.slice(silent);
    for (const index of quiet) await network.pause(index);
    if (lies) await network.equivocate(primary);
    const startMs = performance.now();
    const seen = until('evidence', () => evidenceOf(drill, honest), lies ? 30_000 : 0).catch(() => 'none');
    for (let i = 0; i < 3; i++) await drill.pay(honest[i % honest.length] ?? 0);
    const took = secondsSince(startMs);
    const evidence = await seen;
    for (const index of quiet) await network.resume(index);
    await drill.settled([...honest, ...quiet]);
    said.push(
      `n=${nodes}: ${lies ? 'equivocating primary' : ''}${lies && silent > 0 ? ' and ' : ''}${silent > 0 ? `${silent} silent` : ''}: 3 payments in ${took} s, evidence ${evidence}`,
    );
  }
  return said.join('\n  ');
}

async function evidenceOf(drill: Drill, honest: readonly number[]): Promise<string | undefined> {
  for (const index of honest) {
    const { evidence } = (await drill.operator(index, 'consensus_status')) as { readonly evidence: readonly Json[] };
    if (evidence.length > 0) return JSON.stringify(evidence);
  }
  return undefined;
}

const CASES: { readonly [name: string]: (engine: string) => Promise<string> } = {
  changes,
  away: (engine) => away(engine, Number(values.blocks), values.live),
  liars: async (engine) => (engine === 'pbft' ? await liars() : 'not for engines that bear crashes only'),
};

for (const name of values.case === undefined ? Object.keys(CASES) : [values.case]) {
  for (const engine of engines) {
    try {
      console.log(`${name}, ${engine}: ${await CASES[name]?.(engine)}`);
    } catch (error) {
      process.exitCode = 1;
      console.log(`${name}, ${engine}: FAILED: ${error instanceof Failed ? error.message : String(error)}`);
    }
  }
}
