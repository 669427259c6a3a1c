/** Every bound of the RPC server in one place. The defaults are geth's where geth has one; tests pass smaller ones. */
import { replyTooLarge } from './errors.ts';

export interface RpcLimits {
  /** Of one HTTP request. */
  readonly maxBodyBytes: number;
  /** Of one WebSocket message. */
  readonly maxMessageBytes: number;
  /** Of one reply, a whole batch being one. */
  readonly maxReplyBytes: number;
  readonly maxBatchItems: number;
  readonly maxJsonDepth: number;
  /** HTTP and WebSocket together. */
  readonly maxConnections: number;
  /** Requests that one connection may have in work; HTTP pipelining beyond it is refused, a WebSocket is not read. */
  readonly maxConcurrentRequests: number;
  /** Bytes of unfinished requests and of unsent replies over all connections. */
  readonly maxIncomingBytes: number;
  readonly maxOutgoingBytes: number;
  /** Unsent bytes after which a WebSocket client counts as too slow and is disconnected. */
  readonly maxBufferedBytes: number;
  readonly maxSubscriptionsPerConnection: number;
  readonly maxSubscriptions: number;
  readonly maxFilters: number;
  /** Changes that wait in one filter; a filter that overflows is dropped. */
  readonly maxFilterChanges: number;
  readonly filterIdleMs: number;
  readonly maxLogRangeBlocks: number;
  readonly maxLogResults: number;
  readonly headersTimeoutMs: number;
  /** From the first byte of a request to its last. */
  readonly receiveTimeoutMs: number;
  /** From the last byte of a request to its reply; what is not answered by then is answered with an error. */
  readonly requestTimeoutMs: number;
  /** A connection on which nothing moves. */
  readonly idleTimeoutMs: number;
  readonly pingIntervalMs: number;
  /** How long `close` lets work in progress go on. */
  readonly closeGraceMs: number;
}

const MiB = 1024 * 1024;

export const DEFAULT_LIMITS: RpcLimits = {
  maxBodyBytes: 5 * MiB,
  maxMessageBytes: 32 * MiB,
  maxReplyBytes: 25_000_000,
  maxBatchItems: 1_000,
  maxJsonDepth: 64,
  maxConnections: 512,
  maxConcurrentRequests: 32,
  maxIncomingBytes: 128 * MiB,
  maxOutgoingBytes: 256 * MiB,
  maxBufferedBytes: 32 * MiB,
  maxSubscriptionsPerConnection: 1_024,
  maxSubscriptions: 16_384,
  maxFilters: 1_024,
  maxFilterChanges: 10_000,
  filterIdleMs: 5 * 60_000,
  maxLogRangeBlocks: 10_000,
  maxLogResults: 10_000,
  headersTimeoutMs: 10_000,
  receiveTimeoutMs: 30_000,
  requestTimeoutMs: 30_000,
  idleTimeoutMs: 120_000,
  pingIntervalMs: 30_000,
  closeGraceMs: 2_000,
};

/** A number of bytes that many holders share; `take` answers false when there are not enough left. */
export class ByteBudget {
  readonly #maxBytes: number;
  #usedBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  take(bytes: number): boolean {
    if (this.#usedBytes + bytes > this.#maxBytes) return false;
    this.#usedBytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#usedBytes -= bytes;
  }
}

/** Counts what a growing reply will weigh, so that one that cannot be sent is not built to its end first. */
export class ReplySize {
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Throws RpcError -32003 when the reply has become too large. */
  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > this.#maxBytes) throw replyTooLarge(this.#maxBytes);
  }
}
