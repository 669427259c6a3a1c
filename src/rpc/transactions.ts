/** Finding transactions and blocks and giving them their JSON form: what several namespaces need alike. */

import { hashOf } from '../base/bytes.ts';
import { keccak256 } from '../base/keccak.ts';
import type { Hash, Json } from '../base/types.ts';
import type { Block } from '../chain/block.ts';
import type { HeaderNode } from '../chain/tree.ts';
import type { Backend } from './backend.ts';
import { blobPrice } from './blob-price.ts';
import { Breather } from './breather.ts';
import { blockJson } from './format/block.ts';
import { logJsonBytes, receiptJson } from './format/receipt.ts';
import { transactionJson, transactionJsonBytes } from './format/transaction.ts';
import type { ReplySize } from './limits.ts';

/** Mined or waiting in the pool; null when it is neither. */
export function findTransaction(backend: Backend, hash: Hash, size: ReplySize): Json {
  const location = backend.chain.transaction(hash);
  if (location !== undefined) {
    const mined = minedTransaction(backend, backend.chain.header(location.blockHash), location.index);
    if (mined !== null) return mined;
  }
  const pending = backend.pool.get(hash);
  if (pending === undefined) return null;
  size.add(transactionJsonBytes(pending));
  return transactionJson(pending, null);
}

/** Null where there is no such block or index. */
export function minedTransaction(backend: Backend, block: HeaderNode | undefined, index: number): Json {
  const bytes = rawTransaction(backend, block, index);
  return bytes === undefined || block === undefined ? null : transactionJson(backend.chain.decode(bytes), { block, index });
}

export function rawTransaction(backend: Backend, block: HeaderNode | undefined, index: number): Uint8Array | undefined {
  return block === undefined ? undefined : backend.chain.block(block.hash)?.transactions[index];
}

/** `full`: whole transactions instead of hashes. */
export async function wholeBlock(backend: Backend, node: HeaderNode, full: boolean, size: ReplySize): Promise<Json> {
  const block = backend.chain.block(node.hash);
  if (block === undefined) return null;
  const transactions = full ? await fullTransactions(backend, node, block, size) : block.transactions.map(transactionHash);
  return blockJson(block, node.hash, transactions);
}

async function fullTransactions(backend: Backend, node: HeaderNode, block: Block, size: ReplySize): Promise<Json[]> {
  const breather = new Breather();
  const transactions: Json[] = [];
  for (const [index, bytes] of block.transactions.entries()) {
    const tx = backend.chain.decode(bytes);
    size.add(transactionJsonBytes(tx));
    transactions.push(transactionJson(tx, { block: node, index }));
    await breather.breathe();
  }
  return transactions;
}

export function findReceipt(backend: Backend, hash: Hash): Json {
  const location = backend.chain.transaction(hash);
  const node = location === undefined ? undefined : backend.chain.header(location.blockHash);
  const bytes = rawTransaction(backend, node, location?.index ?? 0);
  const receipts = node === undefined ? undefined : backend.chain.receipts(node.hash);
  const receipt = receipts?.[location?.index ?? 0];
  if (location === undefined || node === undefined || bytes === undefined || receipts === undefined || receipt === undefined) return null;
  const firstLogIndex = receipts.slice(0, location.index).reduce((sum, { logs }) => sum + logs.length, 0);
  const blobGasPrice = blobPrice(backend.params, node.header);
  return receiptJson(receipt, backend.chain.decode(bytes), { block: node, index: location.index, firstLogIndex, blobGasPrice });
}

/** Those of the block's transactions that are wanted; with an empty set all of them. */
export function receiptsIn({ chain, params }: Backend, node: HeaderNode, wanted: ReadonlySet<Hash>): readonly Json[] {
  const transactions = chain.block(node.hash)?.transactions ?? [];
  const receipts = chain.receipts(node.hash) ?? [];
  const blobGasPrice = blobPrice(params, node.header);
  const found: Json[] = [];
  let firstLogIndex = 0;
  for (const [index, receipt] of receipts.entries()) {
    const bytes = transactions[index];
    if (bytes !== undefined && (wanted.size === 0 || wanted.has(transactionHash(bytes)))) {
      found.push(receiptJson(receipt, chain.decode(bytes), { block: node, index, firstLogIndex, blobGasPrice }));
    }
    firstLogIndex += receipt.logs.length;
  }
  return found;
}

/** Null for a block that is unknown or was never executed. */
export async function blockReceipts(backend: Backend, node: HeaderNode, size: ReplySize): Promise<Json> {
  const breather = new Breather();
  const transactions = backend.chain.block(node.hash)?.transactions;
  const receipts = backend.chain.receipts(node.hash);
  if (transactions === undefined || receipts === undefined) return null;
  const found: Json[] = [];
  const blobGasPrice = blobPrice(backend.params, node.header);
  let firstLogIndex = 0;
  for (const [index, receipt] of receipts.entries()) {
    const bytes = transactions[index];
    if (bytes === undefined) break;
    const json = receiptJson(receipt, backend.chain.decode(bytes), { block: node, index, firstLogIndex, blobGasPrice });
    size.add(1_200 + receipt.logs.reduce((sum, log) => sum + logJsonBytes(log), 0));
    found.push(json);
    firstLogIndex += receipt.logs.length;
    await breather.breathe();
  }
  return found;
}

export function transactionHash(bytes: Uint8Array): Hash {
  return hashOf(keccak256(bytes));
}
