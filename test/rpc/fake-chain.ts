/**
 * A chain in memory behind RPC's ChainAccess: real headers, hashes and signed transactions, and execution by decree (a
 * test says which logs a transaction makes).
 */
import { EMPTY, fromHex, toHex } from '../../src/base/bytes.ts';
import { type Address, type Hash, ZERO_ADDRESS, ZERO_HASH } from '../../src/base/types.ts';
import type { Block } from '../../src/chain/block.ts';
import { EMPTY_NONCE, EMPTY_TRIE_ROOT, EMPTY_UNCLES_HASH, type Header, hashHeader } from '../../src/chain/header.ts';
import type { ChainParams } from '../../src/chain/params.ts';
import { nextBaseFee } from '../../src/chain/rules.ts';
import type { HeaderNode } from '../../src/chain/tree.ts';
import type { Reward } from '../../src/consensus/engine.ts';
import { decodeTransaction } from '../../src/execution/transaction.ts';
import type { Log, Receipt } from '../../src/execution/types.ts';
import type { CanonicalBloom, ChainAccess, HeadChange, KnownBlock, TransactionLocation, TransactionView } from '../../src/rpc/backend.ts';
import { bloomOf } from '../../src/rpc/bloom.ts';

export const CHAIN_ID = 31337;
export const PARAMS: ChainParams = {
  chainId: CHAIN_ID,
  genesisHash: ZERO_HASH,
  forks: [{ fork: 'osaka', time: 0 }],
  engine: { name: 'pow', settings: {} },
};
const GAS_LIMIT = 30_000_000n;
const BLOCK_SECONDS = 12;
export const REWARD = 2n * 10n ** 18n;

/** A transaction and what it is to have done. */
export interface Mined {
  readonly bytes: Uint8Array;
  readonly logs?: readonly Log[];
  readonly success?: boolean;
  readonly gasUsed?: bigint;
  readonly contractAddress?: Address;
}

interface Stored {
  readonly node: HeaderNode;
  readonly block: Block;
  readonly receipts: readonly Receipt[];
}

export class FakeChain implements ChainAccess {
  /** Heights below the head that count as safe and finalized. */
  safeDepth = 1;
  finalizedDepth = 2;
  readonly #stored = new Map<Hash, Stored>();
  readonly #canonical: HeaderNode[] = [];

  constructor() {
    this.#append([], 0);
  }

  get genesis(): HeaderNode {
    return this.at(0);
  }

  get head(): HeaderNode {
    return this.at(this.#canonical.length - 1);
  }

  get safe(): HeaderNode {
    return this.at(Math.max(0, this.#canonical.length - 1 - this.safeDepth));
  }

  get finalized(): HeaderNode {
    return this.at(Math.max(0, this.#canonical.length - 1 - this.finalizedDepth));
  }

  at(number: number): HeaderNode {
    const node = this.#canonical[number];
    if (node === undefined) throw new RangeError(`the fake chain has no block ${number}`);
    return node;
  }

  /** Leaves `depth` blocks and puts these in their place. */
  replace(depth: number, blocks: readonly (readonly Mined[])[]): HeadChange {
    const oldHead = this.head;
    const removed = depth === 0 ? [] : this.#canonical.splice(-depth).reverse();
    // Another time gives another hash to a block with the same content.
    const added = blocks.map((transactions) => this.#append(transactions, depth));
    return { oldHead, newHead: this.head, removed, added };
  }

  header(hash: Hash): HeaderNode | undefined {
    return this.#stored.get(hash)?.node;
  }

  get highest(): number {
    return Math.max(...[...this.#stored.values()].map(({ node }) => node.header.number));
  }

  blocksAt(number: number): KnownBlock[] {
    const nodes = [...this.#stored.values()].map(({ node }) => node).filter(({ header }) => header.number === number);
    return nodes.map((node) => ({ node, status: 'executed' }));
  }

  async *blooms(from: number, to: number): AsyncGenerator<CanonicalBloom> {
    const hashes = Array.from({ length: to - from + 1 }, (_, index) => this.canonical(from + index));
    for (const hash of hashes) {
      const bloom = hash && this.header(hash)?.header.logsBloom;
      if (hash !== undefined && bloom !== undefined) yield { hash, bloom: fromHex(bloom) };
    }
  }

  canonical(number: number): Hash | undefined {
    return this.#canonical[number]?.hash;
  }

  block(hash: Hash): Block | undefined {
    return this.#stored.get(hash)?.block;
  }

  certificate(hash: Hash): Uint8Array | undefined {
    return hash === this.genesis.hash ? undefined : Uint8Array.from([1]);
  }

  receipts(hash: Hash): readonly Receipt[] | undefined {
    return this.#stored.get(hash)?.receipts;
  }

  transaction(hash: Hash): TransactionLocation | undefined {
    for (const { hash: blockHash, header } of this.#canonical) {
      const index = this.block(blockHash)?.transactions.findIndex((bytes) => this.decode(bytes).hash === hash) ?? -1;
      if (index >= 0) return { blockHash, blockNumber: header.number, index };
    }
    return undefined;
  }

  decode(bytes: Uint8Array): TransactionView {
    return decodeTransaction(bytes, PARAMS);
  }

  fees(bytes: Uint8Array): TransactionView {
    return this.decode(bytes);
  }

  rewards({ header }: Pick<Block, 'header'>): readonly Reward[] {
    return [{ to: header.beneficiary, amount: REWARD }];
  }

  nextBaseFee(parent: Header): bigint | undefined {
    return nextBaseFee(parent);
  }

  #append(transactions: readonly Mined[], laterSeconds: number): HeaderNode {
    const parent = this.#canonical.at(-1);
    const receipts = receiptsOf(transactions, (bytes) => this.decode(bytes).type);
    const header = childOf(parent?.header, receipts, laterSeconds);
    const node = { header, hash: hashHeader(header), seal: EMPTY, facts: { weight: BigInt(header.number), carried: 0n } };
    const block = { header, seal: EMPTY, payload: EMPTY, transactions: transactions.map(({ bytes }) => bytes) };
    this.#stored.set(node.hash, { node, block, receipts });
    this.#canonical.push(node);
    return node;
  }
}

function receiptsOf(transactions: readonly Mined[], typeOf: (bytes: Uint8Array) => number): Receipt[] {
  let cumulativeGasUsed = 0n;
  return transactions.map(({ bytes, logs = [], success = true, gasUsed = 21_000n, contractAddress = null }) => {
    cumulativeGasUsed += gasUsed;
    return { type: typeOf(bytes), success, gasUsed, cumulativeGasUsed, logs, contractAddress };
  });
}

function childOf(parent: Header | undefined, receipts: readonly Receipt[], laterSeconds: number): Header {
  const number = parent === undefined ? 0 : parent.number + 1;
  return {
    parentHash: parent === undefined ? ZERO_HASH : hashHeader(parent),
    unclesHash: EMPTY_UNCLES_HASH,
    beneficiary: ZERO_ADDRESS,
    stateRoot: toHex(new Uint8Array(32).fill(number)) as Hash,
    transactionsRoot: EMPTY_TRIE_ROOT,
    receiptsRoot: EMPTY_TRIE_ROOT,
    logsBloom: bloomOf(receipts.flatMap(({ logs }) => logs)),
    difficulty: 1_000n,
    number,
    gasLimit: GAS_LIMIT,
    gasUsed: receipts.at(-1)?.cumulativeGasUsed ?? 0n,
    timestamp: (parent?.timestamp ?? 1_700_000_000) + BLOCK_SECONDS + laterSeconds,
    extraData: '0x',
    mixHash: ZERO_HASH,
    nonce: EMPTY_NONCE,
    baseFeePerGas: parent === undefined ? 1_000_000_000n : nextBaseFee(parent),
    withdrawalsRoot: EMPTY_TRIE_ROOT,
    blobGasUsed: 0n,
    excessBlobGas: 0n,
    parentBeaconBlockRoot: ZERO_HASH,
    requestsHash: ZERO_HASH,
  };
}
