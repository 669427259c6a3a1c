/** Headers and blocks in the JSON form of the Ethereum execution API, as geth gives it. */
import { EMPTY, toQuantity } from '../../base/bytes.ts';
import type { Hash, Json } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { encodeEthereumBlock } from '../../chain/ethereum-block.ts';
import { foreignBody, isForeign, type Withdrawal } from '../../chain/foreign-body.ts';
import { EMPTY_UNCLES_HASH, encodeHeader, type Header, hashHeader } from '../../chain/header.ts';

type Fields = { [key: string]: Json };

export function headerJson(header: Header, hash: Hash): Fields {
  return {
    number: toQuantity(header.number),
    hash,
    parentHash: header.parentHash,
    nonce: header.nonce,
    mixHash: header.mixHash,
    sha3Uncles: header.unclesHash,
    logsBloom: header.logsBloom,
    stateRoot: header.stateRoot,
    miner: header.beneficiary,
    difficulty: toQuantity(header.difficulty),
    extraData: header.extraData,
    gasLimit: toQuantity(header.gasLimit),
    gasUsed: toQuantity(header.gasUsed),
    timestamp: toQuantity(header.timestamp),
    transactionsRoot: header.transactionsRoot,
    receiptsRoot: header.receiptsRoot,
    ...trailingJson(header),
  };
}

/** `transactions` are hashes or whole transactions. */
export function blockJson(block: Block, hash: Hash, transactions: Json[]): Fields {
  // Nothing of the two but in a chain that was made elsewhere; withdrawals are listed where their root is.
  const { uncles, withdrawals } = foreignBody(block);
  return {
    ...headerJson(block.header, hash),
    size: toQuantity(ethereumSize(block)),
    transactions,
    uncles: uncles.map(hashHeader),
    ...(block.header.withdrawalsRoot !== undefined && { withdrawals: withdrawals.map(withdrawalJson) }),
  };
}

/** An uncle as a block of its own, without transactions: so has geth it. */
export function uncleJson(header: Header): Fields {
  const block = { header, seal: EMPTY, payload: EMPTY, transactions: [] };
  return {
    ...headerJson(header, hashHeader(header)),
    size: toQuantity(ethereumSize({ ...block, header: { ...header, unclesHash: EMPTY_UNCLES_HASH } })),
    uncles: [],
  };
}

export function withdrawalJson({ index, validatorIndex, address, amountGwei }: Withdrawal): Fields {
  return { index: toQuantity(index), validatorIndex: toQuantity(validatorIndex), address, amount: toQuantity(amountGwei) };
}

function trailingJson(header: Header): Fields {
  return {
    ...(header.baseFeePerGas !== undefined && { baseFeePerGas: toQuantity(header.baseFeePerGas) }),
    ...(header.withdrawalsRoot !== undefined && { withdrawalsRoot: header.withdrawalsRoot }),
    ...(header.blobGasUsed !== undefined && { blobGasUsed: toQuantity(header.blobGasUsed) }),
    ...(header.excessBlobGas !== undefined && { excessBlobGas: toQuantity(header.excessBlobGas) }),
    ...(header.parentBeaconBlockRoot !== undefined && { parentBeaconBlockRoot: header.parentBeaconBlockRoot }),
    ...(header.requestsHash !== undefined && { requestsHash: header.requestsHash }),
  };
}

/**
 * Bytes of the block in Ethereum's own encoding, [header, transactions, uncles, withdrawals]: what `size` means to
 * clients. Computed from the lengths; nothing is encoded but the header.
 */
export function ethereumSize(block: Block): number {
  if (isForeign(block.header)) return encodeEthereumBlock(block).length;
  const transactions = block.transactions.reduce((sum, bytes) => sum + embeddedLength(bytes), 0);
  const withdrawals = block.header.withdrawalsRoot === undefined ? 0 : rlpLength(0);
  const uncles = rlpLength(0);
  return rlpLength(encodeHeader(block.header).length + rlpLength(transactions) + uncles + withdrawals);
}

/** A legacy transaction is a list already; a typed one stands in the list as a byte string. */
function embeddedLength(transaction: Uint8Array): number {
  const isList = (transaction[0] ?? 0) >= 0xc0;
  return isList ? transaction.length : rlpLength(transaction.length);
}

/** Of an RLP item with a payload of so many bytes: one byte of prefix, and the length itself from 56 on. */
function rlpLength(payloadBytes: number): number {
  if (payloadBytes < 56) return 1 + payloadBytes;
  return 1 + Math.ceil(payloadBytes.toString(16).length / 2) + payloadBytes;
}
