/** Transactions in the JSON form of the Ethereum execution API, as geth gives it. */
import { toHex, toQuantity } from '../../base/bytes.ts';
import type { Json } from '../../base/types.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import type { TransactionView } from '../backend.ts';

const LEGACY = 0;
const ACCESS_LIST = 1;
const SET_CODE = 4;

/** Where a mined transaction stands; null for a pending one. */
export interface Position {
  readonly block: HeaderNode;
  readonly index: number;
}

export function transactionJson(tx: TransactionView, position: Position | null): Json {
  return {
    ...positionJson(position),
    hash: tx.hash,
    type: toQuantity(tx.type),
    ...(tx.chainId !== null && { chainId: toQuantity(tx.chainId) }),
    from: tx.sender,
    nonce: toQuantity(tx.nonce),
    gas: toQuantity(tx.gasLimit),
    ...priceJson(tx, position),
    to: tx.to,
    value: toQuantity(tx.value),
    input: toHex(tx.data),
    ...listsJson(tx),
    v: toQuantity(tx.v),
    r: toQuantity(tx.r),
    s: toQuantity(tx.s),
    ...(tx.type !== LEGACY && { yParity: toQuantity(tx.yParity) }),
  };
}

/** What the JSON form weighs, roughly: everything but the data and the lists is of nearly fixed size. */
export function transactionJsonBytes(tx: TransactionView): number {
  return 700 + 3 * tx.bytes.length;
}

/** Wei per gas that the sender pays in a block with this base fee (EIP-1559). */
export function effectiveGasPrice(tx: Pick<TransactionView, 'maxFeePerGas' | 'maxPriorityFeePerGas'>, baseFee: bigint): bigint {
  return baseFee + effectiveTip(tx, baseFee);
}

/** The part of it that the block's beneficiary gets. */
export function effectiveTip(tx: Pick<TransactionView, 'maxFeePerGas' | 'maxPriorityFeePerGas'>, baseFee: bigint): bigint {
  const room = tx.maxFeePerGas - baseFee;
  if (room < tx.maxPriorityFeePerGas) return room;
  return tx.maxPriorityFeePerGas;
}

function positionJson(position: Position | null): { [key: string]: Json } {
  if (position === null) return { blockHash: null, blockNumber: null, blockTimestamp: null, transactionIndex: null };
  const { block, index } = position;
  return {
    blockHash: block.hash,
    blockNumber: toQuantity(block.header.number),
    blockTimestamp: toQuantity(block.header.timestamp),
    transactionIndex: toQuantity(index),
  };
}

/** `gasPrice` is what a mined transaction paid and what a pending one pays at most. */
function priceJson(tx: TransactionView, position: Position | null): { [key: string]: Json } {
  if (tx.gasPrice !== null) return { gasPrice: toQuantity(tx.gasPrice) };
  const price = position === null ? tx.maxFeePerGas : effectiveGasPrice(tx, position.block.header.baseFeePerGas ?? 0n);
  return {
    gasPrice: toQuantity(price),
    maxFeePerGas: toQuantity(tx.maxFeePerGas),
    maxPriorityFeePerGas: toQuantity(tx.maxPriorityFeePerGas),
  };
}

function listsJson(tx: TransactionView): { [key: string]: Json } {
  return {
    ...(tx.type >= ACCESS_LIST && {
      accessList: tx.accessList.map(({ address, storageKeys }) => ({ address, storageKeys: [...storageKeys] })),
    }),
    ...(tx.blobs !== undefined && {
      maxFeePerBlobGas: toQuantity(tx.blobs.maxFeePerBlobGas),
      blobVersionedHashes: [...tx.blobs.versionedHashes],
    }),
    ...(tx.type === SET_CODE && {
      authorizationList: tx.authorizationList.map((authorization) => ({
        chainId: toQuantity(authorization.chainId),
        address: authorization.address,
        nonce: toQuantity(authorization.nonce),
        yParity: toQuantity(authorization.yParity),
        r: toQuantity(authorization.r),
        s: toQuantity(authorization.s),
      })),
    }),
  };
}
