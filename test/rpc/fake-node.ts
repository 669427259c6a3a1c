/** A node in memory behind RPC's Backend: it mines, reorganises and announces like a node, in the same order of events. */
import { privateKeyToAccount } from 'viem/accounts';
import { EMPTY, fromHex, toHex } from '../../src/base/bytes.ts';
import { RuleError } from '../../src/base/errors.ts';
import { Address, type Hash, type Json, NodeId, ZERO_HASH } from '../../src/base/types.ts';
import { EMPTY_TRIE_ROOT } from '../../src/chain/header.ts';
import type { HeaderNode } from '../../src/chain/tree.ts';
import type { CallRequest, CallResult } from '../../src/execution/call-types.ts';
import type { TraceRequest } from '../../src/execution/tracing/trace-request.ts';
import type { Log } from '../../src/execution/types.ts';
import type { Backend, HeadChange, MinerControl, SyncProgress, TransactionView } from '../../src/rpc/backend.ts';
import { CHAIN_ID, FakeChain, type Mined, PARAMS } from './fake-chain.ts';

/** The first of anvil's well-known accounts. */
const account = privateKeyToAccount('0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80');
export const SENDER = Address('0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266');
export const RECIPIENT = Address('0x70997970c51812dc3a010c7d01b50e0d17dc79c8');
export const CONTRACT = Address('0x5fbdb2315678afecb367f032d93f642f64180aa3');
export const CODE = fromHex('0x6001');
export const BALANCE = 10n ** 22n;
const NO_CODE_HASH = '0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470' as Hash;

export class FakeNode implements Backend {
  readonly clientVersion = 'synod/v0.0.0/test';
  readonly chainId = CHAIN_ID;
  readonly params = PARAMS;
  readonly chain = new FakeChain();
  miner: MinerControl | null = null;
  engineName = 'pow';
  /** What the engine was asked, and what it answers. */
  readonly asked: [name: string, values: unknown][] = [];
  engineAnswer: Json = null;
  faults: Backend['faults'] = null;
  progress: SyncProgress | null = null;
  /** What the EVM answers; tests replace it. */
  result: (request: CallRequest) => Promise<CallResult> = async () => ({ returnData: EMPTY, gasUsed: 21_000n, failure: null });
  /** What a tracer answers; tests replace it. */
  traced: (request: TraceRequest) => Promise<string> = async () => '{}';
  /** Every call that reached the EVM. */
  readonly calls: CallRequest[] = [];
  readonly #pending = new Map<Hash, TransactionView>();
  readonly #onHead = new Set<(change: HeadChange) => void>();
  readonly #onTransaction = new Set<(tx: TransactionView) => void>();

  async askEngine(name: string, values?: unknown): Promise<Json> {
    this.asked.push([name, values]);
    return this.engineAnswer;
  }

  get listeners(): number {
    return this.#onHead.size + this.#onTransaction.size;
  }

  /** One block on the head. */
  mine(...transactions: Mined[]): HeaderNode {
    return this.replace(0, [transactions]);
  }

  /** Leaves `depth` blocks and puts these in their place, in one change of head. Answers the new head. */
  replace(depth: number, blocks: readonly (readonly Mined[])[]): HeaderNode {
    const change = this.chain.replace(depth, blocks);
    for (const { bytes } of blocks.flat()) this.#pending.delete(this.chain.decode(bytes).hash);
    for (const listener of this.#onHead) listener(change);
    return change.newHead;
  }

  pend(bytes: Uint8Array): TransactionView {
    const tx = this.chain.decode(bytes);
    this.#pending.set(tx.hash, tx);
    for (const listener of this.#onTransaction) listener(tx);
    return tx;
  }

  readonly state: Backend['state'] = {
    account: ({ number }, address) => {
      if (number === 0) throw new RuleError('state/missing', 'the state of block 0 is not kept.');
      if (address !== SENDER) return undefined;
      return { nonce: this.#nonceAt(number), balance: BALANCE, codeHash: NO_CODE_HASH, storageRoot: EMPTY_TRIE_ROOT };
    },
    // Each slot holds the height, so that a test sees which block was read.
    storage: async ({ number }) => toHex(new Uint8Array(32).fill(number, 31)) as Hash,
    code: (_, address) => (address === CONTRACT ? CODE : EMPTY),
    proof: async (_, _address, slots) => ({
      account: { nonce: 1n, balance: BALANCE, codeHash: NO_CODE_HASH, storageRoot: EMPTY_TRIE_ROOT },
      accountProof: [CODE],
      storage: slots.map((_slot, index) => ({ value: BigInt(index), proof: [CODE] })),
    }),
  };

  readonly evm: Backend['evm'] = {
    call: (request) => this.#execute(request),
    estimateGas: async (request) => {
      const { gasUsed, ...rest } = await this.#execute(request);
      return { ...rest, gas: gasUsed };
    },
    simulate: async () => [],
    buildTestBlock: () => Promise.reject(new RuleError('test/none', 'not here')),
    createAccessList: async (request) => {
      const { gasUsed, failure } = await this.#execute(request);
      return { accessList: [{ address: CONTRACT, storageKeys: [ZERO_HASH] }], gasUsed, failure };
    },
    trace: (request) => this.traced(request),
  };

  readonly pool: Backend['pool'] = {
    minTip: 1n,
    add: (bytes) => {
      const tx = this.chain.decode(bytes);
      if (this.#pending.has(tx.hash)) throw new RuleError('tx/known', 'already known.');
      return this.pend(bytes).hash;
    },
    get: (hash) => this.#pending.get(hash),
    pendingNonce: (address) => this.#nonceAt(this.chain.head.header.number) + BigInt(address === SENDER ? this.#pending.size : 0),
    status: () => ({ pending: this.#pending.size, queued: 0 }),
    content: () => ({
      pending: this.#pending.size === 0 ? new Map() : new Map([[SENDER, [...this.#pending.values()]]]),
      queued: new Map(),
    }),
  };

  readonly network: Backend['network'] = {
    listening: true,
    self: { id: NodeId('self'), addresses: ['/ip4/127.0.0.1/tcp/30303'] },
    peers: () => [
      {
        id: NodeId('peer'),
        agent: 'synod/v0.0.0',
        remoteAddress: '/ip4/127.0.0.1/tcp/4',
        inbound: true,
        head: { number: 0, hash: ZERO_HASH },
      },
    ],
    addPeer: (address) => {
      if (!address.startsWith('/')) throw new RuleError('network/address', 'expected a multiaddr.');
    },
    removePeer: (peer) => peer === 'peer',
  };

  syncing(): SyncProgress | null {
    return this.progress;
  }

  status() {
    return { head: this.chain.head.hash };
  }

  history: Backend['history'] = { intervalMs: 5_000, moments: [] };

  onHead(listener: (change: HeadChange) => void): () => void {
    this.#onHead.add(listener);
    return () => this.#onHead.delete(listener);
  }

  onPendingTransaction(listener: (tx: TransactionView) => void): () => void {
    this.#onTransaction.add(listener);
    return () => this.#onTransaction.delete(listener);
  }

  #execute(request: CallRequest): Promise<CallResult> {
    this.calls.push(request);
    return this.result(request);
  }

  #nonceAt(number: number): bigint {
    let nonce = 0n;
    for (let height = 0; height <= number; height++) {
      nonce += BigInt(this.chain.block(this.chain.at(height).hash)?.transactions.length ?? 0);
    }
    return nonce;
  }
}

/** Signed by SENDER; fields as viem names them. */
export async function sign(fields: Parameters<typeof account.signTransaction>[0]): Promise<Uint8Array> {
  return fromHex(await account.signTransaction(fields));
}

export function transfer(nonce: number, tip = 1_000_000_000n): Promise<Uint8Array> {
  return sign({
    type: 'eip1559',
    chainId: CHAIN_ID,
    nonce,
    to: RECIPIENT,
    value: 5n,
    gas: 21_000n,
    maxFeePerGas: 100_000_000_000n,
    maxPriorityFeePerGas: tip,
  });
}

export function topic(value: number): Hash {
  return toHex(new Uint8Array(32).fill(value)) as Hash;
}

export function log(...topics: number[]): Log {
  return { address: CONTRACT, topics: topics.map(topic), data: '0x01' };
}
