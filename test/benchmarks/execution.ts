/**
 * What execution costs in one process: plain transfers built and executed with their roots, the way without the EVM
 * against the EVM, the state root against @ethereumjs' trie, and the recovery of senders against @noble/curves. Both
 * sides of a ratio run in turn, and each figure is a median. Run it alone: node test/benchmarks/execution.ts
 */
import { MerklePatriciaTrie } from '@ethereumjs/mpt';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { assert, present } from '../../src/base/assert.ts';
import { bigToFixed, concatBytes, fromHex, toHex } from '../../src/base/bytes.ts';
import { type Address, type Hash, ZERO_ADDRESS } from '../../src/base/types.ts';
import { EMPTY_NONCE, type Header } from '../../src/chain/header.ts';
import type { ChainParams } from '../../src/chain/params.ts';
import { admit } from '../../src/execution/admission.ts';
import { runInEvm } from '../../src/execution/block-run.ts';
import { type Environment, openEnvironment } from '../../src/execution/environment.ts';
import { Executor } from '../../src/execution/executor.ts';
import { buildGenesis, parseGenesis } from '../../src/execution/genesis.ts';
import { keccak256 } from '../../src/execution/keccak.ts';
import { Pacer } from '../../src/execution/pacer.ts';
import { recovery, wasmRecovery } from '../../src/execution/recovery.ts';
import { WorldState } from '../../src/execution/state.ts';
import { decodeTransaction, type Tx } from '../../src/execution/transaction.ts';
import { executeTransfer } from '../../src/execution/transfer.ts';
import { Trie } from '../../src/execution/trie.ts';
import type { ExecutedBlock, Execution, StateSource } from '../../src/execution/types.ts';
import { type BenchRow, interleave, perSecond, printRows, ratioOf } from './row.ts';
import { GAS_LIMIT, genesisDocument, recipient, type Sender, senders, signed } from './transfers.ts';

const TRANSFERS = 1_000;
const SENDERS = 100;
const TRIE_ACCOUNTS = 100_000;
const TRIE_CHANGES = 1_000;

/** Nodes and codes in memory: what the disk adds is measured where the disk is. */
class Memory implements StateSource {
  readonly #nodes = new Map<Hash, Uint8Array>();

  node(hash: Hash): Uint8Array | undefined {
    return this.#nodes.get(hash);
  }

  code(hash: Hash): Uint8Array | undefined {
    return this.#nodes.get(hash);
  }

  write({ nodes, codes }: Pick<Execution, 'nodes' | 'codes'>): void {
    for (const [hash, bytes] of [...nodes, ...codes]) this.#nodes.set(hash, bytes);
  }
}

interface Bench {
  readonly params: ChainParams;
  readonly state: Memory;
  readonly executor: Executor;
  readonly rich: readonly Sender[];
  parent: Header;
  sent: number;
}

export async function benchExecution(): Promise<BenchRow[]> {
  const bench = await open();
  return [...(await benchBlocks(bench)), ...(await benchWithoutEvm(bench)), ...(await benchTrie()), ...(await benchRecovery(bench))];
}

async function open(): Promise<Bench> {
  const rich = senders(SENDERS);
  const { block, execution, params } = await buildGenesis(parseGenesis(genesisDocument(rich, 1_700_000_000, 1)));
  const state = new Memory();
  state.write(execution);
  const rules = { randomness: ({ parentHash }: Header) => parentHash, rewards: () => [] };
  const executor = new Executor(params, state, rules, { get: () => undefined });
  return { params, state, executor, rich, parent: block.header, sent: 0 };
}

/** Transfers to accounts that are new, in the order that their nonces allow. */
function transfers(bench: Bench): Uint8Array[] {
  return Array.from({ length: TRANSFERS }, () => {
    const index = bench.sent++;
    return signed(present(bench.rich[index % SENDERS], 'a sender'), Math.floor(index / SENDERS), { to: recipient(index) });
  });
}

/** Each round builds a block of new transfers and executes the same block, as its maker and a follower would. */
async function benchBlocks(bench: Bench): Promise<BenchRow[]> {
  let built: ExecutedBlock | undefined;
  const rates = await interleave({
    build: async () => {
      const encoded = transfers(bench);
      const fields = { timestamp: bench.parent.timestamp + 1, beneficiary: ZERO_ADDRESS, difficulty: 1n, payload: new Uint8Array(0) };
      return rate(async () => {
        const pool = listOf(encoded.map((bytes) => decodeTransaction(bytes, bench.params)));
        const engine = { ...fields, mixHash: bench.parent.mixHash, nonce: EMPTY_NONCE };
        built = await bench.executor.build(bench.parent, engine, pool, { gasLimit: GAS_LIMIT, buildTimeMs: 60_000 });
      });
    },
    execute: async () => {
      const { block, execution } = present(built, 'a block');
      assert(block.transactions.length === TRANSFERS, 'every transfer went in');
      const measured = await rate(async () => {
        await bench.executor.execute(block, bench.parent);
      });
      bench.state.write(execution);
      bench.parent = block.header;
      return measured;
    },
  });
  const unit = 'transfers/s';
  return [
    { name: 'decode, recover, build with roots', value: rates.build, unit, note: 'wanted: 2,000' },
    { name: 'execute and compare roots', value: rates.execute, unit, note: 'senders known from the pool; wanted: 2,000' },
  ];
}

async function benchWithoutEvm(bench: Bench): Promise<BenchRow[]> {
  // Nothing of these is kept, so every round may take the same ones.
  const list = transfers(bench).map((bytes) => decodeTransaction(bytes, bench.params));
  bench.sent -= TRANSFERS;
  const rates = await interleave({
    evm: () => transferRate(bench, list, (tx, environment) => runInEvm(tx, environment, 0n)),
    plain: () => transferRate(bench, list, async (tx, { state, context, fork }) => executeTransfer(tx, state, context, fork)),
  });
  const unit = 'transfers/s';
  return [
    { name: 'execute by runTx, no roots', value: rates.evm, unit },
    { name: 'execute without the EVM, no roots', value: rates.plain, unit, ratio: ratioOf(rates.plain, rates.evm, 'runTx') },
  ];
}

type Run = (tx: Tx & { to: Address }, environment: Environment) => Promise<unknown>;

async function transferRate({ params, state: source, parent }: Bench, list: readonly Tx[], run: Run): Promise<number> {
  const state = new WorldState(source, parent.stateRoot);
  const options = { params, context: parent, randomness: parent.mixHash, state, ancestorHash: () => undefined, pacer: new Pacer() };
  const environment = await openEnvironment(options);
  return rate(async () => {
    for (const tx of list) {
      admit(tx, { state, context: parent, fork: environment.fork, gasUsed: 0n });
      await run({ ...tx, to: present(tx.to, 'a recipient') }, environment);
    }
  });
}

/** Both read, write and hash the same 1,000 accounts, in memory. */
async function benchTrie(): Promise<BenchRow[]> {
  const nodes = new Map<Hash, Uint8Array>();
  const source = { node: (hash: Hash) => nodes.get(hash) };
  const sink = (hash: Hash, bytes: Uint8Array) => nodes.set(hash, bytes);
  const keys = Array.from({ length: TRIE_ACCOUNTS }, (_, i) => keccak256(bigToFixed(BigInt(i), 20)));
  const trie = new Trie(source);
  for (const key of keys) trie.put(key, new Uint8Array(72).fill(1));
  let root = trie.commit(sink);
  const reference = new MerklePatriciaTrie();
  for (const [hash, bytes] of nodes) await reference.database().put(fromHex(hash), bytes);
  reference.root(fromHex(root));
  let round = 0;
  const changes = (): Uint8Array[] =>
    Array.from({ length: TRIE_CHANGES }, (_, i) => present(keys[(i * 97 + round * 13) % TRIE_ACCOUNTS], 'a key'));
  const timesMs = await interleave({
    mpt: async () => {
      round++;
      const value = new Uint8Array(72).fill(round + 1);
      const beganMs = performance.now();
      for (const key of changes()) await reference.put(key, value);
      return performance.now() - beganMs;
    },
    ours: () => {
      const value = new Uint8Array(72).fill(round + 1);
      const beganMs = performance.now();
      const next = new Trie(source, root);
      for (const key of changes()) next.put(key, value);
      root = next.commit(sink);
      const tookMs = performance.now() - beganMs;
      assert(root === toHex(reference.root()), 'both come to the same root');
      return tookMs;
    },
  });
  const speedup = ratioOf(timesMs.mpt, timesMs.ours, 'faster than @ethereumjs/mpt');
  return [
    { name: 'root of 1,000 of 100,000 accounts, @ethereumjs/mpt', value: timesMs.mpt, unit: 'ms' },
    { name: 'root of 1,000 of 100,000 accounts', value: timesMs.ours, unit: 'ms', ratio: speedup },
  ];
}

async function benchRecovery({ params, rich }: Bench): Promise<BenchRow[]> {
  const message = keccak256(Uint8Array.of(1));
  const { r, s, yParity } = decodeTransaction(signed(present(rich[0], 'a sender'), 0, { to: ZERO_ADDRESS }), params);
  const signature = concatBytes(bigToFixed(r, 32), bigToFixed(s, 32));
  const recovered = concatBytes(Uint8Array.of(yParity), signature);
  const wasm = await wasmRecovery();
  const repeat = (count: number, work: () => void) => () =>
    perSecond(count, () => {
      for (let i = 0; i < count; i++) work();
    });
  const rates = await interleave({
    noble: repeat(30, () => secp256k1.recoverPublicKey(recovered, message, { prehash: false })),
    wasm: repeat(200, () => wasm.recover(signature, yParity, message)),
    used: repeat(500, () => recovery.recover(signature, yParity, message)),
  });
  const row = (name: string, value: number): BenchRow => ({ name, value, unit: 'senders/s', ratio: ratioOf(value, rates.noble, 'noble') });
  return [
    row('recover by @noble/curves', rates.noble),
    row(`recover by ${wasm.name}`, rates.wasm),
    row(`recover by ${recovery.name}`, rates.used),
  ];
}

/** Candidates that are all taken. */
function listOf(transactions: readonly Tx[]) {
  let next = 0;
  return { candidates: () => ({ peek: () => transactions[next], take: () => void next++, drop: () => void next++ }) };
}

async function rate(work: () => Promise<void>): Promise<number> {
  const beganMs = performance.now();
  await work();
  return (TRANSFERS * 1_000) / (performance.now() - beganMs);
}

if (import.meta.main) printRows('Execution: plain transfers, state roots, senders', await benchExecution());
