/**
 * trace_: calls in the flat form that Parity introduced and indexers read (The Graph's call handlers). The outermost call
 * counts its gas without the intrinsic part, as there. Traces are made from execution; nothing is indexed.
 */
import { toQuantity } from '../../base/bytes.ts';
import type { Address, Json } from '../../base/types.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import type { TracerSpec } from '../../execution/tracing/tracers.ts';
import type { Backend } from '../backend.ts';
import { type BlockRef, blockNumber, blockRef, findHeader, LATEST, orHeight, requireHeader } from '../block-ref.ts';
import { callArguments, toCallRequest } from '../call-request.ts';
import { address, type Codec, count, hash, list, mismatch, object, text } from '../codecs.ts';
import { invalidParams, limitExceeded, refused, timedOut } from '../errors.ts';
import { JsonText, type Method, method, optional, required } from '../method.ts';
import { requestFor, type Tracing, traceBlock, traceTransaction } from '../tracing.ts';

const FLAT: TracerSpec = {
  name: 'flatCallTracer',
  options: { convertParityErrors: true, includePrecompiles: false, parity: true },
};
const KINDS = ['trace', 'stateDiff', 'vmTrace'] as const;
const MAX_FILTER_BLOCKS = 100;
const MAX_FILTER_ADDRESSES = 1_000;
/** Of one block, when a filter looks into it here. */
const MAX_FILTER_BYTES = 4_000_000;
const TRACES = 'a list of traces';
const REPLAY = 'an object with output, trace, stateDiff and vmTrace';

const kind: Codec<(typeof KINDS)[number]> = {
  expected: `one of ${KINDS.join(', ')}`,
  decode(value, place) {
    const name = text.decode(value, place);
    const known = KINDS.find((candidate) => candidate === name);
    if (known === undefined) throw mismatch(place, kind.expected, value);
    return known;
  },
};
const kinds = required('traceTypes', list(kind, KINDS.length));
const transactionHash = required('transactionHash', hash);
const block = required('block', orHeight(blockRef));

const filterFields = object('a trace filter', {
  fromBlock: orHeight(blockNumber),
  toBlock: orHeight(blockNumber),
  fromAddress: list(address, MAX_FILTER_ADDRESSES),
  toAddress: list(address, MAX_FILTER_ADDRESSES),
  after: count,
  count,
  mode: text,
});

export const TRACE: readonly Method[] = [
  method({
    name: 'trace_block',
    doc: 'The calls of all transactions of a block, and its rewards.',
    parameters: [block],
    result: TRACES,
    async run(context, ref) {
      const node = requireHeader(context.backend.chain, ref);
      const calls = node.header.number === 0 ? '[]' : await traceBlock(context, node, { tracer: FLAT }, 'flat');
      return new JsonText(joined(calls, JSON.stringify(rewardTraces(context.backend, node))));
    },
  }),
  method({
    name: 'trace_transaction',
    doc: 'The calls of a transaction.',
    parameters: [transactionHash],
    result: `${TRACES}, or null`,
    async run(context, transaction) {
      if (context.backend.chain.transaction(transaction) === undefined) return null;
      return new JsonText(await traceTransaction(context, transaction, { tracer: FLAT }));
    },
  }),
  method({
    name: 'trace_get',
    doc: 'One call of a transaction, by its place in the tree of calls.',
    parameters: [transactionHash, required('indices', list(count, 1_024))],
    result: 'a trace, or null',
    async run(context, transaction, indices) {
      if (context.backend.chain.transaction(transaction) === undefined) return null;
      const traces: readonly FlatTrace[] = JSON.parse(
        await traceTransaction(context, transaction, { tracer: FLAT, maxBytes: MAX_FILTER_BYTES }),
      );
      return traces.find(({ traceAddress }) => String(traceAddress) === String(indices)) ?? null;
    },
  }),
  method({
    name: 'trace_filter',
    doc: `The calls in a range of blocks (${MAX_FILTER_BLOCKS} at the most) from and to some addresses; the blocks are executed again.`,
    parameters: [required('filter', filterFields)],
    result: TRACES,
    run(context, { fromBlock = LATEST, toBlock = LATEST, fromAddress, toAddress, after = 0n, count: most, mode = 'union' }) {
      if (mode !== 'union' && mode !== 'intersection') {
        throw invalidParams("invalid argument 0: filter.mode: expected 'union' or 'intersection'");
      }
      const wanted = { from: new Set(fromAddress ?? []), to: new Set(toAddress ?? []), both: mode === 'intersection' };
      const page = { after: Number(after), count: most === undefined ? undefined : Number(most) };
      return filterTraces(context, { fromBlock, toBlock }, wanted, page);
    },
  }),
  method({
    name: 'trace_call',
    doc: 'Runs a call on the state after a block and tells what it did; nothing is kept.',
    parameters: [required('transaction', callArguments), kinds, optional('block', orHeight(blockRef), LATEST)],
    result: REPLAY,
    async run(context, call, types, ref) {
      const { header } = requireHeader(context.backend.chain, ref);
      const request = toCallRequest(call, header, context.backend.chainId, {});
      const target = { kind: 'call', request, after: null } as const;
      return new JsonText(await context.backend.evm.trace(requestFor(context, target, { tracer: replay(types) }, 1), context.client));
    },
  }),
  method({
    name: 'trace_replayTransaction',
    doc: 'Executes a mined transaction again: its calls, its changes of state, its steps.',
    parameters: [transactionHash, kinds],
    result: REPLAY,
    run: async (context, transaction, types) => new JsonText(await traceTransaction(context, transaction, { tracer: replay(types) })),
  }),
  method({
    name: 'trace_replayBlockTransactions',
    doc: 'Executes a block again: of each transaction its calls, its changes of state, its steps.',
    parameters: [block, kinds],
    result: `a list: for each transaction ${REPLAY} and transactionHash`,
    async run(context, ref, types) {
      const node = requireHeader(context.backend.chain, ref);
      return new JsonText(await traceBlock(context, node, { tracer: replay(types) }, 'results'));
    },
  }),
];

function replay(types: readonly (typeof KINDS)[number][]): TracerSpec {
  const asked = { trace: types.includes('trace'), stateDiff: types.includes('stateDiff'), vmTrace: types.includes('vmTrace') };
  return { name: 'replayTracer', options: asked };
}

/** Two lists as text. */
function joined(first: string, second: string): string {
  const items = [first, second].map((list) => list.slice(1, -1)).filter((inner) => inner !== '');
  return `[${items.join(',')}]`;
}

/** Of engines that pay with new coins. */
function rewardTraces({ chain }: Backend, { header, hash: blockHash }: HeaderNode): Json[] {
  const stored = header.number === 0 ? undefined : chain.block(blockHash);
  return (stored === undefined ? [] : chain.rewards(stored)).map(({ to, amount }) => ({
    action: { author: to, rewardType: to === header.beneficiary ? 'block' : 'uncle', value: toQuantity(amount) },
    blockHash,
    blockNumber: header.number,
    result: null,
    subtraces: 0,
    traceAddress: [],
    type: 'reward',
  }));
}

interface FlatTrace {
  readonly [key: string]: Json;
  readonly action: { readonly [key: string]: Json };
}

interface Wanted {
  readonly from: ReadonlySet<Address>;
  readonly to: ReadonlySet<Address>;
  /** Whether both must match, where both are given. */
  readonly both: boolean;
}

async function filterTraces(
  context: Tracing,
  { fromBlock, toBlock }: { readonly fromBlock: BlockRef; readonly toBlock: BlockRef },
  wanted: Wanted,
  page: { readonly after: number; readonly count: number | undefined },
): Promise<Json> {
  const found: Json[] = [];
  const end = page.count === undefined ? undefined : page.after + page.count;
  let bytes = 0;
  const endMs = performance.now() + context.limits.requestTimeoutMs;
  for (const node of range(context.backend, fromBlock, toBlock)) {
    if (end !== undefined && found.length >= end) break;
    if (node.header.number === 0) continue;
    // The client has had its answer by then; nothing is executed for nobody.
    if (performance.now() > endMs) throw timedOut(context.limits.requestTimeoutMs);
    const text = await traceBlock(context, node, { tracer: FLAT, maxBytes: MAX_FILTER_BYTES }, 'flat');
    const traces: readonly FlatTrace[] = [...JSON.parse(text), ...rewardTraces(context.backend, node)];
    const matching = traces.filter((trace) => matches(trace.action, wanted));
    if (matching.length > 0) bytes += text.length;
    if (bytes > context.limits.maxReplyBytes) throw limitExceeded('trace_filter found too much; ask for fewer blocks or addresses');
    found.push(...matching);
  }
  return found.slice(page.after, end);
}

/** Anything matches an empty list. */
function matches(action: FlatTrace['action'], { from, to, both }: Wanted): boolean {
  const sent = from.has((action.from ?? action.address ?? '') as Address);
  const received = to.has((action.to ?? action.refundAddress ?? action.author ?? '') as Address);
  if (from.size === 0 || to.size === 0) return (from.size === 0 || sent) && (to.size === 0 || received);
  return both ? sent && received : sent || received;
}

/** From the last block down along parents, so that no reorganisation can put two branches together; given oldest first. */
function range({ chain }: Backend, fromBlock: BlockRef, toBlock: BlockRef): HeaderNode[] {
  const first = requireHeader(chain, fromBlock).header.number;
  const last = findHeader(chain, toBlock) ?? chain.head;
  const blocks = last.header.number - first + 1;
  if (blocks > MAX_FILTER_BLOCKS) {
    throw limitExceeded(`trace_filter executes at most ${MAX_FILTER_BLOCKS} blocks again; ${blocks} were asked for`);
  }
  const nodes: HeaderNode[] = [];
  for (
    let node: HeaderNode | undefined = last;
    node !== undefined && node.header.number >= first;
    node = chain.header(node.header.parentHash)
  ) {
    nodes.push(node);
  }
  if (nodes.length !== Math.max(0, blocks)) throw refused('rpc/unknown-block', 'a block of the range is not in the store');
  return nodes.reverse();
}
