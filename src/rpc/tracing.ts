/** Requests for traces: which block and which state, fixed at once, so that a reorganisation meanwhile cannot mix two. */
import type { Hash } from '../base/types.ts';
import type { Block } from '../chain/block.ts';
import { type Header, hashHeader } from '../chain/header.ts';
import type { HeaderNode } from '../chain/tree.ts';
import type { BlockShape, TracedBlock, TraceRequest, TraceTarget } from '../execution/tracing/trace-request.ts';
import type { TracerSpec } from '../execution/tracing/tracers.ts';
import type { Backend } from './backend.ts';
import { refused } from './errors.ts';
import type { RpcLimits } from './limits.ts';

/** geth's, for one transaction. */
const DEFAULT_TIMEOUT_MS = 5_000;
/** Left of a request's time for the way back. */
const RESERVE_MS = 2_000;

export interface Tracing {
  readonly backend: Backend;
  readonly client: string;
  readonly limits: RpcLimits;
}

export interface TraceAsked {
  readonly tracer: TracerSpec;
  readonly timeoutMs?: number | undefined;
  /** By default as many as a reply may have. */
  readonly maxBytes?: number;
}

/** JSON text. */
export function traceTransaction(context: Tracing, hash: Hash, asked: TraceAsked): Promise<string> {
  const location = context.backend.chain.transaction(hash);
  const node = location === undefined ? undefined : context.backend.chain.header(location.blockHash);
  if (location === undefined || node === undefined) throw refused('rpc/unknown-transaction', 'transaction not found');
  const block = traceable(context.backend, node, location.index + 1);
  return context.backend.evm.trace(requestFor(context, { kind: 'transaction', block }, asked, 1), context.client);
}

/** JSON text: a list. */
export function traceBlock(context: Tracing, node: HeaderNode, asked: TraceAsked, shape: BlockShape): Promise<string> {
  const block = traceable(context.backend, node);
  return context.backend.evm.trace(requestFor(context, { kind: 'block', block, shape }, asked, block.transactions.length), context.client);
}

/** A block that need not be in the store: only its parent's state must be. */
export function traceForeignBlock(context: Tracing, { header, transactions }: Pick<Block, 'header' | 'transactions'>, asked: TraceAsked) {
  const block = { header, hash: hashHeader(header), parentStateRoot: parentOf(context.backend, header).stateRoot, transactions };
  const target: TraceTarget = { kind: 'block', block, shape: 'named' };
  return context.backend.evm.trace(requestFor(context, target, asked, transactions.length), context.client);
}

/** Its first `count` transactions. Throws RpcError where there is nothing before it. */
export function traceable(backend: Backend, { header, hash }: HeaderNode, count?: number): TracedBlock {
  const transactions = backend.chain.block(hash)?.transactions;
  if (transactions === undefined) throw refused('rpc/unknown-block', `block ${hash} not found`);
  const parent = parentOf(backend, header);
  return { header, hash, parentStateRoot: parent.stateRoot, transactions: transactions.slice(0, count) };
}

export function requestFor({ limits }: Tracing, target: TraceTarget, asked: TraceAsked, transactions: number): TraceRequest {
  const mostMs = Math.max(1, limits.requestTimeoutMs - RESERVE_MS);
  const timeoutMs = Math.min(asked.timeoutMs ?? DEFAULT_TIMEOUT_MS, mostMs);
  return {
    ...beginningOf(target),
    target,
    tracer: asked.tracer,
    timeoutMs,
    // The transactions before the traced one take time too, and are not stopped by the tracer.
    jobTimeoutMs: Math.min(timeoutMs * Math.max(1, transactions) + RESERVE_MS, mostMs),
    maxBytes: Math.min(asked.maxBytes ?? limits.maxReplyBytes, limits.maxReplyBytes),
  };
}

function beginningOf(target: TraceTarget): Pick<TraceRequest, 'header' | 'stateRoot'> {
  if (target.kind !== 'call') return { header: target.block.header, stateRoot: target.block.parentStateRoot };
  const { header } = target.request;
  return { header, stateRoot: target.after?.parentStateRoot ?? header.stateRoot };
}

function parentOf(backend: Backend, header: Header): Header {
  if (header.number === 0) throw refused('trace/genesis', 'genesis is not traceable');
  const parent = backend.chain.header(header.parentHash);
  if (parent === undefined) throw refused('rpc/unknown-block', `parent ${header.parentHash} not found`);
  return parent.header;
}
