/**
 * Linearizable reads that this node was asked for: from the operator's command `read` until its chain on disk shows every write
 * that was acknowledged before. Which height shows enough is for the engine to find out, from the leader (`read-index.ts`) or
 * from a quorum; here it is waited for, asked again, and given up.
 */
import { BoundedMap } from '../../base/bounded.ts';
import { UsageError } from '../../base/errors.ts';
import type { NodeId } from '../../base/types.ts';
import type { RlpValue } from '../../chain/rlp.ts';
import type { Context, RequestId } from '../engine.ts';
import type { EffectSink } from './decisions.ts';
import type { Fields } from './fields.ts';

/** While a read is open: asked again, or given up. */
export const READ_TIMER = 'read';
/** Reads of this node that are open at once; the driver allows fewer commands. */
const MAX_READS = 256;

/** The asker's life, and a number in it, so that a late answer is never taken for that of another read. */
export interface ReadId {
  readonly incarnation: number;
  readonly number: number;
}

interface Read {
  readonly request: RequestId;
  /** Monotonic. */
  readonly untilMs: number;
  /** Whose answers have come. */
  readonly heard: Set<NodeId>;
  /** The head that shows enough, as far as is known; nothing is certain before `isConfirmed`. */
  height: number;
  isConfirmed: boolean;
}

export interface Reads {
  incarnation: number;
  next: number;
  /** By number. */
  readonly open: BoundedMap<number, Read>;
}

export interface ReadTurn extends Pick<Context, 'nowMs'> {
  /** This node's place among the members; null for one that follows. */
  readonly place: number | null;
  readonly effects: EffectSink<never>;
}

/** How an engine answers them. */
export interface ReadPolicy {
  /** For the codes of errors. */
  readonly engine: string;
  /** Questions and answers get lost, and leaders fall: asked again after so long. */
  readonly againMs: number;
  readonly giveUpMs: number;
  /** Asks the members whom it concerns. */
  ask(read: ReadId): void;
}

export function initReads(): Reads {
  return { incarnation: 0, next: 1, open: new BoundedMap(MAX_READS) };
}

/**
 * The operator's command. `own`: what this member answers itself, where a quorum is asked. Throws UsageError `<engine>/read`.
 */
export function beginRead(
  turn: ReadTurn,
  reads: Reads,
  policy: ReadPolicy,
  request: RequestId,
  own?: { readonly self: NodeId; readonly height: number },
): void {
  const { place, nowMs, effects } = turn;
  const code = `${policy.engine}/read`;
  if (place === null) throw new UsageError(code, 'This node is no member; ask a member for a linearizable read.');
  if (reads.open.size >= MAX_READS) throw new UsageError(code, `${MAX_READS} reads are waiting on this node; try again later.`);
  const number = reads.next++;
  const heard = new Set(own === undefined ? [] : [own.self]);
  reads.open.set(number, { request, untilMs: nowMs + policy.giveUpMs, heard, height: own?.height ?? 0, isConfirmed: false });
  policy.ask({ incarnation: reads.incarnation, number });
  if (reads.open.size === 1) effects.push({ type: 'setTimer', id: READ_TIMER, delayMs: policy.againMs });
}

/** The timer. */
export function retryReads({ nowMs, effects }: ReadTurn, reads: Reads, policy: ReadPolicy): void {
  for (const [number, { request, untilMs, isConfirmed }] of [...reads.open.entries()]) {
    if (nowMs > untilMs) {
      reads.open.delete(number);
      effects.push({ type: 'reply', request, result: tooLate(policy, isConfirmed) });
    } else if (!isConfirmed) policy.ask({ incarnation: reads.incarnation, number });
  }
  if (reads.open.size > 0) effects.push({ type: 'setTimer', id: READ_TIMER, delayMs: policy.againMs });
}

function tooLate({ engine }: ReadPolicy, isConfirmed: boolean): UsageError {
  const why = isConfirmed
    ? 'This node has not caught up with the network in time for this read.'
    : 'No leader or quorum answered this read in time: this node may be cut off, or too few members are up.';
  return new UsageError(`${engine}/read-timeout`, `${why} Try again, or another member.`);
}

/** Whether answers to this read are still wanted. */
export function isOpen(reads: Reads, { incarnation, number }: ReadId): boolean {
  return incarnation === reads.incarnation && reads.open.get(number)?.isConfirmed === false;
}

/** `from` says that nothing above this height had been decided. `enough`: so many have to say so. True: it may be answered. */
export function heardOf(reads: Reads, { incarnation, number }: ReadId, from: NodeId, height: number, enough: number): void {
  const read = incarnation === reads.incarnation ? reads.open.get(number) : undefined;
  if (read === undefined || read.isConfirmed) return;
  read.heard.add(from);
  read.height = Math.max(read.height, height);
  read.isConfirmed = read.heard.size >= enough;
}

/** At the end of a step. `stored`: the height of the head on disk. */
export function finishReads({ effects }: Pick<ReadTurn, 'effects'>, reads: Reads, stored: number): void {
  if (reads.open.size === 0) return;
  for (const [number, { request, height, isConfirmed }] of [...reads.open.entries()]) {
    if (!isConfirmed || height > stored) continue;
    reads.open.delete(number);
    effects.push({ type: 'reply', request, result: { height: stored } });
  }
}

export function readIdFields({ incarnation, number }: ReadId): RlpValue[] {
  return [incarnation, number];
}

export function readIdOf(fields: Fields): ReadId {
  return { incarnation: fields.number('incarnation'), number: fields.number('number of a read') };
}
