/** Reads that are under way: see reads.ts. */
import { BoundedMap } from '../../base/bounded.ts';
import type { NodeId } from '../../base/types.ts';
import type { RequestId } from '../engine.ts';
import type { ReadId } from './messages.ts';

/** Reads of this node that are open at once; the driver allows fewer commands. */
export const MAX_READS = 256;

/** A command that this node was given. */
interface OwnRead {
  readonly request: RequestId;
  /** Monotonic. */
  readonly sinceMs: number;
  askedMs: number;
  /** Which head shows enough; null until the leader has said. */
  height: number | null;
}

/** What a member wants to know of this leader. */
export interface Question {
  readonly from: NodeId;
  readonly read: ReadId;
  /** The heartbeat whose answers count, and the decided height before it; null while that is not known. */
  readonly at: { readonly round: number; readonly height: number } | null;
}

export interface Reads {
  next: number;
  readonly own: BoundedMap<number, OwnRead>;
  questions: Question[];
}

export function initReads(): Reads {
  return { next: 1, own: new BoundedMap(MAX_READS), questions: [] };
}
