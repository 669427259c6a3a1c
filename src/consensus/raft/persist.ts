/** Writing the consensus log, saying things after it, and reading it again. Source: figure 3.1, "updated on stable storage before responding". */
import { assert, present } from '../../base/assert.ts';
import { Lsn, type NodeId } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { hashHeader } from '../../chain/header.ts';
import type { Event } from '../engine.ts';
import { startDecisions } from '../members/attestations.ts';
import { type Council, factsOf } from '../members/council.ts';
import { execute } from '../members/decisions.ts';
import { encodedBlock } from '../members/fields.ts';
import { recordsOf } from '../members/records.ts';
import { Ahead } from './ahead.ts';
import type { Entry, Position } from './log.ts';
import type { RaftMessage } from './messages.ts';
import { decodeRecord, encodeRecord } from './records.ts';
import { positionOf, type RaftState, type Turn, termOf } from './state.ts';

/** Records until term and vote are written again, so that older records can go. */
const TERM_EVERY = 64;

/** Term or vote has changed. */
export function persistTerm({ state, effects }: Turn): void {
  const { term, vote, stored } = state;
  state.lsn = Lsn(state.lsn + 1);
  state.termLsn = state.lsn;
  state.voteLsn = state.lsn;
  const record = encodeRecord({ type: 'term', term, vote, stored });
  effects.push({ type: 'persist', lsn: state.lsn, records: [record], truncateBelow: firstNeeded(state) });
}

/** Appends a block to the log, in memory and on disk. `council`: who decides on it. */
export function appendBlock({ state, effects }: Turn, block: Block, council: Council): Entry {
  const records = [encodeRecord({ type: 'block', block })];
  const isDue = state.lsn - state.termLsn >= TERM_EVERY;
  if (isDue) {
    const { term, vote, stored } = state;
    records.unshift(encodeRecord({ type: 'term', term, vote, stored }));
    state.termLsn = Lsn(state.lsn + 1);
  }
  state.lsn = Lsn(state.lsn + records.length);
  const entry = entryOf(block, council, state.lsn);
  state.log.append(entry);
  effects.push({ type: 'persist', lsn: state.lsn, records, truncateBelow: firstNeeded(state) });
  return entry;
}

function firstNeeded({ log, stored, termLsn, lsn }: RaftState): Lsn {
  return Lsn(Math.min(termLsn, log.firstLsn(stored) ?? lsn));
}

function entryOf(block: Block, council: Council, lsn: Lsn): Entry {
  const { header } = block;
  const hash = hashHeader(header);
  return { height: header.number, hash, term: termOf(block), council, block, bytes: encodedBlock(block).length, lsn };
}

interface Recorded {
  readonly block: Block;
  readonly lsn: Lsn;
}

/** Nothing is said before term and vote are on disk that it rests on. */
export function tell({ state, effects }: Turn, to: NodeId, message: RaftMessage): void {
  effects.push({ type: 'send', to, message, after: state.voteLsn });
}

export function tellAll(turn: Turn, message: RaftMessage): void {
  for (const to of turn.council.membership.others(turn.self)) tell(turn, to, message);
}

/** The height up to which this node's own log is on disk. */
export function durableHeight({ log, stored, persisted }: RaftState): number {
  return log.durable(stored, persisted);
}

/** Term, vote and log as they were before the crash, as far as they were on disk. */
export function restore(turn: Turn, event: Extract<Event<never>, { type: 'start' }>): void {
  const { state } = turn;
  state.reads.incarnation = event.incarnation;
  state.lsn = event.lsn;
  state.persisted = event.lsn;
  const recorded: Recorded[] = [];
  let stored = 0;
  for (const [record, at] of recordsOf(event, decodeRecord)) {
    if (record.type === 'block') {
      const { number } = record.block.header;
      const above = recorded.findIndex(({ block }) => block.header.number >= number);
      if (above !== -1) recorded.splice(above);
      recorded.push({ block: record.block, lsn: at });
    } else {
      state.term = record.term;
      state.vote = record.vote;
      stored = record.stored;
      state.termLsn = at;
    }
  }
  // The chain was further: what it had was a part of the log, and is to come back before this node may have a say.
  if (stored > state.stored) state.lostUpTo = Math.max(stored, recorded.at(-1)?.block.header.number ?? 0);
  startDecisions(turn);
  takeUp(turn, recorded);
}

/** Whether a part of what this node has acknowledged is not on its disk any more: it must neither vote nor stand. */
export function isIncomplete(state: RaftState): boolean {
  return state.lostUpTo > 0 && durableHeight(state) < state.lostUpTo;
}

/**
 * What of the records is still the log: the children of the head, one after another. All else was decided, or left behind
 * when the chain went another way. The blocks are kept again, since the chain on disk may not have them.
 */
function takeUp(turn: Turn, recorded: readonly Recorded[]): void {
  const { state, chain, councils, effects } = turn;
  const { log } = state;
  const ahead = new Ahead(chain);
  let isFirst = true;
  for (const { block, lsn } of recorded) {
    const { number, parentHash } = block.header;
    if (number !== log.last.height + 1 || parentHash !== log.last.hash) continue;
    const entry = entryOf(block, councils.admit(block, present(ahead.get(parentHash), 'the last of the log'), ahead), lsn);
    log.append(entry);
    ahead.add(block);
    if (chain.get(entry.hash) !== undefined) continue;
    effects.push({ type: 'insert', block, facts: factsOf(block.header) });
    // The others follow as their parents are executed.
    if (isFirst && chain.status(parentHash) === 'executed') execute(turn, entry.hash);
    isFirst = false;
  }
  // A decided block of a term that this node had not heard of when it went down.
  if (log.last.term > state.term) {
    state.term = log.last.term;
    state.vote = null;
  }
}

/**
 * The head may go beyond the log: sync and chunks bring decided blocks. A log that is not the chain's is given up from
 * there on; nothing of it can be decided.
 */
export function adoptHead({ state, chain, councils }: Turn): Position | null {
  const { log } = state;
  const head = chain.head.header.number;
  if (head <= state.commit) return null;
  const position = positionOf(chain.head);
  if (log.at(head)?.hash !== position.hash) {
    log.restartAt({ ...position, council: present(councils.at(chain.head, chain), 'who decides on the head') });
  }
  assert(present(log.at(head), 'the head').hash === position.hash, 'the log has the head');
  state.commit = head;
  state.matched = Math.max(state.matched, head);
  return position;
}
