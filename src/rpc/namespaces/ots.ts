/**
 * ots_: what the explorer Otterscan asks of its node, level 8 of its interface. There is no index of addresses: searches
 * read the chain, within bounds (`address-search.ts`).
 */
import { toQuantity } from '../../base/bytes.ts';
import type { Json } from '../../base/types.ts';
import type { ListedFrame } from '../../execution/tracing/frame-lister.ts';
import { type FoundPage, type FoundTransaction, searchTransactions } from '../address-search.ts';
import type { Backend } from '../backend.ts';
import { blobPrice } from '../blob-price.ts';
import { blockNumber, blockRef, findHeader, LATEST, orHeight, requireHeader } from '../block-ref.ts';
import { address, type Codec, count, hash, isObject, mismatch } from '../codecs.ts';
import { findCreator } from '../contract-creator.ts';
import { blockDetails, blockPage } from '../explorer-block.ts';
import { receiptJson } from '../format/receipt.ts';
import { transactionJson } from '../format/transaction.ts';
import { effective, framesOf } from '../frames.ts';
import { type Method, method, optional, required } from '../method.ts';
import { findBySenderAndNonce } from '../sender-nonce.ts';

const API_LEVEL = 8;
const MAX_PAGE = 1_000;

const transactionHash = required('transactionHash', hash);
const who = required('address', address);
const height = required('block', orHeight(blockNumber));
const number = required('blockNumber', count);
const pageSize: Codec<number> = {
  expected: `a page size from 1 to ${MAX_PAGE}`,
  decode(value, place) {
    const size = Number(count.decode(value, place));
    if (size < 1 || size > MAX_PAGE) throw mismatch(place, pageSize.expected, value);
    return size;
  },
};
const size = required('pageSize', pageSize);
const FOUND = 'an object with txs, receipts, firstPage and lastPage; the newest first';

/** Otterscan's numbers for what happens inside a transaction. */
const OPERATIONS: ReadonlyMap<ListedFrame['type'], number> = new Map([
  ['CALL', 0],
  ['SELFDESTRUCT', 1],
  ['CREATE', 2],
  ['CREATE2', 3],
]);

export const OTS: readonly Method[] = [
  method({
    name: 'ots_getApiLevel',
    doc: 'Which methods of this namespace there are.',
    result: 'a number',
    run: () => API_LEVEL,
  }),
  method({
    name: 'ots_hasCode',
    doc: 'Whether an address has code after a block.',
    parameters: [who, optional('block', orHeight(blockRef), LATEST)],
    result: 'true or false',
    run: async ({ backend }, account, ref) => (await backend.state.code(requireHeader(backend.chain, ref).header, account)).length > 0,
  }),
  method({
    name: 'ots_getInternalOperations',
    doc: 'What moved value or made and destroyed contracts inside a transaction, without the transaction itself.',
    parameters: [transactionHash],
    result: 'a list of objects with type (0 transfer, 1 self-destruct, 2 create, 3 create2), from, to and value',
    async run(context, transaction) {
      const inside = effective(await framesOf(context, transaction)).filter(({ depth }) => depth > 0);
      return inside.flatMap((frame): Json[] => {
        const type = OPERATIONS.get(frame.type);
        const movesNothing = frame.type === 'CALL' && frame.value === '0x0';
        if (type === undefined || movesNothing) return [];
        return [{ type, from: frame.from, to: frame.to, value: frame.value ?? '0x0' }];
      });
    },
  }),
  method({
    name: 'ots_getTransactionError',
    doc: 'What a transaction that reverted returned.',
    parameters: [transactionHash],
    result: 'bytes; none when it succeeded or failed in another way',
    async run(context, transaction) {
      const [top] = await framesOf(context, transaction);
      return top === undefined || top.error === null ? '0x' : top.output;
    },
  }),
  method({
    name: 'ots_traceTransaction',
    doc: 'Every call of a transaction, in order, with its depth.',
    parameters: [transactionHash],
    result: 'a list of objects with type, depth, from, to, value, input and output',
    run: async (context, transaction) =>
      (await framesOf(context, transaction)).map(({ type, depth, from, to, value, input, output }) => {
        return { type, depth, from, to, value, input, output };
      }),
  }),
  method({
    name: 'ots_getBlockDetails',
    doc: 'A block without its transactions, with what it paid.',
    parameters: [height],
    result: 'an object with block, issuance and totalFees, or null',
    run: ({ backend }, ref) => blockDetails(backend, findHeader(backend.chain, ref)),
  }),
  method({
    name: 'ots_getBlockDetailsByHash',
    doc: 'A block without its transactions, with what it paid.',
    parameters: [required('blockHash', hash)],
    result: 'an object with block, issuance and totalFees, or null',
    run: ({ backend }, blockHash) => blockDetails(backend, backend.chain.header(blockHash)),
  }),
  method({
    name: 'ots_getBlockTransactions',
    doc: 'A page of the transactions of a block, page 0 being its last ones; input is cut to the selector, receipts have no logs.',
    parameters: [height, required('page', count), size],
    result: 'an object with fullblock and receipts, or null',
    run: ({ backend, size: reply }, ref, page, pageLength) =>
      blockPage(backend, findHeader(backend.chain, ref), Number(page), pageLength, reply),
  }),
  method({
    name: 'ots_searchTransactionsBefore',
    doc: 'Transactions of an address below a block (0: from the head down). Blocks are read one by one, 100,000 and ten seconds at the most.',
    parameters: [who, number, size],
    result: FOUND,
    async run({ backend }, account, before, pageLength) {
      const head = backend.chain.head.header.number;
      const from = before === 0n ? head : Math.min(head, Number(before) - 1);
      const page = await searchTransactions(backend, { address: account, from, direction: 'down', pageSize: pageLength });
      return pageJson(backend, page.found, { firstPage: before === 0n, lastPage: page.exhausted });
    },
  }),
  method({
    name: 'ots_searchTransactionsAfter',
    doc: 'Transactions of an address above a block (0: from genesis up). Blocks are read one by one, 100,000 and ten seconds at the most.',
    parameters: [who, number, size],
    result: FOUND,
    async run({ backend }, account, after, pageLength) {
      const from = Number(after) + 1;
      const page: FoundPage = await searchTransactions(backend, { address: account, from, direction: 'up', pageSize: pageLength });
      return pageJson(backend, page.found.toReversed(), { firstPage: page.exhausted, lastPage: after === 0n });
    },
  }),
  method({
    name: 'ots_getTransactionBySenderAndNonce',
    doc: 'The transaction that a sender sent with a nonce, found by halving over the states that are kept.',
    parameters: [required('sender', address), required('nonce', count)],
    result: 'a transaction hash, or null',
    run: ({ backend }, sender, nonce) => findBySenderAndNonce(backend, sender, nonce),
  }),
  method({
    name: 'ots_getContractCreator',
    doc: 'Who made a contract and in which transaction, found by halving over the states that are kept.',
    parameters: [who],
    result: 'an object with hash and creator, or null',
    async run(context, contract) {
      const creation = await findCreator(context, contract);
      return creation === null ? null : { hash: creation.hash, creator: creation.creator };
    },
  }),
];

interface PageEnds {
  readonly firstPage: boolean;
  readonly lastPage: boolean;
}

function pageJson(backend: Backend, found: readonly FoundTransaction[], ends: PageEnds): Json {
  return {
    txs: found.map(({ tx, block, index }) => transactionJson(tx, { block, index })),
    receipts: found.map(({ receipt, tx, block, index, firstLogIndex }) => {
      const blobGasPrice = blobPrice(backend.params, block.header);
      const json = receiptJson(receipt, tx, { block, index, firstLogIndex, blobGasPrice });
      return { ...(isObject(json) && json), timestamp: toQuantity(block.header.timestamp) };
    }),
    firstPage: ends.firstPage,
    lastPage: ends.lastPage,
  };
}
