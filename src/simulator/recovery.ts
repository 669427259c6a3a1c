/**
 * Liveness mode. When the faults end, some nodes are healed (the options say which, `survivors`), with all links among
 * them; the others stay dead, or cut off, for ever. If the healed ones that follow the protocol are a quorum, they have to
 * make progress and agree within a bound; if they are fewer, they need not, and must still never disagree (the checker
 * Agreement sees to that, in both cases and at all times).
 *
 * Source: TigerBeetle's VOPR. A bound is possible because time-outs have caps: ten of the longest, and the time to catch
 * up with what was missed. An engine whose progress does not hang on time-outs states its own (`Subject.progressMs`).
 */
import {
  BLOCKS_TIMEOUT_MS,
  FIRST_BLOCKS_PER_REQUEST,
  HEADERS_TIMEOUT_MS,
  restMs,
  STALL_TIMEOUT_MS,
  SURVEY_TURN_MS,
} from '../sync/limits.ts';
import type { Options } from './options.ts';

/** Blocks above the highest head (or finalized block) of the moment in which the faults ended. */
export const PROGRESS_BLOCKS = 8;
const TIMEOUTS = 10;
/** How long it takes until a session is there that is possible: two lookouts, the first of which may just have failed. */
const SESSION_MS = 20_000;
/** A peer that is asked in vain: its time-outs, and the rest that it is given. */
const VAIN_SYNC_MS = restMs(Number.POSITIVE_INFINITY) + SURVEY_TURN_MS + STALL_TIMEOUT_MS + HEADERS_TIMEOUT_MS + BLOCKS_TIMEOUT_MS;
/** Links differ by this factor; jitter is exponential, and this many times its mean is what never happens. */
const SLOWEST_LINK = 4;
const MOST_JITTER = 12;
/** What was reordered just before the end is this much later. */
const REORDERED = 10;

export interface Recovery {
  /** Nodes that are healed and follow the protocol. */
  readonly members: readonly number[];
  /** How many the engine needs. */
  readonly quorum: number;
  /** Whether progress is required of them. */
  readonly isOwed: boolean;
  /** From the end of the faults. */
  readonly boundMs: number;
  /** How the bound is made up, for people. */
  readonly reason: string;
}

export interface Healed {
  readonly options: Options;
  readonly members: readonly number[];
  readonly quorum: number;
  /** The engine's own bound, or null: then it is made of time-outs. */
  readonly progressMs: number | null;
  /** No time-out of the engine is longer. */
  readonly maxTimeoutMs: number;
  /** Of one member by another, from now on. */
  readonly longestBanMs: number;
  /** Between the highest and the lowest head of the members. */
  readonly missingBlocks: number;
}

export function recoveryOf(healed: Healed): Recovery {
  const { members, quorum, progressMs, maxTimeoutMs } = healed;
  const [progress, what] =
    progressMs === null
      ? [TIMEOUTS * maxTimeoutMs, `${TIMEOUTS} time-outs of ${maxTimeoutMs} ms`]
      : [progressMs, `${Math.ceil(progressMs)} ms`];
  const catchUp = catchUpMs(healed);
  return {
    members,
    quorum,
    isOwed: members.length >= quorum,
    boundMs: Math.ceil(progress + catchUp),
    reason: `${what} for ${PROGRESS_BLOCKS} blocks and ${Math.ceil(catchUp)} ms to catch up`,
  };
}

/** Until all members have sessions, and what the others have. */
function catchUpMs({ options, members, longestBanMs, missingBlocks }: Healed): number {
  const { latencyMs, jitterMs, executionMs, diskWriteMs, survivors } = options;
  const oneWayMs = SLOWEST_LINK * latencyMs + MOST_JITTER * jitterMs;
  const underWayMs = REORDERED * (SLOWEST_LINK * latencyMs + jitterMs);
  const perBlockMs = 2 * (executionMs + diskWriteMs) + (2 * oneWayMs) / FIRST_BLOCKS_PER_REQUEST;
  // Whoever is healed may be asked in vain first: it may not follow the protocol, or may not have caught up itself.
  const inVainMs = survivors.length * VAIN_SYNC_MS;
  return longestBanMs + SESSION_MS + underWayMs + inVainMs + members.length * oneWayMs + missingBlocks * perBlockMs;
}
