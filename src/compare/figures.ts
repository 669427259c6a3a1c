/** What one case of one engine came to, in numbers: pure functions of the book of its load. Units are in the names. */
import type { LoadBook, Second } from './book.ts';
import { type CaseName, FAULT_FROM, faultWindow, type Window } from './plan.ts';

export interface Traffic {
  readonly blocks: number;
  readonly messagesPerBlock: number;
  readonly bytesPerBlock: number;
}

export interface Figures {
  readonly seconds: number;
  /** When the fault was there, from the beginning. */
  readonly fault: Window | null;
  /** Of the node, or the nodes, that the fault hit. */
  readonly hit: readonly number[];
  readonly sent: number;
  /** Sent in the time that was measured, and not final when waiting for it ended. */
  readonly unfinished: number;
  /** Transactions that came into a block, and became final, a second: over the whole case. */
  readonly perSecond: number;
  /** The same while the fault was there, on the side that has, or could have, a quorum; null for a case without a fault. */
  readonly perSecondInFault: number | null;
  /** The same on the side that was cut off; null for cases without a partition. */
  readonly perSecondCutOff: number | null;
  /** The longest time from the fault to the end in which no transaction came into a block; without a fault, of the same part. */
  readonly pauseMs: number;
  /** From sent to final, in milliseconds; NaN if nothing became final. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Points of the distribution of latencies, in milliseconds: see `QUANTILES`. */
  readonly latenciesMs: readonly number[];
  readonly bySecond: readonly Second[];
  /** Null where it was not counted. */
  readonly traffic: Traffic | null;
  /** What contradicted each other, or was final and then gone; empty when all went as it should. */
  readonly broken: readonly string[];
}

/** Of the latencies that are kept to be drawn. */
export const QUANTILES: readonly number[] = Array.from({ length: 101 }, (_, i) => i / 100);
const MS_PER_SECOND = 1_000;

export interface Counted {
  readonly name: CaseName;
  readonly seconds: number;
  readonly book: LoadBook;
  readonly hit: readonly number[];
  readonly traffic: Traffic | null;
  readonly broken: readonly string[];
}

export function figuresOf({ name, seconds, book, hit, traffic, broken }: Counted): Figures {
  const whole = { fromMs: 0, toMs: seconds * MS_PER_SECOND };
  const fault = faultWindow(name, seconds);
  const latencies = book.latencies(whole);
  return {
    seconds,
    fault,
    hit,
    sent: book.size,
    unfinished: book.unfinished,
    perSecond: rate(book.taken(whole), whole),
    perSecondInFault: fault === null ? null : rate(book.taken(fault, 'majority'), fault),
    perSecondCutOff: fault === null || name !== 'partition' ? null : rate(book.taken(fault, 'minority'), fault),
    pauseMs: book.longestPauseMs({ fromMs: fault?.fromMs ?? FAULT_FROM * whole.toMs, toMs: whole.toMs }),
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    latenciesMs: QUANTILES.map((part) => quantile(latencies, part)),
    bySecond: book.bySecond(seconds),
    traffic,
    broken,
  };
}

/** Of ascending values, by the nearest rank; NaN of none. */
export function quantile(ascending: readonly number[], part: number): number {
  return ascending[Math.max(0, Math.ceil(part * ascending.length) - 1)] ?? Number.NaN;
}

function rate(count: number, { fromMs, toMs }: Window): number {
  return (count * MS_PER_SECOND) / (toMs - fromMs);
}

/** A case that could not be measured says why. */
export type CaseResult = { readonly figures: Figures; readonly reason: null } | { readonly figures: null; readonly reason: string };

export type Cases = Readonly<Partial<Record<CaseName, CaseResult>>>;

export interface EngineResult {
  readonly engine: string;
  readonly nodes: number;
  /** Null where this part was not asked for. */
  readonly simulator: Cases | null;
  readonly processes: Cases | null;
  /** How the Byzantine nodes of the simulator's case misbehaved. */
  readonly behaviour: string;
}
