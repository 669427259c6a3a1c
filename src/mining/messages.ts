/** What the pool and its workers say to each other. */
import type { SealJob, SealResult } from './job.ts';
import type { KernelName } from './kernel.ts';
import type { RejectedKernel } from './select-kernel.ts';

export interface WorkerSetup {
  readonly memory: SharedArrayBuffer;
  /** Which of the shared counters is this worker's. */
  readonly counter: number;
  readonly salt: number;
  /** No other worker of the pool, past or present, has this number: its extra nonces are its own. */
  readonly serial: number;
  readonly kernel: 'auto' | KernelName;
}

export interface Assignment {
  readonly generation: number;
  readonly job: SealJob;
}

export type WorkerMessage =
  | { readonly type: 'ready'; readonly kernel: KernelName; readonly rejected: readonly RejectedKernel[] }
  | { readonly type: 'unable'; readonly code: string; readonly message: string }
  | { readonly type: 'sealed'; readonly generation: number; readonly result: SealResult };
