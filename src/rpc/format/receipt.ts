/** Receipts and logs in the JSON form of the Ethereum execution API, as geth gives it. */
import { toQuantity } from '../../base/bytes.ts';
import type { Hash, Json } from '../../base/types.ts';
import { GAS_PER_BLOB } from '../../chain/blobs.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import type { Log, Receipt } from '../../execution/types.ts';
import type { TransactionView } from '../backend.ts';
import { bloomOf } from '../bloom.ts';
import { effectiveGasPrice } from './transaction.ts';

/** A log and where it stands. `logIndex` counts over the whole block. */
export interface LogPlace {
  readonly log: Log;
  readonly block: HeaderNode;
  readonly transactionHash: Hash;
  readonly transactionIndex: number;
  readonly logIndex: number;
}

/** `removed`: the log's block was left by a reorganisation. */
export function logJson(place: LogPlace, removed: boolean): Json {
  const { log, block } = place;
  return {
    address: log.address,
    topics: [...log.topics],
    data: log.data,
    blockNumber: toQuantity(block.header.number),
    transactionHash: place.transactionHash,
    transactionIndex: toQuantity(place.transactionIndex),
    blockHash: block.hash,
    blockTimestamp: toQuantity(block.header.timestamp),
    logIndex: toQuantity(place.logIndex),
    removed,
  };
}

/** What the JSON form weighs, roughly. */
export function logJsonBytes(log: Log): number {
  return 450 + 70 * log.topics.length + log.data.length;
}

/** Where a receipt stands, and what blobs cost there (wei; meaningless where there are none). */
export interface ReceiptPlace {
  readonly block: HeaderNode;
  readonly index: number;
  /** How many logs the block's earlier transactions made. */
  readonly firstLogIndex: number;
  readonly blobGasPrice: bigint;
}

export function receiptJson(receipt: Receipt, tx: TransactionView, { block, index, firstLogIndex, blobGasPrice }: ReceiptPlace): Json {
  const { header } = block;
  return {
    blockHash: block.hash,
    blockNumber: toQuantity(header.number),
    transactionHash: tx.hash,
    transactionIndex: toQuantity(index),
    type: toQuantity(receipt.type),
    // Before byzantium nobody knew whether it succeeded, only what the state was then.
    ...(receipt.postState === undefined ? { status: receipt.success ? '0x1' : '0x0' } : { root: receipt.postState }),
    from: tx.sender,
    to: tx.to,
    contractAddress: receipt.contractAddress,
    gasUsed: toQuantity(receipt.gasUsed),
    cumulativeGasUsed: toQuantity(receipt.cumulativeGasUsed),
    effectiveGasPrice: toQuantity(effectiveGasPrice(tx, header.baseFeePerGas ?? 0n)),
    logs: receipt.logs.map((log, at) =>
      logJson({ log, block, transactionHash: tx.hash, transactionIndex: index, logIndex: firstLogIndex + at }, false),
    ),
    logsBloom: bloomOf(receipt.logs),
    ...(tx.blobs !== undefined && {
      blobGasUsed: toQuantity(BigInt(tx.blobs.versionedHashes.length) * GAS_PER_BLOB),
      blobGasPrice: toQuantity(blobGasPrice),
    }),
  };
}
