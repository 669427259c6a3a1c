/** What is asked of a worker that traces: everything it needs but the state, so that nothing can change meanwhile. */
import type { Address, Hash } from '../../base/types.ts';
import type { Header } from '../../chain/header.ts';
import type { CallRequest } from '../call-types.ts';
import type { TracerSpec } from './tracers.ts';

/** A block, and the state before it: its parent's. */
export interface TracedBlock {
  readonly header: Header;
  readonly hash: Hash;
  readonly parentStateRoot: Hash;
  /** In their EIP-2718 form; those after the last that matters may be left out. */
  readonly transactions: readonly Uint8Array[];
}

/** The list that a block's trace is: of `{"txHash", "result"}`, of results, or of what the results list. */
export type BlockShape = 'named' | 'results' | 'flat';

export interface StorageRange {
  readonly address: Address;
  /** The hash of a slot: where to begin. */
  readonly start: Hash;
  readonly maxEntries: number;
}

export type TraceTarget =
  | { readonly kind: 'block'; readonly block: TracedBlock; readonly shape: BlockShape }
  /** The last of the block's transactions that are given. */
  | { readonly kind: 'transaction'; readonly block: TracedBlock }
  /** The storage of an account as the transactions that are given left it: debug_storageRangeAt. */
  | { readonly kind: 'storage'; readonly block: TracedBlock; readonly range: StorageRange }
  /** On the state after `request.header`, or after the transactions that are given of that block. */
  | { readonly kind: 'call'; readonly request: CallRequest; readonly after: TracedBlock | null };

export interface TraceRequest {
  /** Of the block whose ancestors BLOCKHASH sees, and whose randomness counts. */
  readonly header: Header;
  /** Where execution begins. */
  readonly stateRoot: Hash;
  readonly target: TraceTarget;
  readonly tracer: TracerSpec;
  /** For each transaction that is traced. */
  readonly timeoutMs: number;
  /** For the whole job, after which its thread is killed. */
  readonly jobTimeoutMs: number;
  /** Of the answer. */
  readonly maxBytes: number;
}
