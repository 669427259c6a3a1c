/**
 * The pending block as far as it can be known without executing it: what the next block would stand on and cost, and
 * the pool's executable transactions that fit it. It has no hash, nonce and miner yet, which are null as geth has them,
 * and nothing is executed: no gas, no logs, and the state of the head, which is also what `pending` means to calls.
 */
import { type Json, ZERO_ADDRESS, ZERO_HASH } from '../base/types.ts';
import { EMPTY_BLOOM, EMPTY_TRIE_ROOT, EMPTY_UNCLES_HASH, type Header } from '../chain/header.ts';
import type { Backend, TransactionView } from './backend.ts';
import { blockJson } from './format/block.ts';
import { transactionJson, transactionJsonBytes } from './format/transaction.ts';
import type { ReplySize } from './limits.ts';

/** Each sender's in the order of nonces. */
export function pendingTransactions(backend: Backend): TransactionView[] {
  const { gasLimit } = backend.chain.head.header;
  const fitting: TransactionView[] = [];
  let gas = 0n;
  for (const transactions of backend.pool.content().pending.values()) {
    for (const tx of transactions) {
      if (gas + tx.gasLimit > gasLimit) break;
      gas += tx.gasLimit;
      fitting.push(tx);
    }
  }
  return fitting;
}

export function pendingBlock(backend: Backend, full: boolean, size: ReplySize): Json {
  const transactions = pendingTransactions(backend);
  const block = {
    header: pendingHeader(backend),
    seal: new Uint8Array(0),
    payload: new Uint8Array(0),
    transactions: transactions.map(({ bytes }) => bytes),
  };
  const listed = transactions.map((tx): Json => {
    if (!full) return tx.hash;
    size.add(transactionJsonBytes(tx));
    return transactionJson(tx, null);
  });
  return { ...blockJson(block, ZERO_HASH, listed), hash: null, nonce: null, miner: null };
}

function pendingHeader({ chain }: Backend): Header {
  const { hash, header } = chain.head;
  const baseFeePerGas = chain.nextBaseFee(header);
  return {
    ...header,
    parentHash: hash,
    number: header.number + 1,
    timestamp: header.timestamp + 1,
    unclesHash: EMPTY_UNCLES_HASH,
    beneficiary: ZERO_ADDRESS,
    gasUsed: 0n,
    logsBloom: EMPTY_BLOOM,
    receiptsRoot: EMPTY_TRIE_ROOT,
    // Zero says "not known yet" where clients do not accept null.
    transactionsRoot: ZERO_HASH,
    mixHash: ZERO_HASH,
    extraData: '0x',
    ...(baseFeePerGas !== undefined && { baseFeePerGas }),
  };
}
