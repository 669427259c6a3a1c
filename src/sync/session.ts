/** Beginning, leaving and finishing a session (`Session` in state.ts tells its life). */
import { RuleError } from '../base/errors.ts';
import { SETTLE_TIMEOUT_MS, STALL_TIMEOUT_MS, surveyTurnMs } from './limits.ts';
import { bestCandidate, disbelieve, discredit, rest, strike } from './peers.ts';
import { close } from './requests.ts';
import { newSession, type Peer, type Session, type Turn } from './state.ts';

export function beginSession(turn: Turn): Session | null {
  const peer = bestCandidate(turn);
  turn.state.session = peer === undefined ? null : newSession(turn, peer.id);
  return turn.state.session;
}

/** Forgets the session. Replies that are still to come are ignored; wanted blocks are no part of it. */
export function endSession(turn: Turn): void {
  turn.state.session = null;
  for (const request of [...turn.state.requests.values()]) if (request.kind !== 'wanted') close(turn, request);
}

/** The peer spoke or served falsely: its branch is dropped. */
export function rejectBranch(turn: Turn, session: Session, error: RuleError): void {
  endSession(turn);
  const peer = turn.state.peers.get(session.peer);
  if (peer === undefined) return;
  peer.probe = false;
  discredit(turn, peer, error);
}

/** Nobody lied, but there is no going on now: others first, and this peer again after a rest. */
export function leaveBranch(turn: Turn, session: Session): void {
  endSession(turn);
  const peer = turn.state.peers.get(session.peer);
  if (peer !== undefined) strike(turn, peer);
}

/** The engine does not take its blocks, now or ever: it is asked again, more and more rarely, until it does. */
export function leaveRefused(turn: Turn, session: Session): void {
  const peer = turn.state.peers.get(session.peer);
  if (peer !== undefined) peer.refusals++;
  leaveBranch(turn, session);
}

/** The height up to which the branch is known to be worth its download. */
export function provenHeight(session: Session): number {
  if (!session.proven) return -1;
  return session.confirming ? session.confirmedHeight : Number.POSITIVE_INFINITY;
}

/** All that the peer has, and that is worth having, is settled. */
export function isOver(session: Session): boolean {
  if (!session.ended) return false;
  const [oldest] = session.slots.values();
  return oldest === undefined || oldest.node.header.number > provenHeight(session);
}

/** The peer's chain has been followed to its end: was it what the peer had claimed? */
export function finishSession(turn: Turn, session: Session, peer: Peer): void {
  endSession(turn);
  peer.probe = false;
  // A peer that went over to a branch that we have ends there: its claim is no lie as long as our own chain is as heavy.
  const ours = turn.context.chain.head.facts.weight;
  const shown = session.tip?.facts.weight ?? ours;
  const { claim } = session;
  if (claim > shown && claim > ours && !session.interrupted) {
    const message = `The peer claimed a chain of weight ${claim}, but its headers end at weight ${shown}.`;
    if (turn.state.settings.weightMayFall) disbelieve(turn, peer);
    else discredit(turn, peer, new RuleError('sync/false-weight', message, { claim, weight: shown }));
  } else if (session.interrupted || !session.proven) {
    strike(turn, peer);
  } else {
    peer.refusals = 0;
    rest(turn, peer);
  }
}

/** Gives somebody else the turn: a peer that says nothing, or a survey without end, must not hold it. True: it did. */
export function yieldTurn(turn: Turn, session: Session, peer: Peer): boolean {
  if (session.proven) return false;
  const next = bestCandidate(turn, peer.id);
  if (next === undefined) return false;
  if (session.tip === null) {
    if (next.strikes >= peer.strikes) return false;
    endSession(turn);
    return true;
  }
  if (turn.context.nowMs < turnEndsMs(session, peer)) return false;
  peer.turns++;
  leaveBranch(turn, session);
  return true;
}

export function turnEndsMs(session: Session, peer: Peer): number {
  return session.startedMs + surveyTurnMs(peer.turns);
}

/** When a session counts as stalled, unless something happens before. */
export function stallsAtMs(session: Session): number {
  return session.progressMs + (session.unsettledBlocks > 0 ? SETTLE_TIMEOUT_MS : STALL_TIMEOUT_MS);
}
