/**
 * Headers-first synchronisation. Every step has two halves: note what the event says, then `pump`, which looks at the
 * whole state and starts whatever should be under way. What to do next never depends on which event came last, so no
 * order of losses, lies and disconnections can leave sync waiting for nothing (`invariants.ts` states it).
 *
 *   idle -> survey headers of the best candidate -> [confirm them] -> download bodies from all, deliver in order -> idle
 */
import { unreachable } from '../base/assert.ts';
import type { NodeId } from '../base/types.ts';
import { acceptBlocks, blockingRequest, blockSettled, blocksFailed, deliver, hedge, requestBodies, settle } from './bodies.ts';
import { acceptHeaders, headersFailed, requestHeaders } from './headers.ts';
import { HEDGE_AFTER_MS, MAX_PEERS } from './limits.ts';
import { isInteresting, isResting, meetPeer, unanswered } from './peers.ts';
import { close, expired, requestOf } from './requests.ts';
import { beginSession, endSession, finishSession, isOver, leaveBranch, stallsAtMs, turnEndsMs, yieldTurn } from './session.ts';
import type { Request, Session, SyncState, Turn } from './state.ts';
import type { Progress, SyncContext, SyncEffect, SyncEvent } from './types.ts';
import { acceptWanted, noLongerWanted, requestWanted, want, wantedFailed } from './wanted.ts';

export const SYNC_TIMER = 'sync';

/** Changes `state` in place. Throws only what is our own fault. */
export function step(state: SyncState, event: SyncEvent, context: SyncContext): readonly SyncEffect[] {
  const turn: Turn = { state, context, effects: [] };
  note(turn, event);
  pump(turn);
  return turn.effects;
}

function note(turn: Turn, event: SyncEvent): void {
  switch (event.type) {
    case 'peer':
      return meetPeer(turn, event.peer, event.status);
    case 'peerGone':
      return losePeer(turn, event.peer);
    case 'headers':
    case 'blocks':
      return answered(turn, event);
    case 'failed': {
      const request = requestOf(turn, event.request, event.peer);
      if (request !== undefined) fail(turn, request);
      return;
    }
    case 'wanted':
      return want(turn, event.hash, event.from);
    case 'settled':
      if (event.status !== 'refused') noLongerWanted(turn, event.hash);
      if (turn.state.session !== null) blockSettled(turn, turn.state.session, event.hash, event.status);
      return;
    case 'timer':
      turn.state.timerAtMs = null;
      for (const request of expired(turn)) fail(turn, request);
      return;
    case 'head':
      return;
    default:
      return unreachable(event);
  }
}

function answered(turn: Turn, event: Extract<SyncEvent, { type: 'headers' | 'blocks' }>): void {
  const request = requestOf(turn, event.request, event.peer);
  if (request === undefined) return;
  if ((request.kind === 'headers') !== (event.type === 'headers')) return fail(turn, request);
  close(turn, request);
  const peer = turn.state.peers.get(event.peer);
  if (peer !== undefined) peer.failures = 0;
  const { session } = turn.state;
  if (event.type === 'blocks' && request.kind === 'wanted') acceptWanted(turn, request, event.blocks);
  if (session === null) return;
  if (event.type === 'blocks' && request.kind === 'blocks') acceptBlocks(turn, session, request, event.blocks);
  if (event.type === 'headers' && request.kind === 'headers') acceptHeaders(turn, session, request, event.headers);
}

/** A request that will not be answered. */
function fail(turn: Turn, request: Request): void {
  const { session, peers } = turn.state;
  // Leaving a session closes its requests, so one of a list may be gone already.
  if (!turn.state.requests.has(request.id)) return;
  close(turn, request);
  const peer = peers.get(request.peer);
  if (peer !== undefined) unanswered(turn, peer);
  if (request.kind === 'wanted') wantedFailed(turn, request);
  else if (session === null) return;
  else if (request.kind === 'headers') headersFailed(turn, session);
  else blocksFailed(turn, session, request);
}

function losePeer(turn: Turn, id: NodeId): void {
  const { state } = turn;
  for (const request of [...state.requests.values()]) if (request.peer === id) fail(turn, request);
  state.session?.unfit.delete(id);
  state.peers.delete(id);
}

/** Every session that ends makes its peer rest, or hands over to one with fewer strikes, so the rounds are few. */
function pump(turn: Turn): void {
  const { state } = turn;
  for (let rounds = 0; rounds <= 2 * MAX_PEERS; rounds++) {
    const session = state.session ?? beginSession(turn);
    if (session === null) break;
    follow(turn, session);
    if (state.session === session) break;
  }
  requestWanted(turn);
  armTimer(turn);
  report(turn);
}

function follow(turn: Turn, session: Session): void {
  const peer = turn.state.peers.get(session.peer);
  if (peer === undefined) return endSession(turn);
  if (yieldTurn(turn, session, peer)) return;
  if (!settle(turn, session)) return;
  requestHeaders(turn, session, peer);
  if (isOver(session)) return finishSession(turn, session, peer);
  deliver(turn, session);
  requestBodies(turn, session);
  hedge(turn, session);
  if (stallsAtMs(session) <= turn.context.nowMs) leaveBranch(turn, session);
}

/** One timer, for whatever comes first. It may fire early, when what it was set for is over: that does no harm. */
function armTimer(turn: Turn): void {
  const { state, context, effects } = turn;
  const atMs = nextDeadlineMs(turn);
  if (atMs === null) {
    if (state.timerAtMs !== null) effects.push({ type: 'cancelTimer', id: SYNC_TIMER });
    state.timerAtMs = null;
  } else if (state.timerAtMs === null || atMs < state.timerAtMs) {
    state.timerAtMs = atMs;
    effects.push({ type: 'setTimer', id: SYNC_TIMER, delayMs: Math.ceil(atMs - context.nowMs) });
  }
}

function nextDeadlineMs(turn: Turn): number | null {
  const { state, context } = turn;
  const { session } = state;
  let earliest = Number.POSITIVE_INFINITY;
  const consider = (atMs: number): void => {
    if (atMs > context.nowMs && atMs < earliest) earliest = atMs;
  };
  for (const { deadlineMs } of state.requests.values()) consider(deadlineMs);
  const waiting = session !== null || state.wanted.size > 0;
  for (const peer of state.peers.values()) {
    if (isResting(turn, peer) && (waiting || isInteresting(turn, peer))) consider(peer.restUntilMs);
    if (session?.peer === peer.id && !session.proven) consider(turnEndsMs(session, peer));
  }
  if (session !== null) {
    consider(stallsAtMs(session));
    const blocking = blockingRequest(turn, session);
    if (blocking !== undefined && !blocking.hedged) consider(blocking.sentMs + HEDGE_AFTER_MS);
  }
  return earliest === Number.POSITIVE_INFINITY ? null : earliest;
}

function report(turn: Turn): void {
  const { state, context, effects } = turn;
  const { reported } = state;
  if (state.session === null && reported.phase === 'idle') return;
  const progress = progressOf(turn);
  const isOld = progress.phase === reported.phase && progress.current === reported.current && progress.target === reported.target;
  if (isOld) return;
  state.reported = progress;
  effects.push({ type: 'progress', progress });

  function progressOf({ state: { session, peers } }: Turn): Progress {
    const current = context.chain.head.header.number;
    if (session === null) return { phase: 'idle', from: current, current, target: current };
    const target = Math.max(current, session.tip?.header.number ?? 0, peers.get(session.peer)?.status.height ?? 0);
    return { phase: session.proven ? 'blocks' : 'headers', from: session.from, current, target };
  }
}
