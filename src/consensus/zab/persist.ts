/** Writing the consensus log, saying things after it, and reading it again at a start. */
import { present } from '../../base/assert.ts';
import { Lsn, type NodeId } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { hashHeader } from '../../chain/header.ts';
import type { Event } from '../engine.ts';
import { startDecisions } from '../members/attestations.ts';
import { encodedBlock } from '../members/fields.ts';
import { recordsOf } from '../members/records.ts';
import { insertBlock } from '../members/runs.ts';
import type { Entry } from './history.ts';
import type { ZabMessage } from './messages.ts';
import { decodeRecord, encodeRecord, type ZabRecord } from './records.ts';
import { positionOf, type Turn, type ZabState } from './state.ts';

/** Records until the epochs are written once more, so that older records can go. */
const EPOCHS_EVERY = 64;

/** The epochs have changed. */
export function persistEpochs(turn: Turn): void {
  const { state } = turn;
  state.epochsLsn = Lsn(state.lsn + 1);
  write(turn, []);
}

/** Appends records; the epochs come first where they have changed or were written long ago. Returns the position of the last. */
function write({ state, effects }: Turn, records: readonly ZabRecord[]): Lsn {
  const isDue = state.epochsLsn > state.lsn || state.lsn - state.namedLsn >= EPOCHS_EVERY;
  const all: readonly ZabRecord[] = isDue ? [{ type: 'epochs', epochs: { ...state.epochs }, stored: state.stored }, ...records] : records;
  if (isDue) state.namedLsn = Lsn(state.lsn + 1);
  state.lsn = Lsn(state.lsn + all.length);
  effects.push({ type: 'persist', lsn: state.lsn, records: all.map(encodeRecord), truncateBelow: firstNeeded(state) });
  return state.lsn;
}

function firstNeeded({ history, stored, namedLsn, lsn }: ZabState): Lsn {
  return Lsn(Math.min(namedLsn, history.firstLsn(stored) ?? lsn));
}

/** Appends a block to the history, in memory and on disk. */
export function appendBlock(turn: Turn, block: Block): Entry {
  const lsn = write(turn, [{ type: 'block', block }]);
  const entry = entryOf(block, lsn);
  turn.state.history.append(entry);
  return entry;
}

/** Drops what is above this height, in memory and on disk. */
export function cutHistory(turn: Turn, height: number): void {
  const { state, effects } = turn;
  const { epoch, height: end } = state.history.last;
  const dropped = state.history.truncateTo(height);
  write(turn, [{ type: 'cut', height }]);
  effects.push({ type: 'trace', name: 'truncated', data: { to: height, end, epoch, dropped } });
}

export function entryOf(block: Block, lsn: Lsn): Entry {
  const { header } = block;
  return { ...positionOf({ header, hash: hashHeader(header) }), block, bytes: encodedBlock(block).length, lsn };
}

/** Nothing is said before the epochs are on disk that it rests on. */
export function tell({ state, effects }: Turn, to: NodeId, message: ZabMessage): void {
  effects.push({ type: 'send', to, message, after: state.epochsLsn });
}

export function tellAll(turn: Turn, message: ZabMessage): void {
  for (const to of turn.council.membership.others(turn.self)) tell(turn, to, message);
}

/** The height up to which this node's own history is on disk. */
export function durableHeight({ history, stored, persisted }: ZabState): number {
  return history.durable(stored, persisted);
}

/** Epochs and history as they were before the crash, as far as they were on disk. */
export function restore(turn: Turn, event: Extract<Event<never>, { type: 'start' }>): void {
  const { state } = turn;
  state.reads.incarnation = event.incarnation;
  state.lsn = event.lsn;
  state.persisted = event.lsn;
  let entries: Entry[] = [];
  let stored = 0;
  for (const [record, at] of recordsOf(event, decodeRecord)) {
    if (record.type === 'epochs') {
      Object.assign(state.epochs, record.epochs);
      state.namedLsn = at;
      stored = record.stored;
    } else if (record.type === 'cut') {
      entries = entries.filter(({ height }) => height <= record.height);
    } else {
      const entry = entryOf(record.block, at);
      entries = [...entries.filter(({ height }) => height < entry.height), entry];
    }
  }
  // The chain was further: what it had was a part of the history, and is to come back before this node may have a say.
  if (stored > state.stored) state.lostUpTo = Math.max(stored, entries.at(-1)?.height ?? 0);
  startDecisions(turn);
  takeUp(turn, entries);
}

/** Whether a part of what this node has acknowledged is not on its disk any more: it must neither lead nor help to choose a history. */
export function isIncomplete(state: ZabState): boolean {
  return state.lostUpTo > 0 && durableHeight(state) < state.lostUpTo;
}

/**
 * Of the records, what descends from the head is the history; the rest was decided, or left behind when the chain went
 * another way. The blocks are kept once more, since the chain on disk may not have them.
 */
function takeUp(turn: Turn, entries: readonly Entry[]): void {
  const { history } = turn.state;
  for (const entry of entries) {
    if (entry.block.header.parentHash !== history.last.hash) continue;
    history.append(entry);
    insertBlock(turn, entry.block);
  }
}

/**
 * Sync and snapshots bring decided blocks, so the head may be beyond what this node takes for decided. A history that is
 * not the chain's is given up: nothing of it above the head can be decided. True: it was another one.
 */
export function adoptHead({ state, chain }: Turn): boolean {
  const { history } = state;
  if (chain.head.header.number <= state.commit) return false;
  const head = positionOf(present(chain.get(chain.head.hash), 'the head'));
  const isOther = !history.has(head);
  if (isOther) history.restartAt(head);
  state.commit = head.height;
  state.matched = Math.max(state.matched, head.height);
  return isOther;
}
