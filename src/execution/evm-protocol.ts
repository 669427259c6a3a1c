/**
 * What the node and an EVM worker say to one another. Jobs and answers go over the worker's own port, in order; a worker is
 * given some jobs ahead, so that it need not wait for the node between two of them, and those that it has not begun can be
 * taken back. Reads of the state
 * go over a second one, and the worker sleeps until each is answered (`Atomics.wait`): so the EVM there reads state as
 * synchronously as it does in the node, and only one implementation of the state is needed.
 */
import type { MessagePort } from 'node:worker_threads';
import type { Hash } from '../base/types.ts';
import type { ExecutionParams } from '../chain/params.ts';
import type { CallKind, CallRequest, CallResults } from './call-types.ts';
import type { SimulatedBlock, SimulationRequest } from './simulation-types.ts';
import type { TestBlock, TestBlockRequest } from './test-block.ts';
import type { TraceRequest } from './tracing/trace-request.ts';

export interface WorkerSettings {
  readonly params: ExecutionParams;
  readonly gasCap: bigint;
  readonly reads: MessagePort;
  /** Int32s, each of one purpose: see `SIGNAL`. */
  readonly signal: SharedArrayBuffer;
}

/** Each kind of job, with what it asks and what it answers. */
export type JobRequests = { readonly [Kind in CallKind]: CallRequest } & {
  readonly trace: TraceRequest;
  readonly simulate: SimulationRequest;
  readonly buildTestBlock: TestBlockRequest;
};
/** A trace is JSON text. */
export type JobResults = CallResults & {
  readonly trace: string;
  readonly simulate: readonly SimulatedBlock[];
  readonly buildTestBlock: TestBlock;
};
export type JobKind = keyof JobResults;

export type Job = {
  readonly [Kind in JobKind]: { readonly kind: Kind; readonly request: JobRequests[Kind]; readonly randomness: Hash };
}[JobKind];

/** What a worker is sent. */
export type Assignment =
  /** `id` is above 0 and another than that of the jobs around it. */
  | { readonly type: 'job'; readonly id: number; readonly job: Job; readonly timeoutMs: number }
  /** Jobs before this one were taken back; those after it are to be done. */
  | { readonly type: 'goOn' };

export type Answer =
  | { readonly type: 'ready' }
  | { readonly type: 'done'; readonly result: JobResults[JobKind] }
  /** It gave way, as it was told to. */
  | { readonly type: 'interrupted' }
  /** `blame`: the caller's fault, to be told so. Otherwise the worker's own failure. */
  | { readonly type: 'failed'; readonly blame: boolean; readonly code: string; readonly message: string };

export type Read =
  | { readonly type: 'node'; readonly hash: Hash }
  | { readonly type: 'code'; readonly hash: Hash }
  | { readonly type: 'ancestor'; readonly number: number };

/** Bytes for nodes and codes, a hash for ancestors; undefined when the node does not have it. */
export type ReadAnswer = Uint8Array | Hash | undefined;

/**
 * Where in the signal. `read`: whether a read is open. `job`: which job the worker has begun. `interrupt`: which job is to give
 * way to others.
 */
export const SIGNAL = { read: 0, job: 1, interrupt: 2 } as const;
export const SIGNAL_BYTES = 3 * Int32Array.BYTES_PER_ELEMENT;
export const READ_OPEN = 0;
export const READ_ANSWERED = 1;
/** A worker begins a job by putting its id where there is none, and so never one that was taken back. */
export const NO_JOB = 0;
export const TAKEN_BACK = -1;
