/**
 * What is true of sync between any two steps, whatever peers do. Tests and the simulator check it after each step.
 *
 * 1. A timer is set whenever time alone could change what sync should do.
 * 2. Nobody is left waiting: without a session no peer is worth following now (a resting one has the timer); with one,
 *    something is in flight, or the engine has a block in hand, or a resting peer is waited for, and the stall timer runs.
 * 3. Counters agree with what they count.
 * 4. Memory is bounded by `limits.ts`.
 */
import { MAX_BLOCK_BYTES } from '../chain/block.ts';
import * as limits from './limits.ts';
import { bestCandidate, isInteresting } from './peers.ts';
import { stallsAtMs } from './session.ts';
import type { Session, SyncState, Turn } from './state.ts';
import type { SyncContext } from './types.ts';

/** The invariants that do not hold, as sentences; empty when all is well. */
export function brokenInvariants(state: SyncState, context: SyncContext): string[] {
  const turn: Turn = { state, context, effects: [] };
  const { session } = state;
  const broken: string[] = [];
  const check = (holds: boolean, sentence: string): void => {
    if (!holds) broken.push(sentence);
  };
  checkTimers(turn, check);
  checkBounds(state, check);
  if (session === null) check(bestCandidate(turn) === undefined, '2: without a session nobody is worth following now');
  else checkSession(turn, session, check);
  for (const peer of state.peers.values()) {
    const open = [...state.requests.values()].filter((request) => request.peer === peer.id).length;
    check(peer.inFlight === open, `3: ${peer.id} has ${open} open requests, not ${peer.inFlight}`);
    check(open <= limits.MAX_REQUESTS_PER_PEER + 1, `4: ${peer.id} has ${open} open requests`);
  }
  return broken;
}

type Check = (holds: boolean, sentence: string) => void;

function checkTimers({ state, context }: Turn, check: Check): void {
  const timer = state.timerAtMs ?? Number.POSITIVE_INFINITY;
  for (const { id, deadlineMs } of state.requests.values()) check(timer <= deadlineMs, `1: a timer for request ${id}`);
  if (state.session !== null) check(timer <= stallsAtMs(state.session), '1: a timer for the session');
  for (const peer of state.peers.values()) {
    const waits = peer.restUntilMs > context.nowMs && isInteresting({ state, context, effects: [] }, peer);
    if (waits) check(timer <= peer.restUntilMs, `1: a timer for the rest of ${peer.id}`);
  }
}

function checkSession(turn: Turn, session: Session, check: Check): void {
  const slots = [...session.slots.values()];
  const held = slots.filter(({ phase }) => phase === 'held');
  const delivered = slots.filter(({ phase }) => phase === 'delivered');
  const sum = (items: typeof slots): number => items.reduce((total, { bytes }) => total + bytes, 0);
  check(turn.state.peers.has(session.peer), '2: the peer of the session is connected');
  check(session.bufferedBytes === sum(held), '3: bytes of held bodies');
  check(session.unsettledBlocks === delivered.length && session.unsettledBytes === sum(delivered), '3: delivered blocks');
  check(slots.length <= limits.MAX_PENDING_HEADERS, `4: ${slots.length} pending headers`);
  check(session.checkpoints.size <= limits.MAX_CHECKPOINTS, `4: ${session.checkpoints.size} checkpoints`);
  check(session.bufferedBytes <= limits.MAX_BUFFERED_BYTES + MAX_BLOCK_BYTES, `4: ${session.bufferedBytes} bytes buffered`);
  check(delivered.length <= limits.MAX_UNSETTLED_BLOCKS, `4: ${delivered.length} unsettled blocks`);
  const asked = new Set([...turn.state.requests.values()].flatMap((request) => (request.kind === 'blocks' ? request.hashes : [])));
  check(
    slots.every((slot) => slot.phase !== 'asked' || asked.has(slot.node.hash)),
    '2: what was asked for is in flight',
  );
}

function checkBounds(state: SyncState, check: Check): void {
  check(state.peers.size <= limits.MAX_PEERS, `4: ${state.peers.size} peers`);
  check(state.wanted.size <= limits.MAX_WANTED, `4: ${state.wanted.size} wanted blocks`);
}
