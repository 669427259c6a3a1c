/** Whom to ask: what peers claim, how they behaved, and who comes next. */
import { RuleError } from '../base/errors.ts';
import type { NodeId } from '../base/types.ts';
import { FAILURES_PER_OFFENCE, MAX_PEERS, restMs } from './limits.ts';
import { newPeer, offend, type Peer, type Turn } from './state.ts';
import type { PeerStatus } from './types.ts';

/** A new peer, or news of one. A changed status is a new claim, and proof that the peer is alive. */
export function meetPeer(turn: Turn, id: NodeId, status: PeerStatus): void {
  const { peers, session } = turn.state;
  const peer = peers.get(id);
  if (peer === undefined) {
    if (peers.size < MAX_PEERS) peers.set(id, newPeer(id, status));
    return;
  }
  const changed = status.head !== peer.status.head || status.weight !== peer.status.weight;
  peer.status = status;
  if (!changed) return;
  peer.credible = true;
  rouse(peer);
  session?.unfit.delete(id);
}

/** The weight that the peer has promised to prove. */
export function claimOf(peer: Peer): bigint {
  return peer.credible ? peer.status.weight : 0n;
}

/** Whether following this peer would give us a heavier chain, if it spoke the truth. */
export function claimsMore(turn: Turn, peer: Peer): boolean {
  const { state, context } = turn;
  const claim = claimOf(peer);
  if (claim <= context.chain.head.facts.weight || claim < state.settings.minimumWeight) return false;
  return context.chain.get(peer.status.head) === undefined;
}

/** Somebody to follow, now or after a rest. */
export function isInteresting(turn: Turn, peer: Peer): boolean {
  return peer.probe || claimsMore(turn, peer);
}

export function isResting(turn: Turn, peer: Peer): boolean {
  return peer.restUntilMs > turn.context.nowMs;
}

/**
 * The peer to follow next: those that never disappointed first, then the greatest claim. In this order a liar or a
 * silent peer, however great its claim, costs one time-out and then waits behind everybody else.
 */
export function bestCandidate(turn: Turn, except: NodeId | null = null): Peer | undefined {
  let best: Peer | undefined;
  for (const peer of turn.state.peers.values()) {
    if (peer.id === except || isResting(turn, peer) || !isInteresting(turn, peer)) continue;
    if (best === undefined || precedes(peer, best)) best = peer;
  }
  return best;
}

function precedes(a: Peer, b: Peer): boolean {
  if (a.strikes !== b.strikes) return a.strikes < b.strikes;
  if (claimOf(a) !== claimOf(b)) return claimOf(a) > claimOf(b);
  return a.id < b.id;
}

export function rest(turn: Turn, peer: Peer): void {
  peer.restUntilMs = Math.max(peer.restUntilMs, turn.context.nowMs + restMs(Math.max(peer.strikes, peer.refusals)));
}

/**
 * There is news of it. That does not end the rest of a peer whose blocks the engine does not take: its chain grows all the
 * time, and would be asked for as often.
 */
export function rouse(peer: Peer): void {
  if (peer.refusals === 0) peer.restUntilMs = 0;
}

export function strike(turn: Turn, peer: Peer): void {
  peer.strikes++;
  rest(turn, peer);
}

/** No answer, or none that could be used. */
export function unanswered(turn: Turn, peer: Peer): void {
  strike(turn, peer);
  peer.failures++;
  if (peer.failures % FAILURES_PER_OFFENCE !== 0) return;
  const { failures } = peer;
  offend(turn, peer.id, new RuleError('sync/unresponsive', `The peer left ${failures} sync requests in a row unanswered.`, { failures }));
}

/** It said something false: that is held against it, and its claim is forgotten. */
export function discredit(turn: Turn, peer: Peer, error: RuleError): void {
  offend(turn, peer.id, error);
  disbelieve(turn, peer);
}

/** Its claim is forgotten until it makes another. */
export function disbelieve(turn: Turn, peer: Peer): void {
  peer.credible = false;
  strike(turn, peer);
}
