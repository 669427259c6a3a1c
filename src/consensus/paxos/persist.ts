/** Writing the consensus log, saying things after it, and reading it again. Source: Paxos Made Simple, section 2.5: before the answer. */
import { Lsn, type NodeId } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import type { Event } from '../engine.ts';
import { startDecisions } from '../members/attestations.ts';
import { recordsOf } from '../members/records.ts';
import { insertBlock } from '../members/runs.ts';
import { type Accepted, positionOf } from './log.ts';
import type { PaxosMessage } from './messages.ts';
import { decodeRecord, encodeRecord, type PaxosRecord } from './records.ts';
import type { Turn } from './state.ts';

/** Records until the promise is written again, so that older records can go. */
const PROMISE_EVERY = 64;

export function persistPromise(turn: Turn): void {
  write(turn, []);
}

/** The log has to be such that it can (`canAccept`). How many others fell away. */
export function persistAccepted(turn: Turn, ballot: number, block: Block): number {
  const { state } = turn;
  const position = positionOf(block);
  const isKnown = state.log.entry(position.height)?.hash === position.hash;
  const record: PaxosRecord = isKnown ? { type: 'again', ballot, ...position } : { type: 'accepted', ballot, block };
  const lsn = Lsn(state.lsn + (isPromiseDue(turn) ? 2 : 1));
  const dropped = state.log.put({ ...position, ballot, block, lsn, blockLsn: lsn });
  write(turn, [record]);
  return dropped;
}

function isPromiseDue({ state }: Turn): boolean {
  return state.lsn - state.promiseLsn >= PROMISE_EVERY;
}

/** The records; and what is promised, where that is due or all there is. */
function write(turn: Turn, records: readonly PaxosRecord[]): void {
  const { state, effects } = turn;
  const all: PaxosRecord[] = [...records];
  if (all.length === 0 || isPromiseDue(turn)) {
    all.unshift({ type: 'promised', ballot: state.promised });
    state.promiseLsn = Lsn(state.lsn + 1);
  }
  state.lsn = Lsn(state.lsn + all.length);
  const firstBlock = state.log.entries[0]?.blockLsn ?? state.lsn;
  const truncateBelow = Lsn(Math.min(state.promiseLsn, firstBlock));
  effects.push({ type: 'persist', lsn: state.lsn, records: all.map(encodeRecord), truncateBelow });
}

/** Nothing is said before everything that was promised and accepted until then is on disk. */
export function tell({ state, effects }: Turn, to: NodeId, message: PaxosMessage): void {
  effects.push({ type: 'send', to, message, after: state.lsn });
}

export function tellAll(turn: Turn, message: PaxosMessage): void {
  for (const to of turn.council.membership.others(turn.self)) tell(turn, to, message);
}

/** What was promised and accepted before the crash, as far as it was on disk: all that was ever said was. */
export function restore(turn: Turn, event: Extract<Event<never>, { type: 'start' }>): void {
  const { state } = turn;
  state.reads.incarnation = event.incarnation;
  state.lsn = event.lsn;
  state.persisted = event.lsn;
  const accepted = new Map<number, Accepted>();
  for (const [record, at] of recordsOf(event, decodeRecord)) {
    state.promised = Math.max(state.promised, record.ballot);
    if (record.type === 'promised') state.promiseLsn = at;
    else if (record.type === 'accepted') remember(accepted, record.ballot, record.block, at);
    else {
      const known = accepted.get(record.height);
      if (known?.hash === record.hash) accepted.set(record.height, { ...known, ballot: record.ballot, lsn: at });
    }
  }
  state.seen = state.promised;
  startDecisions(turn);
  takeUp(turn, accepted);
}

/** As `AcceptedLog.put`, but whatever is below. */
function remember(accepted: Map<number, Accepted>, ballot: number, block: Block, lsn: Lsn): void {
  const { height, hash } = positionOf(block);
  for (let above = height; accepted.delete(above); above++);
  accepted.set(height, { height, hash, ballot, block, lsn, blockLsn: lsn });
}

/**
 * What follows the head, one after another; all else is decided, or has lost. The blocks are kept again, since the chain on
 * disk may not have them.
 */
function takeUp(turn: Turn, accepted: ReadonlyMap<number, Accepted>): void {
  const { log } = turn.state;
  for (;;) {
    const next = accepted.get(log.last.height + 1);
    if (next === undefined || next.block.header.parentHash !== log.last.hash) return;
    log.put(next);
    insertBlock(turn, next.block);
  }
}
