/** eth_: the chain and its blocks. */
import { toQuantity } from '../../../base/bytes.ts';
import type { Json } from '../../../base/types.ts';
import { foreignBody } from '../../../chain/foreign-body.ts';
import type { Header } from '../../../chain/header.ts';
import type { HeaderNode } from '../../../chain/tree.ts';
import type { Backend } from '../../backend.ts';
import { blockNumber, blockRef, findHeader, isPending } from '../../block-ref.ts';
import { boolean, hash, uint64 } from '../../codecs.ts';
import { headerJson, uncleJson } from '../../format/block.ts';
import { type Method, method, required } from '../../method.ts';
import { pendingBlock, pendingTransactions } from '../../pending.ts';
import { blockReceipts, wholeBlock } from '../../transactions.ts';

const full = required('full', boolean);
const number = required('block', blockNumber);
const byHash = required('blockHash', hash);

export const CHAIN_METHODS: readonly Method[] = [
  method({
    name: 'eth_chainId',
    doc: 'The chain id that transactions are signed for (EIP-155).',
    result: 'quantity',
    run: ({ backend }) => toQuantity(backend.chainId),
  }),
  method({
    name: 'eth_blockNumber',
    doc: 'The height of the canonical head.',
    result: 'quantity',
    run: ({ backend }) => toQuantity(backend.chain.head.header.number),
  }),
  method({
    name: 'eth_syncing',
    doc: 'False when the node is level with its peers, else how far it is.',
    result: 'false, or an object with startingBlock, currentBlock and highestBlock',
    run({ backend }) {
      const progress = backend.syncing();
      if (progress === null) return false;
      const { startingBlock, currentBlock, highestBlock } = progress;
      return {
        startingBlock: toQuantity(startingBlock),
        currentBlock: toQuantity(currentBlock),
        highestBlock: toQuantity(highestBlock),
      };
    },
  }),
  method({
    name: 'eth_getBlockByNumber',
    doc: 'A canonical block by height or tag.',
    parameters: [number, full],
    result: 'a block with transactions (full) or their hashes, or null',
    run({ backend, size }, ref, isFull) {
      if (isPending(ref)) return pendingBlock(backend, isFull, size);
      const node = findHeader(backend.chain, ref);
      return node === undefined ? null : wholeBlock(backend, node, isFull, size);
    },
  }),
  method({
    name: 'eth_getBlockByHash',
    doc: 'A block by its hash, canonical or not.',
    parameters: [byHash, full],
    result: 'a block with transactions (full) or their hashes, or null',
    run({ backend, size }, blockHash, isFull) {
      const node = backend.chain.header(blockHash);
      return node === undefined ? null : wholeBlock(backend, node, isFull, size);
    },
  }),
  method({
    name: 'eth_getBlockReceipts',
    doc: 'All receipts of a block, in the order of its transactions.',
    parameters: [required('block', blockRef)],
    result: 'a list of receipts, or null',
    run({ backend, size }, ref) {
      const node = findHeader(backend.chain, ref);
      return node === undefined ? null : blockReceipts(backend, node, size);
    },
  }),
  method({
    name: 'eth_getBlockTransactionCountByNumber',
    doc: 'How many transactions a block has.',
    parameters: [number],
    result: 'quantity, or null',
    run: ({ backend }, ref) =>
      isPending(ref) ? toQuantity(pendingTransactions(backend).length) : countTransactions(backend, findHeader(backend.chain, ref)),
  }),
  method({
    name: 'eth_getBlockTransactionCountByHash',
    doc: 'How many transactions a block has.',
    parameters: [byHash],
    result: 'quantity, or null',
    run: ({ backend }, blockHash) => countTransactions(backend, backend.chain.header(blockHash)),
  }),
  method({
    name: 'eth_getHeaderByNumber',
    doc: "A canonical block's header by height or tag.",
    parameters: [number],
    result: 'a header, or null',
    run: ({ backend }, ref) => headerOrNull(findHeader(backend.chain, ref)),
  }),
  method({
    name: 'eth_getHeaderByHash',
    doc: "A block's header by its hash, canonical or not.",
    parameters: [byHash],
    result: 'a header, or null',
    run: ({ backend }, blockHash) => headerOrNull(backend.chain.header(blockHash)),
  }),
  method({
    name: 'eth_getUncleCountByBlockNumber',
    doc: "How many uncles a block has: none in synod's own networks.",
    parameters: [number],
    result: 'quantity, or null',
    run: ({ backend }, ref) => countUncles(backend, findHeader(backend.chain, ref)),
  }),
  method({
    name: 'eth_getUncleCountByBlockHash',
    doc: "How many uncles a block has: none in synod's own networks.",
    parameters: [byHash],
    result: 'quantity, or null',
    run: ({ backend }, blockHash) => countUncles(backend, backend.chain.header(blockHash)),
  }),
  method({
    name: 'eth_getUncleByBlockNumberAndIndex',
    doc: "An uncle of a block: there are none in synod's own networks.",
    parameters: [number, required('index', uint64)],
    result: 'a block without transactions, or null',
    run: ({ backend }, ref, index) => uncleOrNull(backend, findHeader(backend.chain, ref), index),
  }),
  method({
    name: 'eth_getUncleByBlockHashAndIndex',
    doc: "An uncle of a block: there are none in synod's own networks.",
    parameters: [byHash, required('index', uint64)],
    result: 'a block without transactions, or null',
    run: ({ backend }, blockHash, index) => uncleOrNull(backend, backend.chain.header(blockHash), index),
  }),
  method({
    name: 'eth_accounts',
    doc: 'Always empty: the node keeps no keys; sign in the wallet and send raw transactions.',
    result: 'a list of addresses',
    run: () => [],
  }),
  method({
    name: 'eth_coinbase',
    doc: "Where this node's block rewards go.",
    result: 'address',
    available: ({ miner }) => miner !== null,
    run: ({ backend }) => backend.miner?.status().beneficiary ?? null,
  }),
  method({
    name: 'eth_mining',
    doc: 'Whether this node mines.',
    result: 'boolean',
    run: ({ backend }) => backend.miner?.status().mining ?? false,
  }),
  method({
    name: 'eth_hashrate',
    doc: 'Hashes a second of this node.',
    result: 'quantity',
    run: ({ backend }) => toQuantity(Math.round(backend.miner?.status().hashrate ?? 0)),
  }),
];

function countTransactions({ chain }: Backend, node: HeaderNode | undefined): Json {
  const block = node === undefined ? undefined : chain.block(node.hash);
  return block === undefined ? null : toQuantity(block.transactions.length);
}

function headerOrNull(node: HeaderNode | undefined): Json {
  return node === undefined ? null : headerJson(node.header, node.hash);
}

function unclesOf({ chain }: Backend, node: HeaderNode | undefined): readonly Header[] | undefined {
  const block = node === undefined ? undefined : chain.block(node.hash);
  return block && foreignBody(block).uncles;
}

function countUncles(backend: Backend, node: HeaderNode | undefined): Json {
  const uncles = unclesOf(backend, node);
  return uncles === undefined ? null : toQuantity(uncles.length);
}

function uncleOrNull(backend: Backend, node: HeaderNode | undefined, index: bigint): Json {
  const uncle = unclesOf(backend, node)?.[Number(index)];
  return uncle === undefined ? null : uncleJson(uncle);
}
