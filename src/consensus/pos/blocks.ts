/**
 * Blocks on their way in: known ones are dropped, right ones are kept, and the rest are told apart.
 *
 *   what arrives                            what is done
 *   known already, or of a forgotten branch nothing
 *   seal that is nobody's                   counted against its sender, before anything is computed for it
 *   a proposer's third block for one slot   dropped, unless others have built on it
 *   parent unknown                          held as an orphan; the missing ancestor is asked for
 *   breaks a rule                           counted against its sender
 *   right, but early                        held until its slot comes
 *   right                                   inserted, its votes and evidence counted, executed once its parent is
 *
 * A block is judged by the state after its parent, which takes payloads only; so this does not wait for execution. What
 * does: that the payload repeats what the staking contract said in the parent (`checkWhenReady`).
 */
import { present } from '../../base/assert.ts';
import { equalBytes } from '../../base/bytes.ts';
import { RuleError } from '../../base/errors.ts';
import type { PublicKey } from '../../base/signatures.ts';
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
import { STAKING_ADDRESS } from './contract.ts';
import { isSurplus, seeProposal, seeVote } from './detector.ts';
import { processSlots } from './epochs.ts';
import { convict } from './evidence.ts';
import { fetchBlock } from './fetches.ts';
import { addBlock, addVote, branchOf, executed, type ForkBlock, isConsistent, removeInvalid } from './forkchoice.ts';
import { finalityOf, unrealizedCheckpoints } from './justification.ts';
import { effectiveRequests, understood } from './requests.ts';
import { FUTURE, verifyHeader } from './rules.ts';
import { proposalRoot } from './signing.ts';
import { blockOf, genesisSeconds, slotOf, type Turn, trace } from './state.ts';
import { applyBlock, keepState, stakeBlock, stateAfter } from './states.ts';
import { epochOf, voteDueMs } from './time.ts';
import type { StakeBlock } from './transition.ts';
import { checkHistory, isSearching } from './trust.ts';
import type { Payload, Request, SignedProposal, Slot, StakeState } from './types.ts';

export const MAX_FUTURE_BLOCKS = 32;
/** Blocks that are applied again for one whose signer is not known: anybody may have made it. */
const MAX_UNSIGNED_REPLAY = 16;
/** Codes of errors that are about the seal, which is not part of a block's hash: with another seal it may be right. */
const SEAL_ERRORS: ReadonlySet<string> = new Set(['pos/signature', 'pos/proposer']);

export function receiveBlock(turn: Turn, block: Block, origin: Origin, from: NodeId | null): void {
  const hash = hashHeader(block.header);
  const { orphans, early, fetches } = turn.state;
  const fetch = fetches.get(hash);
  if (statusOf(turn, hash) !== undefined || orphans.has(hash) || early.some((held) => held.hash === hash)) {
    fetches.delete(hash);
    return;
  }
  if (origin === 'gossip' && isSearching(turn)) return trace(turn, 'ignored', { hash, code: 'pos/searching' });
  // What a vote made us fetch is as good as gossip.
  const isGossip = fetch === undefined ? origin === 'gossip' : !fetch.isSigned;
  acceptWithOrphans(turn, { block, hash, from }, { isNews: origin === 'gossip' && fetch === undefined, isNeeded: !isGossip });
}

/** At each slot: blocks whose slot has come arrive again. */
export function retryEarly(turn: Turn): void {
  const now = currentSlot(turn);
  const held = turn.state.early;
  turn.state.early = held.filter(({ block }) => slotOf(turn, block) > now);
  for (const arrival of held) if (slotOf(turn, arrival.block) <= now) acceptWithOrphans(turn, arrival, { isNews: false, isNeeded: true });
}

/** What the ledger found. */
export function blockChecked(turn: Turn, hash: Hash, error: RuleError | null): void {
  turn.state.checking.delete(hash);
  if (error !== null) return dropInvalid(turn, hash, error);
  executed(turn.state.store, hash);
  checkChildren(turn, hash);
}

export function checkChildren(turn: Turn, parent: Hash): void {
  for (const block of turn.state.store.blocks.values()) if (block.parent === parent) checkWhenReady(turn, block.hash);
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
  const { state, rules } = turn;
  const { settings, trusted } = rules;
  if (trusted?.number === block.header.number && trusted.hash !== after.block) return false;
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
  const isAdded = addBlock(state.store, forkBlock, isTimely);
  if (isAdded && trusted?.hash === after.block) state.store = branchOf(state.store, after.block);
  return isAdded;
}

/** The votes and the evidence that a block carries. */
export function countPayload(turn: Turn, payload: Payload, after: StakeState): void {
  const { settings } = turn.rules;
  for (const attestation of payload.attestations) {
    const vote = indexedAttestation(settings, after, attestation);
    if (isConsistent(turn.state.store, vote.data)) addVote(turn.state.store, vote.indices, vote.data.target.epoch, vote.data.head);
    for (const offence of seeVote(turn.state.detector, vote, after.validators)) convict(turn, offence);
  }
  for (const offence of payload.offences) convict(turn, offence);
}

function statusOf({ state, fresh, context }: Turn, hash: Hash): BlockStatus | undefined {
  if (state.invalid.has(hash)) return 'invalid';
  return fresh.has(hash) ? 'stored' : context.chain.status(hash);
}

/** A block whose proposer has signed it, and with which key. */
interface SignedBlock {
  readonly proposal: SignedProposal;
  readonly key: PublicKey;
}

/** How a block came. */
interface Manner {
  /** By gossip, unasked: its time says something about the time of others. */
  readonly isNews: boolean;
  /** Somebody has built on it, so it must be kept however many its proposer has made. */
  readonly isNeeded: boolean;
}

function acceptWithOrphans(turn: Turn, first: Arrival, manner: Manner): void {
  const waiting = [first];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const isFirst = next === first;
    if (accept(turn, next, isFirst ? manner : { isNews: false, isNeeded: true }))
      waiting.push(...turn.state.orphans.takeChildren(next.hash));
  }
}

/** Whether the block was inserted. */
function accept(turn: Turn, arrival: Arrival, manner: Manner): boolean {
  const { hash, from } = arrival;
  let signed: SignedBlock | null;
  try {
    checkPayload(arrival.block);
    signed = checkSeal(turn, arrival);
  } catch (error) {
    // Its body or its seal: the block itself may still come.
    blame(turn, hash, from, error);
    return false;
  }
  try {
    return noteProposal(turn, signed, manner) && judge(turn, arrival, signed?.proposal ?? null, manner);
  } catch (error) {
    if (error instanceof RuleError && error.code === FUTURE) holdEarly(turn, arrival);
    else refuse(turn, hash, from, error);
    return false;
  }
}

/** What the signature alone says. False for a block that need not be looked at. */
function noteProposal(turn: Turn, signed: SignedBlock | null, { isNews, isNeeded }: Manner): boolean {
  if (signed === null) return true;
  const { proposal, key } = signed;
  const { detector, anchor, orphans } = turn.state;
  const { proposer, slot, block } = proposal;
  if (isNews) noteSigned(turn, proposer, slot);
  if (slot <= anchor.state.slot || slot > currentSlot(turn) + turn.rules.settings.slotsPerEpoch) return true;
  const isWanted = isNeeded || !orphans.children(block).next().done;
  if (!isWanted && isSurplus(detector, proposal, key)) {
    trace(turn, 'ignored', { hash: block, code: 'pos/surplus' });
    return false;
  }
  const offence = seeProposal(detector, proposal, key);
  if (offence !== null) convict(turn, offence);
  return true;
}

/** Keeps a block that breaks no rule. Throws RuleError. */
function judge(turn: Turn, arrival: Arrival, proposal: SignedProposal | null, { isNews }: Manner): boolean {
  const { state, context } = turn;
  const { block, hash, from } = arrival;
  const { parentHash } = block.header;
  const parent = headerOf(turn, parentHash);
  if (state.invalid.has(parentHash)) {
    throw new RuleError('pos/parent', `The parent ${parentHash} of block ${hash} is not valid.`, {}, { blame: false });
  }
  // Before its parent is asked for: what is not believed need not be found.
  checkHistory(turn, arrival);
  if (parent === undefined) {
    // Whoever signed it is not known here: what it waits for may well be, after a while.
    if (proposal === null) fetchBlock(turn, parentHash, from, false);
    else holdOrphan(turn, arrival);
    return false;
  }
  if (!state.store.blocks.has(parent.hash)) return false;
  const facts = verifyHeader(turn.rules, block, parent, context.wallMs);
  const before = proposal === null ? stateAfter(turn, parent.hash, MAX_UNSIGNED_REPLAY) : stateAfter(turn, parent.hash);
  if (before === undefined) return false;
  const after = applyBlock(turn, before, block, { verify: true });
  state.fetches.delete(hash);
  keep(turn, arrival, facts, stakeBlock(turn, block), after);
  if (isNews) noteValid(turn, slotOf(turn, block));
  return true;
}

/**
 * The seal names a validator whose key is known, and is its signature: one hash and one verification, so that nobody but
 * validators can make us compute states. One that is newer than what is final may have another's place on another branch: so the
 * block's own branch says who it is, and where that is not here, a seal that does not fit our head's branch says nothing yet.
 */
function checkSeal(turn: Turn, { block, hash }: Arrival): SignedBlock | null {
  const { proposer, signature } = decodeSeal(block.seal);
  const { anchor, head } = turn.state;
  const slot = slotOf(turn, block);
  const isSettled = proposer < anchor.state.validators.length;
  const branch = isSettled ? anchor.state : stateAfter(turn, block.header.parentHash, MAX_UNSIGNED_REPLAY);
  const key = (branch ?? stateAfter(turn, head.hash))?.validators[proposer]?.publicKey;
  if (key === undefined) return null;
  const message = proposalRoot(turn.rules.params, epochOf(turn.rules.settings, slot), slot, hash);
  if (turn.rules.signatures.verify({ publicKeys: [key], message, signature }))
    return { proposal: { proposer, slot, block: hash, signature }, key };
  if (branch === undefined) return null;
  throw new RuleError('pos/signature', `Block ${hash} is not signed by validator ${proposer}, whom its seal names.`, { proposer });
}

function keep(turn: Turn, { block, hash, from }: Arrival, facts: Facts, { payload }: StakeBlock, after: StakeState): void {
  const { state, rules, context } = turn;
  const { slot } = after;
  const isTimely = slot >= currentSlot(turn) && context.wallMs < voteDueMs(rules.settings, genesisSeconds(turn), slot);
  if (!addToForkChoice(turn, block, after, isTimely)) {
    trace(turn, 'ignored', { hash, code: 'pos/no-room' });
    return;
  }
  keepState(turn, hash, block.header.number, after);
  turn.effects.push({ type: 'insert', block, facts });
  turn.fresh.set(hash, block);
  if (from !== null) state.senders.set(hash, from);
  countPayload(turn, payload, after);
  checkWhenReady(turn, hash);
}

/** Throws RuleError `block/requests` unless the payload repeats what the contract said, as far as it has an effect. */
function checkRequests(turn: Turn, block: Block): void {
  const { parentHash } = block.header;
  const said = understood(turn.context.chain.outputs(parentHash, STAKING_ADDRESS) ?? []);
  const { requests } = decodePayload(block.payload);
  const refused = ({ type }: Request, { code }: RuleError): void => trace(turn, 'requestRefused', { type, code, block: parentHash });
  const expected = said.length === 0 ? [] : effectiveRequests(turn.rules, stateAt(turn, parentHash, slotOf(turn, block)), said, refused);
  if (equalBytes(encodeRlp(expected.map(requestFields)), encodeRlp(requests.map(requestFields)))) return;
  // Those who passed it on could not know: they had not executed its parent yet. So the code is that of a bad body.
  throw new RuleError(
    'block/requests',
    `The payload repeats ${requests.length} requests; of what the staking contract said in the parent ${expected.length} have an effect, and those it must be.`,
  );
}

/** Of a block above the anchor, so it can be had. */
function stateAt(turn: Turn, parent: Hash, slot: Slot): StakeState {
  return processSlots(turn.rules.settings, present(stateAfter(turn, parent), 'the state after an executed block'), slot);
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

/**
 * A block that breaks a rule. Unless it is the seal that is wrong, or our own time or trust, it will never be right, and neither
 * will what waits for it.
 */
function refuse(turn: Turn, hash: Hash, from: NodeId | null, error: unknown): void {
  const { state } = turn;
  blame(turn, hash, from, error);
  if (error instanceof RuleError && SEAL_ERRORS.has(error.code)) return;
  state.fetches.delete(hash);
  state.orphans.dropDescendants(hash);
  if (error instanceof RuleError && error.blame) state.invalid.set(hash, true);
}

/** Throws whatever is not a RuleError. */
function blame(turn: Turn, hash: Hash, from: NodeId | null, error: unknown): void {
  if (!(error instanceof RuleError)) throw error;
  trace(turn, 'refused', { hash, code: error.code });
  if (from !== null && error.blame) turn.effects.push({ type: 'offence', from, error });
}

function holdOrphan(turn: Turn, arrival: Arrival): void {
  const { state } = turn;
  if (slotOf(turn, arrival.block) <= state.anchor.state.slot) return;
  state.counts.orphans++;
  state.fetches.delete(arrival.hash);
  state.orphans.add(arrival);
  trace(turn, 'orphan', { hash: arrival.hash });
  fetchBlock(turn, state.orphans.missingAncestor(arrival), arrival.from, true);
}

/** A clock that is ahead of ours by a little; one that is far ahead is told by its votes and blocks later on. */
function holdEarly(turn: Turn, arrival: Arrival): void {
  const { state, rules } = turn;
  if (slotOf(turn, arrival.block) > currentSlot(turn) + rules.settings.slotsPerEpoch) return;
  state.fetches.delete(arrival.hash);
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
