/** The table of open requests. Each has a deadline, so whatever a peer does, sync goes on. */
import type { Hash } from '../base/types.ts';
import { BLOCKS_TIMEOUT_MS, HEADERS_PER_REQUEST, HEADERS_TIMEOUT_MS } from './limits.ts';
import { claimOf } from './peers.ts';
import type { Peer, Request, RequestBase, Turn } from './state.ts';
import type { SyncRequestId } from './types.ts';

export function askHeaders(turn: Turn, peer: Peer, locator: readonly Hash[]): void {
  const base = open(turn, peer, HEADERS_TIMEOUT_MS);
  turn.state.requests.set(base.id, { ...base, kind: 'headers', claim: claimOf(peer) });
  turn.effects.push({ type: 'requestHeaders', request: base.id, peer: peer.id, locator, limit: HEADERS_PER_REQUEST });
}

export function askBlocks(turn: Turn, peer: Peer, hashes: readonly Hash[]): void {
  const base = open(turn, peer, BLOCKS_TIMEOUT_MS);
  turn.state.requests.set(base.id, { ...base, kind: 'blocks', hashes, hedged: false });
  turn.effects.push({ type: 'requestBlocks', request: base.id, peer: peer.id, hashes });
}

export function askWanted(turn: Turn, peer: Peer, hash: Hash): void {
  const base = open(turn, peer, BLOCKS_TIMEOUT_MS);
  turn.state.requests.set(base.id, { ...base, kind: 'wanted', hash });
  turn.effects.push({ type: 'requestBlocks', request: base.id, peer: peer.id, hashes: [hash] });
}

function open(turn: Turn, peer: Peer, timeoutMs: number): RequestBase {
  const { state, context } = turn;
  peer.inFlight++;
  return { id: state.nextRequest++, peer: peer.id, sentMs: context.nowMs, deadlineMs: context.nowMs + timeoutMs };
}

/** The request is over, answered or not. */
export function close(turn: Turn, request: Request): void {
  turn.state.requests.delete(request.id);
  const peer = turn.state.peers.get(request.peer);
  if (peer !== undefined) peer.inFlight--;
}

/** The open request that a reply names. Late replies and those of others are undefined, and nobody's fault. */
export function requestOf(turn: Turn, id: SyncRequestId, peer: string): Request | undefined {
  const request = turn.state.requests.get(id);
  return request?.peer === peer ? request : undefined;
}

export function expired(turn: Turn): Request[] {
  return [...turn.state.requests.values()].filter(({ deadlineMs }) => deadlineMs <= turn.context.nowMs);
}
