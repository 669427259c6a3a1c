/**
 * What is written before it is said, and read again after a crash. The paper's processes do not come back; these do
 * (Aguilera, Chen and Toueg, DISC 1998): a member that forgot the round that it had reached would acknowledge an earlier one,
 * and one that forgot its estimate would let a decided value be replaced.
 */
import { Lsn } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { hashHeader } from '../../chain/header.ts';
import type { Event } from '../engine.ts';
import { startDecisions } from '../members/attestations.ts';
import { recordsOf } from '../members/records.ts';
import { insertBlock } from '../members/runs.ts';
import type { ChandraTouegMessage } from './messages.ts';
import { type ChandraTouegRecord, decodeRecord, encodeRecord } from './records.ts';
import { type ChandraTouegState, type Note, type Turn, trace } from './state.ts';

/** Records of one instance until it is written anew in one or two, so that the older ones can go. */
const MAX_RECORDS = 64;

export function noteOf({ notes }: ChandraTouegState, height: number): Note {
  const known = notes.get(height);
  if (known !== undefined) return known;
  const none = Lsn(0);
  const note: Note = { height, round: 1, timestamp: 0, block: null, hash: null, firstLsn: none, lsn: none, records: 0 };
  notes.set(height, note);
  return note;
}

/** No proposal of an earlier round will be acknowledged. Everybody begins in round 1, which nothing comes before. */
export function noteRound(turn: Turn, note: Note, round: number): void {
  if (round <= note.round) return;
  note.round = round;
  write(turn, note, [{ type: 'round', height: note.height, round }]);
}

/** The estimate is this block now; `round` is its timestamp. */
export function noteEstimate(turn: Turn, note: Note, round: number, block: Block): void {
  const hash = hashHeader(block.header);
  const isSame = hash === note.hash;
  note.round = round;
  note.timestamp = round;
  note.block = block;
  note.hash = hash;
  write(turn, note, [{ type: 'estimate', height: note.height, timestamp: round, block: isSame ? null : block }]);
}

function write({ state, effects }: Turn, note: Note, changes: readonly ChandraTouegRecord[]): void {
  const isAnew = note.records >= MAX_RECORDS;
  const records = (isAnew ? wholeNote(note) : changes).map(encodeRecord);
  if (isAnew || note.records === 0) {
    note.firstLsn = Lsn(state.lsn + 1);
    note.records = 0;
  }
  state.lsn = Lsn(state.lsn + records.length);
  note.lsn = state.lsn;
  note.records += records.length;
  effects.push({ type: 'persist', lsn: state.lsn, records, truncateBelow: firstNeeded(state) });
}

function wholeNote({ height, round, timestamp, block }: Note): ChandraTouegRecord[] {
  const entered = { type: 'round', height, round } as const;
  return block === null ? [entered] : [{ type: 'estimate', height, timestamp, block }, entered];
}

function firstNeeded({ notes, lsn }: ChandraTouegState): Lsn {
  const firsts = [...notes.values()].filter(({ records }) => records > 0).map(({ firstLsn }) => firstLsn);
  return Lsn(Math.min(lsn, ...firsts));
}

/** The chain on disk has come up to `state.stored`: it says what was decided there. */
export function dropNotes({ notes, stored }: ChandraTouegState): void {
  for (const height of notes.keys()) if (height <= stored) notes.delete(height);
}

/** Whatever rests on this note is not said before it is on disk. */
export function tell({ effects }: Turn, to: Parameters<typeof send>[1], message: ChandraTouegMessage, note: Note): void {
  effects.push({ type: 'send', to, message, after: note.lsn });
}

export function send({ effects }: Turn, to: Extract<Turn['effects'][number], { type: 'send' }>['to'], message: ChandraTouegMessage): void {
  effects.push({ type: 'send', to, message });
}

/** Rounds and estimates as they were before the crash, as far as they were on disk. */
export function restore(turn: Turn, event: Extract<Event<never>, { type: 'start' }>): void {
  const { state } = turn;
  state.reads.incarnation = event.incarnation;
  state.lsn = event.lsn;
  state.persisted = event.lsn;
  for (const [record, at] of recordsOf(event, decodeRecord)) take(state, record, at);
  startDecisions(turn);
  insertBlocks(turn);
  for (const { height, round, timestamp, hash } of state.notes.values()) trace(turn, 'restored', { height, round, timestamp, hash });
}

function take(state: ChandraTouegState, record: ChandraTouegRecord, at: Lsn): void {
  if (record.height <= state.stored) return;
  const note = noteOf(state, record.height);
  if (note.records === 0) note.firstLsn = at;
  note.lsn = at;
  note.records++;
  if (record.type === 'round') {
    note.round = Math.max(note.round, record.round);
    return;
  }
  const block = record.block ?? note.block;
  // The record with the block was truncated, as the note was written anew: that comes later in the log.
  if (block === null) return;
  note.round = Math.max(note.round, record.timestamp);
  note.timestamp = record.timestamp;
  note.block = block;
  note.hash = hashHeader(block.header);
}

/** The chain on disk may not have them. Lower ones come first; those whose parent is missing come again with a decision. */
function insertBlocks(turn: Turn): void {
  const { state, chain } = turn;
  const inserted = new Set<string>();
  for (const [, { block, hash }] of [...state.notes].sort(([a], [b]) => a - b)) {
    if (block === null || hash === null) continue;
    const { parentHash } = block.header;
    if (chain.get(parentHash) === undefined && !inserted.has(parentHash)) continue;
    inserted.add(hash);
    insertBlock(turn, block);
  }
}
