/**
 * Blocks on their way in: known ones are dropped, right ones are kept, and the rest are told apart.
 *
 *   what arrives                            what is done
 *   known already, or of a forgotten branch nothing
 *   seal by no validator                    counted against its sender, before anything is computed for it
 *   parent unknown                          held as an orphan; the missing ancestor is asked for
 *   breaks a rule                           counted against its sender
 *   right, but early                        held until its slot comes
 *   right                                   inserted, its votes and evidence counted, executed once its parent is
 *
 * A block is judged by the state after its parent, which takes payloads only; so this does not wait for execution. What
 * does: that the payload repeats what the staking contract said in the parent (`checkWhenReady`).
 */
import { equalBytes } from '../../base/bytes.ts';
import { RuleError } from '../../base/errors.ts';
import type { Hash, NodeId } from '../../base/types.ts';
import { type Block, checkPayload } from '../../chain/block.ts';
import { hashHeader } from '../../chain/header.ts';
import { encodeRlp } from '../../chain/rlp.ts';
import type { BlockStatus, Facts, HeaderNode } from '../../chain/tree.ts';
import type { Origin } from '../engine.ts';
import type { Arrival } from '../orphans.ts';
import { currentSlot, noteSigned, noteValid } from './clock.ts';
import { decodePayload, decodeSeal, requestFields } from './codec.ts';
import { indexedAttestation } from './committees.ts';
import { requestsOf, STAKING_ADDRESS } from './contract.ts';
import { seeProposal, seeVote } from './detector.ts';
import { processSlots } from './epochs.ts';
import { convict } from './evidence.ts';
import { addBlock, addVote, executed, type ForkBlock, isConsistent, removeInvalid } from './forkchoice.ts';
import { finalityOf, unrealizedCheckpoints } from './justification.ts';
import { effectiveRequests } from './requests.ts';
import { FUTURE, verifyHeader } from './rules.ts';
import { proposalRoot } from './signing.ts';
import { blockOf, genesisSeconds, slotOf, type Turn, trace } from './state.ts';
import { applyBlock, stakeBlock, stateAfter } from './states.ts';
import { epochOf, voteDueMs } from './time.ts';
import type { StakeBlock } from './transition.ts';
import type { Payload, SignedProposal, StakeState } from './types.ts';

export const FETCH_TIMER = 'fetch';
export const FETCH_RETRY_MS = 1_000;
export const MAX_FETCHES = 64;
export const MAX_FETCH_ATTEMPTS = 5;
export const MAX_FUTURE_BLOCKS = 32;
/** Of one height, when children of a block are looked for. */
const MAX_SIBLINGS = 64;

export function receiveBlock(turn: Turn, block: Block, origin: Origin, from: NodeId | null): void {
  const hash = hashHeader(block.header);
  const { orphans, early, fetches } = turn.state;
  const wasAsked = fetches.delete(hash);
  if (statusOf(turn, hash) !== undefined || orphans.has(hash) || early.some((held) => held.hash === hash)) return;
  acceptWithOrphans(turn, { block, hash, from }, origin === 'gossip' && !wasAsked);
}

/** At each slot: blocks whose slot has come arrive again. */
export function retryEarly(turn: Turn): void {
  const now = currentSlot(turn);
  const held = turn.state.early;
  turn.state.early = held.filter(({ block }) => slotOf(turn, block) > now);
  for (const arrival of held) if (slotOf(turn, arrival.block) <= now) acceptWithOrphans(turn, arrival, false);
}

/** Asks again, now anybody; after some attempts gives up what waits for it. */
export function retryFetches(turn: Turn): void {
  const { fetches, orphans } = turn.state;
  for (const [hash, fetch] of fetches) {
    if (++fetch.attempts <= MAX_FETCH_ATTEMPTS) turn.effects.push({ type: 'fetch', hash, from: null });
    else {
      fetches.delete(hash);
      orphans.dropDescendants(hash);
    }
  }
  if (fetches.size > 0) turn.effects.push({ type: 'setTimer', id: FETCH_TIMER, delayMs: FETCH_RETRY_MS });
}

export function fetchBlock(turn: Turn, hash: Hash, from: NodeId | null): void {
  const { fetches } = turn.state;
  if (fetches.has(hash) || fetches.size >= MAX_FETCHES) return;
  if (fetches.size === 0) turn.effects.push({ type: 'setTimer', id: FETCH_TIMER, delayMs: FETCH_RETRY_MS });
  fetches.set(hash, { attempts: 1 });
  turn.effects.push({ type: 'fetch', hash, from });
}

/** What the ledger found. */
export function blockChecked(turn: Turn, hash: Hash, error: RuleError | null): void {
  turn.state.checking.delete(hash);
  if (error !== null) return dropInvalid(turn, hash, error);
  executed(turn.state.store, hash);
  checkChildren(turn, hash);
}

export function checkChildren(turn: Turn, parent: Hash): void {
  const number = turn.context.chain.get(parent)?.header.number ?? 0;
  for (const child of turn.context.chain.atHeight(number + 1, MAX_SIBLINGS)) {
    if (child.header.parentHash === parent) checkWhenReady(turn, child.hash);
  }
}

/** Has a block executed as soon as its parent is, if it repeats what the staking contract said there. */
export function checkWhenReady(turn: Turn, hash: Hash): void {
  const { state, context } = turn;
  const block = blockOf(turn, hash);
  if (block === undefined || statusOf(turn, hash) !== 'stored' || state.checking.has(hash) || !state.store.blocks.has(hash)) return;
  if (context.chain.status(block.header.parentHash) !== 'executed') return;
  try {
    checkRequests(turn, block);
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    return dropInvalid(turn, hash, error);
  }
  state.checking.add(hash);
  turn.effects.push({ type: 'check', hash });
}

/** Adds a block that was judged by `state`, the state after it. Also for blocks that are in the chain already, at a start. */
export function addToForkChoice(turn: Turn, block: Block, after: StakeState, isTimely: boolean): boolean {
  const { settings } = turn.rules;
  const unrealized = unrealizedCheckpoints(settings, after);
  const forkBlock: ForkBlock = {
    hash: after.block,
    parent: block.header.parentHash,
    slot: after.slot,
    justified: finalityOf(after).currentJustified,
    finalized: after.finalized,
    unrealizedJustified: unrealized.justified,
    unrealizedFinalized: unrealized.finalized,
  };
  return addBlock(turn.state.store, forkBlock, isTimely);
}

/** The votes and the evidence that a block carries. */
export function countPayload(turn: Turn, payload: Payload, after: StakeState): void {
  const { settings } = turn.rules;
  for (const attestation of payload.attestations) {
    const vote = indexedAttestation(settings, after, attestation);
    if (isConsistent(turn.state.store, vote.data)) addVote(turn.state.store, vote.indices, vote.data.target.epoch, vote.data.head);
    for (const offence of seeVote(turn.state.detector, vote)) convict(turn, offence);
  }
  for (const offence of payload.offences) convict(turn, offence);
}

function statusOf({ state, fresh, context }: Turn, hash: Hash): BlockStatus | undefined {
  if (state.invalid.has(hash)) return 'invalid';
  return fresh.has(hash) ? 'stored' : context.chain.status(hash);
}

function acceptWithOrphans(turn: Turn, first: Arrival, isNews: boolean): void {
  const waiting = [first];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (accept(turn, next, isNews && next === first)) waiting.push(...turn.state.orphans.takeChildren(next.hash));
  }
}

/** Whether the block was inserted. */
function accept(turn: Turn, arrival: Arrival, isNews: boolean): boolean {
  const { state, context } = turn;
  const { block, hash, from } = arrival;
  try {
    checkPayload(block);
    const proposal = checkSeal(turn, arrival);
    if (isNews && proposal !== null) noteSigned(turn, proposal.proposer, proposal.slot);
    const parent = headerOf(turn, block.header.parentHash);
    if (parent === undefined) {
      holdOrphan(turn, arrival);
      return false;
    }
    if (!state.store.blocks.has(parent.hash)) return false;
    const facts = verifyHeader(turn.rules, block, parent, context.wallMs);
    const before = stateAfter(turn, parent.hash);
    if (before === undefined) return false;
    const after = applyBlock(turn, before, block, { verify: true });
    keep(turn, arrival, facts, stakeBlock(turn, block), after);
    if (isNews) noteValid(turn, slotOf(turn, block));
    return true;
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    if (error.code === FUTURE) holdEarly(turn, arrival);
    else refuse(turn, hash, from, error);
    return false;
  }
}

/**
 * The seal names a validator whose key the finalized state knows, and is its signature: one hash and one verification, so
 * that nobody but validators can make us compute states. For a key that is newer than that the transition will tell.
 */
function checkSeal(turn: Turn, { block, hash }: Arrival): SignedProposal | null {
  const { proposer, signature } = decodeSeal(block.seal);
  const slot = slotOf(turn, block);
  const key = turn.state.anchor.state.validators[proposer]?.publicKey;
  if (key === undefined) return null;
  const message = proposalRoot(turn.rules.params, epochOf(turn.rules.settings, slot), slot, hash);
  if (!turn.rules.signatures.verify({ publicKeys: [key], message, signature })) {
    throw new RuleError('pos/signature', `Block ${hash} is not signed by validator ${proposer}, whom its seal names.`, { proposer });
  }
  return { proposer, slot, block: hash, signature };
}

function keep(turn: Turn, { block, hash, from }: Arrival, facts: Facts, { payload, seal }: StakeBlock, after: StakeState): void {
  const { state, rules, context } = turn;
  const slot = after.slot;
  const isTimely = slot === currentSlot(turn) && context.wallMs < voteDueMs(rules.settings, genesisSeconds(turn), slot);
  state.states.set(hash, after);
  if (!addToForkChoice(turn, block, after, isTimely)) {
    trace(turn, 'ignored', { hash, code: 'pos/no-room' });
    return;
  }
  turn.effects.push({ type: 'insert', block, facts });
  turn.fresh.set(hash, block);
  if (from !== null) state.senders.set(hash, from);
  countPayload(turn, payload, after);
  const offence = seeProposal(state.detector, { ...seal, slot, block: hash });
  if (offence !== null) convict(turn, offence);
  checkWhenReady(turn, hash);
}

/** Throws RuleError `pos/requests` unless the payload repeats what the contract said, as far as it has an effect. */
function checkRequests(turn: Turn, block: Block): void {
  const said = requestsOf(turn.context.chain.outputs(block.header.parentHash, STAKING_ADDRESS) ?? []);
  const { requests } = decodePayload(block.payload);
  const before = said.length === 0 ? undefined : stateAfter(turn, block.header.parentHash);
  const expected =
    before === undefined ? [] : effectiveRequests(turn.rules, processSlots(turn.rules.settings, before, slotOf(turn, block)), said);
  if (equalBytes(encodeRlp(expected.map(requestFields)), encodeRlp(requests.map(requestFields)))) return;
  throw new RuleError(
    'pos/requests',
    `The payload repeats ${requests.length} requests; of what the staking contract said in the parent ${expected.length} have an effect, and those it must be.`,
  );
}

function dropInvalid(turn: Turn, hash: Hash, error: RuleError): void {
  const { state } = turn;
  state.counts.invalid++;
  state.invalid.set(hash, true);
  removeInvalid(state.store, hash);
  state.orphans.dropDescendants(hash);
  trace(turn, 'invalid', { hash, code: error.code });
  const from = state.senders.get(hash);
  if (from !== undefined) turn.effects.push({ type: 'offence', from, error });
}

function refuse(turn: Turn, hash: Hash, from: NodeId | null, error: RuleError): void {
  trace(turn, 'refused', { hash, code: error.code });
  turn.state.orphans.dropDescendants(hash);
  if (from !== null && error.blame) turn.effects.push({ type: 'offence', from, error });
}

function holdOrphan(turn: Turn, arrival: Arrival): void {
  const { state } = turn;
  if (slotOf(turn, arrival.block) <= state.anchor.state.slot) return;
  state.counts.orphans++;
  state.orphans.add(arrival);
  trace(turn, 'orphan', { hash: arrival.hash });
  fetchBlock(turn, state.orphans.missingAncestor(arrival), arrival.from);
}

/** A clock that is ahead of ours by a little; one that is far ahead is told by its votes and blocks later on. */
function holdEarly(turn: Turn, arrival: Arrival): void {
  const { state, rules } = turn;
  if (slotOf(turn, arrival.block) > currentSlot(turn) + rules.settings.slotsPerEpoch) return;
  if (state.early.length < MAX_FUTURE_BLOCKS) state.early = [...state.early, arrival];
  trace(turn, 'early', { hash: arrival.hash });
}

function headerOf(turn: Turn, hash: Hash): HeaderNode | undefined {
  const node = turn.context.chain.get(hash);
  const block = node === undefined ? turn.fresh.get(hash) : undefined;
  if (block === undefined) return node;
  return {
    header: block.header,
    seal: block.seal,
    hash,
    facts: { weight: BigInt(block.header.number), carried: BigInt(slotOf(turn, block)) },
  };
}
