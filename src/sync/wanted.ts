/**
 * Single blocks that the engine misses. A gap of one block (a lost gossip message) is closed by fetching that block; when
 * its parent is missing as well, as after a partition has healed, the headers of the peer that showed it tell more in
 * one reply than fetching parent after parent would.
 */
import { RuleError } from '../base/errors.ts';
import type { Hash, NodeId } from '../base/types.ts';
import type { ProvenBlock } from '../chain/block.ts';
import { hashHeader } from '../chain/header.ts';
import { wrongBody } from './bodies.ts';
import { MAX_REQUESTS_PER_PEER, MAX_WANTED, MAX_WANTED_IN_FLIGHT, MAX_WANTED_TRIES } from './limits.ts';
import { isResting, rouse, strike } from './peers.ts';
import { askWanted } from './requests.ts';
import { offend, type Peer, type Turn, type Wanted, type WantedRequest } from './state.ts';

export function want(turn: Turn, hash: Hash, from: NodeId | null): void {
  const { wanted, session, peers } = turn.state;
  const sender = from === null ? undefined : peers.get(from);
  if (sender !== undefined) rouse(sender);
  const coming = session?.proven === true && session.slots.has(hash);
  if (wanted.has(hash) || coming || turn.context.chain.get(hash) !== undefined) return;
  if (wanted.size >= MAX_WANTED) forgetOldest(turn);
  wanted.set(hash, { hash, from, tried: new Set(), asked: false });
}

/** The block came by another way. */
export function noLongerWanted(turn: Turn, hash: Hash): void {
  turn.state.wanted.delete(hash);
}

function forgetOldest(turn: Turn): void {
  const [oldest] = turn.state.wanted.keys();
  if (oldest !== undefined) turn.state.wanted.delete(oldest);
}

export function requestWanted(turn: Turn): void {
  if (turn.state.wanted.size === 0) return;
  let inFlight = 0;
  for (const { kind } of turn.state.requests.values()) if (kind === 'wanted') inFlight++;
  for (const item of [...turn.state.wanted.values()]) {
    if (inFlight >= MAX_WANTED_IN_FLIGHT) return;
    if (item.asked) continue;
    if (isHopeless(turn, item)) {
      turn.state.wanted.delete(item.hash);
      continue;
    }
    const peer = bestSource(turn, item);
    if (peer === undefined) continue;
    item.asked = true;
    item.tried.add(peer.id);
    askWanted(turn, peer, item.hash);
    inFlight++;
  }
}

function isHopeless(turn: Turn, item: Wanted): boolean {
  if (item.tried.size >= MAX_WANTED_TRIES) return true;
  for (const id of turn.state.peers.keys()) if (!item.tried.has(id)) return false;
  return item.tried.size > 0;
}

/** First the peer that must have it; without it, whoever is free. */
function bestSource(turn: Turn, item: Wanted): Peer | undefined {
  const first = item.from === null ? undefined : turn.state.peers.get(item.from);
  if (first !== undefined && !item.tried.has(first.id)) return first.inFlight < MAX_REQUESTS_PER_PEER ? first : undefined;
  let best: Peer | undefined;
  for (const peer of turn.state.peers.values()) {
    if (item.tried.has(peer.id) || peer.inFlight >= MAX_REQUESTS_PER_PEER || isResting(turn, peer)) continue;
    if (best === undefined || peer.strikes < best.strikes) best = peer;
  }
  return best;
}

export function wantedFailed(turn: Turn, request: WantedRequest): void {
  const item = turn.state.wanted.get(request.hash);
  if (item !== undefined) item.asked = false;
}

export function acceptWanted(turn: Turn, request: WantedRequest, blocks: readonly ProvenBlock[]): void {
  const peer = turn.state.peers.get(request.peer);
  const item = turn.state.wanted.get(request.hash);
  if (peer === undefined || item === undefined) return;
  item.asked = false;
  const [block] = blocks;
  if (block === undefined) return;
  try {
    check(turn, request.hash, blocks);
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    offend(turn, peer.id, error);
    strike(turn, peer);
    return;
  }
  turn.state.wanted.delete(request.hash);
  peer.strikes = 0;
  use(turn, peer, block);
}

function check(turn: Turn, hash: Hash, blocks: readonly ProvenBlock[]): void {
  const [block] = blocks;
  if (block === undefined || blocks.length !== 1 || hashHeader(block.header) !== hash) {
    throw new RuleError('sync/unrequested', `The peer was asked for block ${hash} and sent ${blocks.length} blocks, not just this one.`);
  }
  if (!turn.context.bodyMatches(block)) throw wrongBody(hash);
}

function use(turn: Turn, peer: Peer, block: ProvenBlock): void {
  const { chain } = turn.context;
  if (block.header.number <= chain.finalized.header.number) return;
  if (chain.get(block.header.parentHash) !== undefined) {
    turn.effects.push({ type: 'deliver', block, from: peer.id });
    return;
  }
  peer.probe = true;
  rouse(peer);
}
