/** Small blocks with what their execution would produce, for tests that need a chain and not an EVM. */
import { keccak_256 } from '@noble/hashes/sha3.js';
import { EMPTY, toHex } from '../../src/base/bytes.ts';
import { type Address, Hash, ZERO_ADDRESS, ZERO_HASH } from '../../src/base/types.ts';
import { type Block, payloadCommitment } from '../../src/chain/block.ts';
import { EMPTY_BLOOM, EMPTY_NONCE, EMPTY_TRIE_ROOT, EMPTY_UNCLES_HASH, type Header, hashHeader } from '../../src/chain/header.ts';
import type { Facts } from '../../src/chain/tree.ts';
import type { Execution, Receipt } from '../../src/execution/types.ts';

export interface BuiltBlock {
  readonly hash: Hash;
  readonly block: Block;
  readonly facts: Facts;
  readonly execution: Execution;
}

export interface BlockOptions {
  /** Tells apart children of one parent. */
  readonly salt?: number;
  /** Opaque bytes are enough: nothing here decodes them. */
  readonly transactions?: readonly Uint8Array[];
  readonly payload?: Uint8Array;
  /** Each transaction leaves one log, and the header has a bloom that is not empty. */
  readonly logs?: boolean;
  readonly header?: Partial<Header>;
}

const CONTRACT = `0x${'c0'.repeat(20)}` as Address;

/** A genesis block with one state node and one piece of code. */
export function buildGenesis(options: BlockOptions = {}): BuiltBlock {
  return build(null, options);
}

/** A valid-looking child: linked, one second later, with a state root of its own. */
export function buildChild(parent: BuiltBlock, options: BlockOptions = {}): BuiltBlock {
  return build(parent, options);
}

/** `length` blocks in a row, the first on `parent`. */
export function buildChain(parent: BuiltBlock, length: number, options: (index: number) => BlockOptions = () => ({})): BuiltBlock[] {
  const chain: BuiltBlock[] = [];
  for (let i = 0; i < length; i++) chain.push(buildChild(chain.at(-1) ?? parent, options(i)));
  return chain;
}

/** Distinct opaque bytes that stand for a transaction. */
export function fakeTransaction(seed: number, bytes = 64): Uint8Array {
  const transaction = new Uint8Array(bytes).fill(seed & 0xff);
  new DataView(transaction.buffer).setUint32(0, seed);
  return transaction;
}

export function transactionHashOf(transaction: Uint8Array): Hash {
  return keccakOf(transaction);
}

function build(parent: BuiltBlock | null, options: BlockOptions): BuiltBlock {
  const { salt = 0, transactions = [], payload = EMPTY, logs = false } = options;
  const number = parent === null ? 0 : parent.block.header.number + 1;
  const parentHash = parent === null ? ZERO_HASH : parent.hash;
  const stateNode = Uint8Array.from(Buffer.from(`state of ${number} ${salt} on ${parentHash}`));
  const code = Uint8Array.from(Buffer.from(`code of ${number} ${salt} on ${parentHash}`));
  const header: Header = {
    parentHash,
    unclesHash: EMPTY_UNCLES_HASH,
    beneficiary: ZERO_ADDRESS,
    stateRoot: keccakOf(stateNode),
    transactionsRoot:
      transactions.length === 0 ? EMPTY_TRIE_ROOT : keccakOf(Buffer.concat(transactions.map((transaction) => transaction.subarray(0, 64)))),
    receiptsRoot: EMPTY_TRIE_ROOT,
    logsBloom: logs ? `0x${'a5'.repeat(256)}` : EMPTY_BLOOM,
    difficulty: 1n,
    number,
    gasLimit: 30_000_000n,
    gasUsed: 21_000n * BigInt(transactions.length),
    timestamp: 1_700_000_000 + number,
    extraData: payloadCommitment(payload),
    mixHash: ZERO_HASH,
    nonce: EMPTY_NONCE,
    baseFeePerGas: 1_000_000_000n,
    ...options.header,
  };
  const block: Block = { header, seal: Uint8Array.of(salt & 0xff), transactions, payload };
  const execution: Execution = {
    receipts: transactions.map((_, index) => receiptOf(index, logs)),
    nodes: new Map([[keccakOf(stateNode), stateNode]]),
    codes: new Map([[keccakOf(code), code]]),
  };
  const facts = { weight: (parent?.facts.weight ?? 0n) + header.difficulty, carried: BigInt(-salt) };
  return { hash: hashHeader(header), block, facts, execution };
}

function receiptOf(index: number, logs: boolean): Receipt {
  return {
    type: 2,
    success: index % 2 === 0,
    gasUsed: 21_000n,
    cumulativeGasUsed: 21_000n * BigInt(index + 1),
    logs: logs ? [{ address: CONTRACT, topics: [keccakOf(Uint8Array.of(index))], data: '0x0102' }] : [],
    contractAddress: index % 3 === 2 ? CONTRACT : null,
  };
}

function keccakOf(bytes: Uint8Array): Hash {
  return Hash(toHex(keccak_256(bytes)));
}
