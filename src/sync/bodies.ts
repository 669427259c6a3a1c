/** Downloading a proven branch: bodies from everybody who has them, delivered to the engine in order and no faster than it settles them. */
import { RuleError } from '../base/errors.ts';
import type { Hash, NodeId } from '../base/types.ts';
import { MAX_BLOCK_BYTES, type ProvenBlock } from '../chain/block.ts';
import { hashHeader } from '../chain/header.ts';
import type { BlockStatus } from '../chain/tree.ts';
import {
  BODY_WINDOW,
  FAST_REPLY_MS,
  HEDGE_AFTER_MS,
  MAX_BLOCKS_PER_REQUEST,
  MAX_BUFFERED_BYTES,
  MAX_REQUESTS_PER_PEER,
  MAX_UNSETTLED_BLOCKS,
  MAX_UNSETTLED_BYTES,
  SLOW_REPLY_MS,
} from './limits.ts';
import { isResting, strike } from './peers.ts';
import { askBlocks } from './requests.ts';
import { leaveBranch, leaveRefused, provenHeight, rejectBranch } from './session.ts';
import { blockBytes } from './size.ts';
import { type BlocksRequest, offend, type Peer, type Session, type Slot, type Turn } from './state.ts';
import { storedStatus } from './stored.ts';

/** Drops settled slots from the front. False when the branch turned out to be invalid and the session is gone. */
export function settle(turn: Turn, session: Session): boolean {
  const { chain } = turn.context;
  for (const [hash, slot] of session.slots) {
    if (slot.node.header.number > provenHeight(session)) return true;
    const status = storedStatus(chain, slot.node.header.number, hash);
    if (status === undefined) return true;
    if (status === 'invalid') return rejectInvalid(turn, session, hash);
    if (slot.phase !== 'delivered') come(session, slot, 'stored');
    // A branch that is not heavier yet is only stored; the engine executes it when its weight has grown.
    if (status === 'stored' && slot.node.facts.weight > chain.head.facts.weight) return true;
    remove(session, slot);
    session.progressMs = turn.context.nowMs;
  }
  return true;
}

/** News of one block. Whatever it is, the engine is alive. */
export function blockSettled(turn: Turn, session: Session, hash: Hash, status: BlockStatus | 'refused'): void {
  session.progressMs = turn.context.nowMs;
  const slot = session.slots.get(hash);
  if (status === 'invalid') {
    if (slot !== undefined || descendsFrom(turn, session, hash)) rejectInvalid(turn, session, hash);
    return;
  }
  // The engine has its reasons, and blames the peer itself when they are the peer's fault.
  if (status === 'refused' && slot?.phase === 'delivered') leaveRefused(turn, session);
}

function rejectInvalid(turn: Turn, session: Session, hash: Hash): false {
  rejectBranch(turn, session, new RuleError('sync/invalid-block', `The peer's chain has the invalid block ${hash}.`, { hash }));
  return false;
}

/** Whether the branch has this stored block below its slots: a light branch is stored long before it is executed. */
function descendsFrom({ context: { chain } }: Turn, session: Session, hash: Hash): boolean {
  const [oldest] = session.slots.values();
  const number = chain.get(hash)?.header.number;
  if (oldest === undefined || number === undefined) return false;
  let at = chain.get(oldest.node.header.parentHash);
  while (at !== undefined && at.header.number > number) at = chain.get(at.header.parentHash);
  return at?.hash === hash;
}

/** Hands over what is there, oldest first, while the engine keeps up. */
export function deliver(turn: Turn, session: Session): void {
  for (const slot of session.slots.values()) {
    if (hasCome(slot)) continue;
    const { block, from, bytes } = slot;
    if (block === null || from === null) return;
    if (session.unsettledBlocks >= MAX_UNSETTLED_BLOCKS) return;
    if (session.unsettledBlocks > 0 && session.unsettledBytes + bytes > MAX_UNSETTLED_BYTES) return;
    come(session, slot, 'delivered');
    session.unsettledBlocks++;
    session.unsettledBytes += bytes;
    turn.effects.push({ type: 'deliver', block, from });
  }
}

function hasCome(slot: Slot): boolean {
  return slot.phase === 'delivered' || slot.phase === 'stored';
}

/** The block is with the engine or in the store: a body that waited here is let go. */
function come(session: Session, slot: Slot, phase: 'delivered' | 'stored'): void {
  if (slot.phase === 'held') session.bufferedBytes -= slot.bytes;
  slot.block = null;
  slot.phase = phase;
}

function remove(session: Session, slot: Slot): void {
  session.slots.delete(slot.node.hash);
  if (slot.phase !== 'delivered') return;
  session.unsettledBlocks--;
  session.unsettledBytes -= slot.bytes;
}

/** Shares the missing bodies of the window among the peers that have this branch and time for us. */
export function requestBodies(turn: Turn, session: Session): void {
  const missing = missingSlots(turn, session);
  let openRequests = 0;
  for (const { kind } of turn.state.requests.values()) if (kind === 'blocks') openRequests++;
  while (missing.length > 0) {
    const reserved = session.bufferedBytes + (openRequests + 1) * MAX_BLOCK_BYTES;
    // The oldest missing body is always asked for: everything that is buffered waits for it.
    if (reserved > MAX_BUFFERED_BYTES && missing[0] !== firstUndelivered(session)) return;
    const peer = bestSource(turn, session, missing[0], null);
    if (peer === undefined) return;
    const slots = missing.splice(0, peer.span);
    for (const slot of slots) slot.phase = 'asked';
    askBlocks(
      turn,
      peer,
      slots.map(({ node }) => node.hash),
    );
    openRequests++;
  }
}

/** One slow or silent peer must not hold up what all the others have brought: its part is asked of somebody else too. */
export function hedge(turn: Turn, session: Session): void {
  const request = blockingRequest(turn, session);
  if (request === undefined || request.hedged || turn.context.nowMs < request.sentMs + HEDGE_AFTER_MS) return;
  const peer = bestSource(turn, session, firstUndelivered(session), request.peer);
  if (peer === undefined) return;
  request.hedged = true;
  const awaited = request.hashes.filter((hash) => session.slots.get(hash)?.phase === 'asked');
  askBlocks(turn, peer, awaited);
}

/** The request that is to bring the oldest body that is not here. */
export function blockingRequest(turn: Turn, session: Session): BlocksRequest | undefined {
  const slot = firstUndelivered(session);
  if (slot?.phase !== 'asked') return undefined;
  for (const request of turn.state.requests.values()) {
    if (request.kind === 'blocks' && request.hashes.includes(slot.node.hash)) return request;
  }
  return undefined;
}

function missingSlots(turn: Turn, session: Session): Slot[] {
  const missing: Slot[] = [];
  let seen = 0;
  const highest = provenHeight(session);
  for (const slot of session.slots.values()) {
    const { hash, header } = slot.node;
    if (++seen > BODY_WINDOW || header.number > highest) break;
    if (slot.phase !== 'missing') continue;
    if (storedStatus(turn.context.chain, header.number, hash) === undefined) missing.push(slot);
    else come(session, slot, 'stored');
  }
  return missing;
}

function firstUndelivered(session: Session): Slot | undefined {
  for (const slot of session.slots.values()) if (!hasCome(slot)) return slot;
  return undefined;
}

function bestSource(turn: Turn, session: Session, slot: Slot | undefined, except: NodeId | null): Peer | undefined {
  let best: Peer | undefined;
  for (const peer of turn.state.peers.values()) {
    if (peer.id === except) continue;
    if (peer.inFlight >= MAX_REQUESTS_PER_PEER || isResting(turn, peer) || session.unfit.has(peer.id)) continue;
    if (peer.id !== session.peer && peer.status.height < (slot?.node.header.number ?? 0)) continue;
    if (best === undefined || serves(peer, best)) best = peer;
  }
  return best;
}

/** Whether `a` should be asked before `b`. */
function serves(a: Peer, b: Peer): boolean {
  if (a.strikes !== b.strikes) return a.strikes < b.strikes;
  if (a.inFlight !== b.inFlight) return a.inFlight < b.inFlight;
  if (a.span !== b.span) return a.span > b.span;
  return a.id < b.id;
}

export function acceptBlocks(turn: Turn, session: Session, request: BlocksRequest, blocks: readonly ProvenBlock[]): void {
  const peer = turn.state.peers.get(request.peer);
  if (peer === undefined) return;
  const asked = new Set(request.hashes);
  try {
    for (const block of blocks) hold(turn, session, peer.id, block, asked);
    if (blocks.length > 0) reward(turn, peer, request);
    else hasNone(turn, session, peer);
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    offend(turn, peer.id, error);
    strike(turn, peer);
    session.unfit.add(peer.id);
  }
  returnSlots(session, request);
  // Without the bodies of the peer that announced it, a branch is not worth holding up the others.
  if (session.unfit.has(session.peer)) leaveBranch(turn, session);
}

/** Nobody has to have everybody's branches, but whoever shows a chain of headers as its own must have their blocks. */
function hasNone(turn: Turn, session: Session, peer: Peer): void {
  session.unfit.add(peer.id);
  if (peer.id !== session.peer) return;
  offend(turn, peer.id, new RuleError('sync/withheld', 'The peer has no block for the headers that it showed.'));
}

export function blocksFailed(turn: Turn, session: Session, request: BlocksRequest): void {
  const peer = turn.state.peers.get(request.peer);
  if (peer !== undefined) peer.span = Math.max(1, peer.span >> 1);
  returnSlots(session, request);
}

/** What a request did not bring is asked of somebody. */
function returnSlots(session: Session, request: BlocksRequest): void {
  for (const hash of request.hashes) {
    const slot = session.slots.get(hash);
    if (slot?.phase === 'asked') slot.phase = 'missing';
  }
}

function hold(turn: Turn, session: Session, from: NodeId, block: ProvenBlock, asked: Set<Hash>): void {
  const hash = hashHeader(block.header);
  // Each hash counts once, so a reply that repeats a block is refused as well.
  if (!asked.delete(hash)) throw new RuleError('sync/unrequested', `The peer sent block ${hash}, which it was not asked for.`);
  const slot = session.slots.get(hash);
  if (slot?.phase !== 'asked') return;
  if (!turn.context.bodyMatches(block)) throw wrongBody(hash);
  // The seal is no part of the hash. The one that was verified with the header is the one that counts.
  slot.block = { ...block, header: slot.node.header, seal: slot.node.seal };
  slot.bytes = blockBytes(block);
  slot.from = from;
  slot.phase = 'held';
  session.bufferedBytes += slot.bytes;
  session.received++;
  session.progressMs = turn.context.nowMs;
}

export function wrongBody(hash: Hash): RuleError {
  return new RuleError('sync/wrong-body', `The peer sent a body that does not belong to block ${hash}.`);
}

function reward(turn: Turn, peer: Peer, request: BlocksRequest): void {
  peer.strikes = 0;
  const tookMs = turn.context.nowMs - request.sentMs;
  if (tookMs <= FAST_REPLY_MS) peer.span = Math.min(MAX_BLOCKS_PER_REQUEST, peer.span * 2);
  else if (tookMs > SLOW_REPLY_MS) peer.span = Math.max(1, peer.span >> 1);
}
