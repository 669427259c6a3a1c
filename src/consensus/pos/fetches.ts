/**
 * Blocks that are missing, and who needs them. A block that waits for its parent was signed by a validator; a vote for an unknown
 * block may be anybody's, since who may sign it is not known before the block. So votes have a part of the room, and each
 * peer a small part of that.
 */
import type { Hash, NodeId } from '../../base/types.ts';
import type { Fetch, Turn } from './state.ts';
import { isSearching } from './trust.ts';

export const FETCH_TIMER = 'fetch';
export const FETCH_RETRY_MS = 1_000;
export const MAX_FETCHES = 64;
const MAX_UNSIGNED_FETCHES = 32;
export const MAX_UNSIGNED_FETCHES_OF_PEER = 8;
export const MAX_FETCH_ATTEMPTS = 5;

/** `isSigned`: a validator's block needs it. */
export function fetchBlock(turn: Turn, hash: Hash, from: NodeId | null, isSigned: boolean): void {
  const { fetches } = turn.state;
  const known = fetches.get(hash);
  if (known !== undefined) {
    known.isSigned ||= isSigned;
    return;
  }
  // Who looks for a trusted block takes nothing but what sync brings.
  if (isSearching(turn) || fetches.size >= MAX_FETCHES || (!isSigned && isCrowded(fetches, from))) return;
  if (fetches.size === 0) turn.effects.push({ type: 'setTimer', id: FETCH_TIMER, delayMs: FETCH_RETRY_MS });
  fetches.set(hash, { attempts: 1, from, isSigned });
  turn.effects.push({ type: 'fetch', hash, from });
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

function isCrowded(fetches: ReadonlyMap<Hash, Fetch>, from: NodeId | null): boolean {
  const unsigned = [...fetches.values()].filter((fetch) => !fetch.isSigned);
  return unsigned.length >= MAX_UNSIGNED_FETCHES || unsigned.filter((fetch) => fetch.from === from).length >= MAX_UNSIGNED_FETCHES_OF_PEER;
}
