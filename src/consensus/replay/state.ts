/** What the replay engine remembers, and the record of it in the consensus log. */
import { fromHex, hashOf } from '../../base/bytes.ts';
import { type Hash, Lsn } from '../../base/types.ts';
import type { Effect } from '../engine.ts';

/** It sends no messages. */
export type ReplayMessage = never;
export type ReplayEffect = Effect<ReplayMessage>;

export interface ReplayState {
  /** Position of the last record. */
  lsn: Lsn;
  /** The block that the forkchoice calls safe; null before it was told of one. */
  safe: Hash | null;
}

export function initialState(): ReplayState {
  return { lsn: Lsn(0), safe: null };
}

/** The last record counts; each is the hash of the safe block. */
export function restore(state: ReplayState, records: readonly Uint8Array[], lsn: Lsn): void {
  const last = records.at(-1);
  state.lsn = lsn;
  state.safe = last === undefined ? null : hashOf(last);
}

export function remember(state: ReplayState, safe: Hash): ReplayEffect {
  state.lsn = Lsn(state.lsn + 1);
  state.safe = safe;
  return { type: 'persist', lsn: state.lsn, records: [fromHex(safe)], truncateBelow: state.lsn };
}
