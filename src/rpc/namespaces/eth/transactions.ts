/** eth_: transactions and their receipts. */
import { toHex } from '../../../base/bytes.ts';
import { blockNumber, findHeader, isPending } from '../../block-ref.ts';
import { hash, uint64 } from '../../codecs.ts';
import { transactionJson } from '../../format/transaction.ts';
import { type Method, method, required } from '../../method.ts';
import { pendingTransactions } from '../../pending.ts';
import { findReceipt, findTransaction, minedTransaction, rawTransaction } from '../../transactions.ts';

const transaction = required('transactionHash', hash);
const byHash = required('blockHash', hash);
const byNumber = required('block', blockNumber);
const index = required('index', uint64);

export const TRANSACTION_METHODS: readonly Method[] = [
  method({
    name: 'eth_getTransactionByHash',
    doc: 'A transaction, mined or waiting in the pool.',
    parameters: [transaction],
    result: 'a transaction, or null',
    run: ({ backend, size }, wanted) => findTransaction(backend, wanted, size),
  }),
  method({
    name: 'eth_getTransactionByBlockHashAndIndex',
    doc: 'A transaction by its place in a block.',
    parameters: [byHash, index],
    result: 'a transaction, or null',
    run: ({ backend }, blockHash, at) => minedTransaction(backend, backend.chain.header(blockHash), Number(at)),
  }),
  method({
    name: 'eth_getTransactionByBlockNumberAndIndex',
    doc: 'A transaction by its place in a canonical block.',
    parameters: [byNumber, index],
    result: 'a transaction, or null',
    run({ backend }, ref, at) {
      if (!isPending(ref)) return minedTransaction(backend, findHeader(backend.chain, ref), Number(at));
      const pending = pendingTransactions(backend)[Number(at)];
      return pending === undefined ? null : transactionJson(pending, null);
    },
  }),
  method({
    name: 'eth_getTransactionReceipt',
    doc: 'What a mined transaction did.',
    parameters: [transaction],
    result: 'a receipt, or null',
    run: ({ backend }, wanted) => findReceipt(backend, wanted),
  }),
  method({
    name: 'eth_getRawTransactionByHash',
    doc: 'A transaction in its EIP-2718 form, mined or waiting in the pool.',
    parameters: [transaction],
    result: 'bytes, or null',
    run({ backend }, wanted) {
      const place = backend.chain.transaction(wanted);
      const mined = place === undefined ? undefined : rawTransaction(backend, backend.chain.header(place.blockHash), place.index);
      const bytes = mined ?? backend.pool.get(wanted)?.bytes;
      return bytes === undefined ? null : toHex(bytes);
    },
  }),
  method({
    name: 'eth_getRawTransactionByBlockHashAndIndex',
    doc: 'A transaction in its EIP-2718 form by its place in a block.',
    parameters: [byHash, index],
    result: 'bytes, or null',
    run({ backend }, blockHash, at) {
      const bytes = rawTransaction(backend, backend.chain.header(blockHash), Number(at));
      return bytes === undefined ? null : toHex(bytes);
    },
  }),
  method({
    name: 'eth_getRawTransactionByBlockNumberAndIndex',
    doc: 'A transaction in its EIP-2718 form by its place in a canonical block.',
    parameters: [byNumber, index],
    result: 'bytes, or null',
    run({ backend }, ref, at) {
      const bytes = rawTransaction(backend, findHeader(backend.chain, ref), Number(at));
      return bytes === undefined ? null : toHex(bytes);
    },
  }),
];
