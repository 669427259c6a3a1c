/** After whatever happened: the head, what is final, and what need not be remembered any more. */
import { present } from '../../base/assert.ts';
import type { Hash } from '../../base/types.ts';
import { certificateOf } from './certificate.ts';
import { currentSlot } from './clock.ts';
import { isActive } from './committees.ts';
import { forgetSettled } from './evidence.ts';
import { atSlot, descendsFrom, headOf, isHeadByBoost, prune } from './forkchoice.ts';
import { encodeRecord, type LogRecord } from './records.ts';
import { isLeaking } from './rewards.ts';
import { type Turn, trace } from './state.ts';
import { forgetStates, justifiedBalances, stateAfter } from './states.ts';
import { epochOf } from './time.ts';
import type { Checkpoint, StakeState, ValidatorIndex } from './types.ts';

export function updateHead(turn: Turn): void {
  const { state, context } = turn;
  atSlot(state.store, Math.max(state.slot, currentSlot(turn)));
  tellOfJustified(turn);
  const head = headOf(state.store, justifiedBalances(turn));
  // The justified block may be here without having been executed yet.
  if (head !== state.head.hash && context.chain.status(head) === 'executed' && keepsFinality(turn, head)) moveTo(turn, head);
  finalizeWhatIs(turn);
}

/** After a start by a clock that is behind, less may be known to be final than the chain holds final. */
function keepsFinality({ state: { store, finalized } }: Turn, head: Hash): boolean {
  return !store.blocks.has(finalized) || descendsFrom(store, head, finalized);
}

/** `stored`: the chain on disk has come up to a finalized block, so the log needs nothing from before it. */
export function snapshotWhenStored(turn: Turn, finalized: Hash): void {
  const { state } = turn;
  if (state.snapshotDue !== finalized) return;
  state.snapshotDue = null;
  const after = state.anchor.hash === finalized ? state.anchor.state : undefined;
  if (after === undefined) return;
  const { history, lastVotes, offences, store } = state;
  const { epoch } = store.root;
  const lsn = persist(turn, { type: 'snapshot', snapshot: { epoch, state: after, history, lastVotes, offences: [...offences.values()] } });
  const effect = turn.effects.at(-1);
  if (effect?.type === 'persist') turn.effects[turn.effects.length - 1] = { ...effect, truncateBelow: lsn };
}

/** Appends a record. What depends on it names the answer in `after`. */
export function persist(turn: Turn, record: LogRecord): Turn['state']['appended'] {
  const { state } = turn;
  state.appended = (state.appended + 1) as typeof state.appended;
  turn.effects.push({ type: 'persist', lsn: state.appended, records: [encodeRecord(record)] });
  return state.appended;
}

function moveTo(turn: Turn, head: Hash): void {
  const { state, context } = turn;
  const node = present(context.chain.get(head), `the head ${head}`);
  const isReorg = !descendsFrom(state.store, head, state.head.hash);
  if (isReorg) {
    state.counts.reorgs++;
    trace(turn, 'reorg', { from: state.head.hash, to: head, byBoost: isHeadByBoost(state.store, justifiedBalances(turn)) });
  }
  state.head = node;
  turn.effects.push({ type: 'setHead', hash: head });
  tellOfLeak(turn);
}

/** `balances` are those of the checkpoint that was justified at the last look. */
function tellOfJustified(turn: Turn): void {
  const { store, balances } = turn.state;
  const { epoch, root } = store.justified;
  if (balances !== null && epoch > balances.of.epoch) trace(turn, 'justified', { epoch, hash: root });
}

/** Heads on the way to a newer one, while we catch up, say nothing of now. */
function tellOfLeak(turn: Turn): void {
  const { state, rules } = turn;
  const after = stateAfter(turn, state.head.hash);
  if (after === undefined || after.slot + rules.settings.slotsPerEpoch < state.slot) return;
  const isLeak = isLeaking(rules.settings, after);
  if (isLeak === state.isLeaking) return;
  state.isLeaking = isLeak;
  trace(turn, isLeak ? 'leakBegan' : 'leakEnded', { slot: after.slot, final: after.finalized.epoch });
}

/** What is now so for good, whatever becomes of the head. */
function tellOfValidators(turn: Turn, before: StakeState, after: StakeState): void {
  const then = epochOf(turn.rules.settings, before.slot);
  const now = epochOf(turn.rules.settings, after.slot);
  const joined: ValidatorIndex[] = [];
  const left: ValidatorIndex[] = [];
  const slashed: ValidatorIndex[] = [];
  for (const [index, validator] of after.validators.entries()) {
    const known = before.validators[index];
    const wasActive = known !== undefined && isActive(known, then);
    if (isActive(validator, now) !== wasActive) (wasActive ? left : joined).push(index);
    if (validator.slashed && known?.slashed !== true) slashed.push(index);
  }
  if (joined.length + left.length + slashed.length > 0) trace(turn, 'validators', { joined, left, slashed });
}

/** What the fork choice holds final becomes final here once the votes for it are in our chain. */
function finalizeWhatIs(turn: Turn): void {
  const { state } = turn;
  const final = finalOnBranch(turn);
  // With another head there may be other votes; with the same one there is nothing new to be found.
  if (final === null || state.uncertified === state.head.hash) return;
  const { root, epoch } = final;
  const after = stateAfter(turn, root);
  const certificate = certificateOf(turn, final);
  if (after === undefined || certificate === null) {
    state.uncertified = state.head.hash;
    return;
  }
  turn.effects.push({ type: 'finalize', hash: root, certificate });
  trace(turn, 'finalized', { epoch, hash: root });
  tellOfValidators(turn, state.anchor.state, after);
  keepForVerifiers(turn, root);
  state.finalized = root;
  state.snapshotDue = root;
  anchorAt(turn, final, after);
}

/** From now on a final block, with the state after it, is where everything begins. */
export function anchorAt(turn: Turn, final: Checkpoint, after: StakeState): void {
  const { state } = turn;
  state.anchor = { hash: final.root, state: after };
  forgetStates(turn, prune(state.store, final));
  forgetSettled(turn);
}

/** The newest checkpoint above the finalized block that the head's own blocks prove final and that the fork choice holds final. */
function finalOnBranch({ state: { store, head, finalized }, context: { chain } }: Turn): Checkpoint | null {
  const tip = store.blocks.get(head.hash);
  if (tip === undefined) return null;
  const final = tip.unrealizedFinalized.epoch <= store.finalized.epoch ? tip.unrealizedFinalized : tip.finalized;
  const height = (hash: Hash): number => chain.get(hash)?.header.number ?? 0;
  if (!descendsFrom(store, store.finalized.root, final.root) || height(final.root) <= height(finalized)) return null;
  return final;
}

/** A light client that trusts a final block asks for the state before it, which nothing else needs any more. */
function keepForVerifiers(turn: Turn, root: Hash): void {
  const parent = turn.context.chain.get(root)?.header.parentHash;
  const before = parent === undefined ? undefined : stateAfter(turn, parent);
  if (before !== undefined) turn.state.served.set(root, before);
}
