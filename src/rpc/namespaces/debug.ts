/** debug_: what transactions do inside, and blocks as bytes (geth's eth/tracers/api.go and internal/ethapi). */
import { EMPTY, toHex } from '../../base/bytes.ts';
import { explain } from '../../base/errors.ts';
import type { Block } from '../../chain/block.ts';
import { decodeEthereumBlock, encodeEthereumBlock } from '../../chain/ethereum-block.ts';
import { isForeign } from '../../chain/foreign-body.ts';
import { encodeHeader } from '../../chain/header.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import { encodeReceipt } from '../../execution/roots.ts';
import type { TraceTarget } from '../../execution/tracing/trace-request.ts';
import type { Backend } from '../backend.ts';
import { type BlockRef, blockNumber, blockRef, findHeader, LATEST } from '../block-ref.ts';
import { callArguments, toCallRequest } from '../call-request.ts';
import { address, count, data, hash, storageKey } from '../codecs.ts';
import { type RpcError, refused } from '../errors.ts';
import { JsonText, type Method, method, optional, required } from '../method.ts';
import { DEFAULT_TRACE, traceCallOptions, traceOptions } from '../trace-options.ts';
import { requestFor, traceable, traceBlock, traceForeignBlock, traceTransaction } from '../tracing.ts';

const options = optional('options', traceOptions, DEFAULT_TRACE);
const MAX_STORAGE_ENTRIES = 4_096;
const STRUCT_LOGS = "an object with gas, failed, returnValue and structLogs, or the named tracer's answer";
const BLOCK_TRACES = 'a list of objects with txHash and result';

export const DEBUG: readonly Method[] = [
  method({
    name: 'debug_traceTransaction',
    doc: 'Executes a mined transaction again on the state before it, and tells what it did.',
    parameters: [required('transactionHash', hash), options],
    result: STRUCT_LOGS,
    run: async (context, transaction, asked) => new JsonText(await traceTransaction(context, transaction, asked)),
  }),
  method({
    name: 'debug_traceBlockByNumber',
    doc: 'Executes a block again and tells what each of its transactions did.',
    parameters: [required('block', blockNumber), options],
    result: BLOCK_TRACES,
    run: async (context, ref, asked) => new JsonText(await traceBlock(context, requireBlock(context.backend, ref), asked, 'named')),
  }),
  method({
    name: 'debug_traceBlockByHash',
    doc: 'Executes a block again and tells what each of its transactions did.',
    parameters: [required('blockHash', hash), options],
    result: BLOCK_TRACES,
    async run(context, blockHash, asked) {
      const node = requireBlock(context.backend, { kind: 'hash', hash: blockHash, requireCanonical: false });
      return new JsonText(await traceBlock(context, node, asked, 'named'));
    },
  }),
  method({
    name: 'debug_traceBlock',
    doc: "Executes a block in Ethereum's encoding on its parent, which must be known, and tells what each of its transactions did.",
    parameters: [required('block', data), options],
    result: BLOCK_TRACES,
    run: async (context, bytes, asked) => new JsonText(await traceForeignBlock(context, decoded(bytes), asked)),
  }),
  method({
    name: 'debug_traceCall',
    doc: 'Runs a call on the state after a block, or before one of its transactions (txIndex), and tells what it did.',
    parameters: [
      required('transaction', callArguments),
      optional('block', blockRef, LATEST),
      optional('options', traceCallOptions, DEFAULT_TRACE),
    ],
    result: STRUCT_LOGS,
    async run(context, call, ref, asked) {
      const { backend } = context;
      if (ref.kind === 'tag' && ref.tag === 'pending') throw refused('trace/pending', 'tracing on top of pending is not supported');
      const node = requireBlock(backend, ref);
      const { stateOverrides, blockOverrides, txIndex } = asked;
      const request = toCallRequest(call, node.header, backend.chainId, {
        ...(stateOverrides !== undefined && { stateOverrides }),
        ...(blockOverrides !== undefined && { blockOverrides }),
      });
      const target: TraceTarget = { kind: 'call', request, after: txIndex === undefined ? null : traceable(backend, node, txIndex) };
      return new JsonText(await backend.evm.trace(requestFor(context, target, asked, 1), context.client));
    },
  }),
  method({
    name: 'debug_storageRangeAt',
    doc: 'The storage of an account before a transaction of a block, by the hashes of the slots, from one of them on.',
    parameters: [
      required('block', blockRef),
      required('transactionIndex', count),
      required('address', address),
      required('start', storageKey),
      required('maxResults', count),
    ],
    result: 'an object with storage, from hashes to key (not known here) and value, and nextKey',
    async run(context, ref, index, account, start, most) {
      const { backend } = context;
      const node = requireBlock(backend, ref);
      const block = traceable(backend, node, Number(index));
      const range = { address: account, start: start.slot, maxEntries: Math.min(Number(most), MAX_STORAGE_ENTRIES) };
      return new JsonText(
        await backend.evm.trace(requestFor(context, { kind: 'storage', block, range }, DEFAULT_TRACE, 1), context.client),
      );
    },
  }),
  method({
    name: 'debug_getRawHeader',
    doc: "A header in Ethereum's encoding.",
    parameters: [required('block', blockRef)],
    result: 'bytes',
    run: ({ backend }, ref) => toHex(encodeHeader(requireBlock(backend, ref).header)),
  }),
  method({
    name: 'debug_getRawBlock',
    doc: "A block in Ethereum's encoding: header, transactions, uncles, withdrawals. What synod's blocks have besides is left out.",
    parameters: [required('block', blockRef)],
    result: 'bytes',
    run({ backend, size }, ref) {
      const node = requireBlock(backend, ref);
      const block = backend.chain.block(node.hash);
      if (block === undefined) throw unknownBlock(ref);
      // A decoder of Ethereum's knows no seal and no payload.
      const bytes = encodeEthereumBlock(isForeign(block.header) ? block : { ...block, seal: EMPTY, payload: EMPTY });
      size.add(2 * bytes.length);
      return toHex(bytes);
    },
  }),
  method({
    name: 'debug_getRawReceipts',
    doc: 'The receipts of a block as its receipts root holds them.',
    parameters: [required('block', blockRef)],
    result: 'a list of bytes',
    run({ backend, size }, ref) {
      const receipts = backend.chain.receipts(requireBlock(backend, ref).hash) ?? [];
      return receipts.map((receipt) => {
        const bytes = encodeReceipt(receipt);
        size.add(2 * bytes.length);
        return toHex(bytes);
      });
    },
  }),
  method({
    name: 'debug_getRawTransaction',
    doc: 'A mined or waiting transaction in its EIP-2718 form.',
    parameters: [required('transactionHash', hash)],
    result: 'bytes; none when the transaction is unknown',
    run({ backend }, transaction) {
      const location = backend.chain.transaction(transaction);
      const mined = location === undefined ? undefined : backend.chain.block(location.blockHash)?.transactions[location.index];
      return toHex(mined ?? backend.pool.get(transaction)?.bytes ?? EMPTY);
    },
  }),
  method({
    name: 'debug_getBadBlocks',
    doc: 'Blocks that were found invalid. This node keeps none of them: the list is empty.',
    result: 'an empty list',
    run: () => [],
  }),
];

/** Throws with geth's sentences. */
function requireBlock(backend: Backend, ref: BlockRef): HeaderNode {
  const node = findHeader(backend.chain, ref);
  if (node === undefined) throw unknownBlock(ref);
  return node;
}

function unknownBlock(ref: BlockRef): RpcError {
  const name = ref.kind === 'hash' ? ref.hash : ref.kind === 'number' ? `#${ref.number}` : ref.tag;
  return refused('rpc/unknown-block', `block ${name} not found`);
}

/** Throws RpcError with geth's sentence. */
function decoded(bytes: Uint8Array): Block {
  try {
    return decodeEthereumBlock(bytes, { foreign: true });
  } catch (error) {
    throw refused('trace/block-encoding', `could not decode block: ${explain(error)}`);
  }
}
