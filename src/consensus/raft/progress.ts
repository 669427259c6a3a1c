/**
 * What a leader knows of one follower's log, and how much may be on its way to it. Source: figure 3.1 (nextIndex,
 * matchIndex); etcd's three states and its window (raft/tracker).
 *
 * - 'probe': it is not known where the two logs part. One question at a time, without a block.
 * - 'replicate': blocks are sent ahead of their acknowledgement, as many as the window holds.
 * - 'chunk': what it needs is decided and no longer in memory. One chunk at a time.
 */
import type { NodeId } from '../../base/types.ts';
import { MAX_INFLIGHT_BLOCKS, MAX_INFLIGHT_BYTES } from '../members/runs.ts';

interface Sent {
  readonly height: number;
  readonly bytes: number;
}

export class Progress {
  readonly node: NodeId;
  mode: 'probe' | 'replicate' | 'chunk' = 'probe';
  /** On disk there up to this height. */
  match = 0;
  /** The height that is sent next. */
  next: number;
  /** It answered since the last look. */
  isActive = false;
  /** The last heartbeat that it answered. */
  round = 0;
  /** The last block of the chunk that is on its way, and when it left (monotonic). */
  chunk: { readonly height: number; readonly atMs: number } | null = null;
  /** Sent ahead of the acknowledgement, oldest first. */
  #inflight: Sent[] = [];
  #bytes = 0;

  constructor(node: NodeId, next: number) {
    this.node = node;
    this.next = next;
  }

  /** A block of any size may go where nothing is on its way. */
  get isFull(): boolean {
    return this.#inflight.length >= MAX_INFLIGHT_BLOCKS || this.#bytes >= MAX_INFLIGHT_BYTES;
  }

  get inflight(): number {
    return this.#inflight.length;
  }

  sent(block: Sent): void {
    this.#inflight.push(block);
    this.#bytes += block.bytes;
    this.next = block.height + 1;
  }

  /** It has everything up to this height on disk. */
  acknowledged(height: number): void {
    if (height <= this.match) return;
    this.match = height;
    this.next = Math.max(this.next, height + 1);
    const left = this.#inflight.findIndex((block) => block.height > height);
    const gone = this.#inflight.splice(0, left === -1 ? this.#inflight.length : left);
    for (const { bytes } of gone) this.#bytes -= bytes;
  }

  /** From here on; what was on its way may be lost. */
  become(mode: Progress['mode'], next: number): void {
    this.mode = mode;
    this.next = Math.max(next, this.match + 1);
    this.chunk = null;
    this.#inflight = [];
    this.#bytes = 0;
  }
}
