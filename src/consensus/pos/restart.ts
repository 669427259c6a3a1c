/**
 * After a start: what the log says was signed, the state at the finalized block, and from there every stored block again. The
 * chain may be ahead of the log, or, after it was fetched anew, behind it; both are made up for here.
 */
import type { Hash } from '../../base/types.ts';
import { Lsn } from '../../base/types.ts';
import type { Event } from '../engine.ts';
import { addToForkChoice, checkWhenReady, countPayload } from './blocks.ts';
import { currentSlot, listenFirst, setSlotTimer } from './clock.ts';
import { decodePayload } from './codec.ts';
import { forgetBefore } from './detector.ts';
import { recallLastVotes, sendLastVotes } from './duties.ts';
import { restoreEvidence } from './evidence.ts';
import { executed, newForkChoice } from './forkchoice.ts';
import { anchorAt, updateHead } from './head.ts';
import type { PosMessage } from './messages.ts';
import { decodeRecord, noteRecord, type Snapshot } from './records.ts';
import { blockOf, type Turn, trace } from './state.ts';
import { applyBlock, keepState, stateAfter } from './states.ts';
import { wakeUp } from './trust.ts';

/** Of one height: as many as the chain lists. */
const MAX_SIBLINGS = 1_024;
/** Before it is asked what of them is final. */
const MAX_REPLAYED_BLOCKS = 256;
/** How long votes of before are sent again: until there are sessions with some peers. */
const RESEND_SLOTS = 2;
/** Of those that a record tells of. */
const MAX_LAST_VOTES = 64;

type Start = Extract<Event<PosMessage>, { type: 'start' }>;

export function start(turn: Turn, { records, lsn }: Start): void {
  const { state } = turn;
  state.appended = Lsn(lsn);
  const snapshot = readRecords(turn, records);
  if (snapshot !== null && turn.context.chain.canonical(blockNumber(turn, snapshot.state.block)) === snapshot.state.block) {
    state.anchor = { hash: snapshot.state.block, state: snapshot.state };
    const { block, slot } = snapshot.state;
    // Whatever this state holds justified lies below its block, and is of an older epoch than the checkpoint.
    state.store = newForkChoice(block, slot, snapshot.epoch, turn.rules.settings.slotsPerEpoch);
  }
  restoreEvidence(turn, snapshot?.offences ?? []);
  replayChain(turn);
  state.slot = currentSlot(turn);
  wakeUp(turn, state.slot);
  listenFirst(turn);
  updateHead(turn);
  recallLastVotes(turn);
  sendLastVotes(turn);
  state.resendsUntil = state.slot + RESEND_SLOTS;
  setSlotTimer(turn);
}

/** A snapshot that the chain does not have any more is no use, but what it says was signed is. */
function readRecords(turn: Turn, records: readonly Uint8Array[]): Snapshot | null {
  const { history } = turn.state;
  let last: Snapshot | null = null;
  for (const bytes of records) {
    const record = decodeRecord(bytes);
    noteRecord(history, record);
    if (record.type === 'vote') turn.state.lastVotes = [...turn.state.lastVotes, record.vote].slice(-MAX_LAST_VOTES);
    if (record.type !== 'snapshot') continue;
    turn.state.lastVotes = record.snapshot.lastVotes;
    last = record.snapshot;
  }
  return last;
}

/**
 * Every stored block above the anchor, by height, without looking at signatures again. Without a snapshot that is the whole chain,
 * so the anchor follows as far as the chain is final.
 */
function replayChain(turn: Turn): void {
  const { state, context } = turn;
  const { chain } = context;
  let blocks = 0;
  for (let number = blockNumber(turn, state.anchor.hash) + 1; number <= chain.maxHeight; number++) {
    for (const node of chain.atHeight(number, MAX_SIBLINGS)) {
      const block = blockOf(turn, node.hash);
      const before = state.store.blocks.has(node.header.parentHash) ? stateAfter(turn, node.header.parentHash) : undefined;
      if (block === undefined || before === undefined || chain.status(node.hash) === 'invalid') continue;
      const after = applyBlock(turn, before, block, { verify: false });
      if (!addToForkChoice(turn, block, after, false)) continue;
      keepState(turn, node.hash, number, after);
      if (chain.status(node.hash) === 'executed') executed(state.store, node.hash);
      countPayload(turn, decodePayload(block.payload), after);
      checkWhenReady(turn, node.hash);
      blocks++;
    }
    if (state.store.blocks.size > MAX_REPLAYED_BLOCKS) followFinality(turn);
  }
  if (blocks > 0) trace(turn, 'replayed', { blocks, from: state.anchor.hash });
}

function followFinality(turn: Turn): void {
  const { state, context, rules } = turn;
  const { finalized } = state.store;
  const number = blockNumber(turn, finalized.root);
  if (number <= blockNumber(turn, state.anchor.hash) || number > context.chain.finalized.header.number) return;
  if (context.chain.canonical(number) !== finalized.root) return;
  const after = stateAfter(turn, finalized.root);
  if (after === undefined) return;
  anchorAt(turn, finalized, after);
  forgetBefore(state.detector, finalized.epoch, rules.settings.slotsPerEpoch);
}

function blockNumber({ context }: Turn, hash: Hash): number {
  return context.chain.get(hash)?.header.number ?? 0;
}
