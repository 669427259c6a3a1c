/** Every bound and time-out of sync. */
import { assert } from '../base/assert.ts';
import { MAX_BLOCK_BYTES } from '../chain/block.ts';

/** A batch takes a few milliseconds to hash and verify, so the event loop stays free; it has some 150 KiB on the wire. */
export const HEADERS_PER_REQUEST = 256;
/** Verified headers ahead of the blocks: what a 10^6-block sync holds in memory (some 2.5 KiB each). */
export const MAX_PENDING_HEADERS = 4_096;
/** How far back from its parent a header's verification may look while nothing of its branch is stored. */
export const SURVEY_ANCESTORS = 1_024;
/** One hash for each batch of a survey: enough for 8 million headers in 1 MiB or so. */
export const MAX_CHECKPOINTS = 32_768;
export const MAX_LOCATOR_HASHES = 64;

export const MAX_BLOCKS_PER_REQUEST = 32;
/** A reply to `requestBlocks` stops at this size, but always carries one block when it can. */
export const MAX_BLOCKS_REPLY_BYTES = 4 * 1024 * 1024;
export const FIRST_BLOCKS_PER_REQUEST = 16;
/** Bodies are asked for at most this far ahead of the oldest one that is not settled. */
export const BODY_WINDOW = 256;
export const MAX_REQUESTS_PER_PEER = 2;
/** Bodies that wait for an older one, together with the most that open requests could bring. */
export const MAX_BUFFERED_BYTES = 64 * 1024 * 1024;
/** Delivered to the engine and not settled. */
export const MAX_UNSETTLED_BLOCKS = 64;
export const MAX_UNSETTLED_BYTES = 16 * 1024 * 1024;

export const MAX_PEERS = 256;
export const MAX_WANTED = 128;
export const MAX_WANTED_IN_FLIGHT = 16;
/** Peers that are asked for one wanted block before it is given up. */
export const MAX_WANTED_TRIES = 3;

export const HEADERS_TIMEOUT_MS = 5_000;
export const BLOCKS_TIMEOUT_MS = 10_000;
/** When everything waits for one request of this age, somebody else is asked as well. */
export const HEDGE_AFTER_MS = 2_000;
/** A reply faster than this lets a peer be asked for more at once; one slower than the second, for less. */
export const FAST_REPLY_MS = 1_000;
export const SLOW_REPLY_MS = 4_000;
/** Header requests that fail in a row before the peer is left. */
export const MAX_HEADER_FAILURES = 3;
/** After this long without a block from anybody, a branch counts as withheld. */
export const STALL_TIMEOUT_MS = 20_000;
/** The same while the engine has blocks of ours in hand: executing is allowed to take longer. */
export const SETTLE_TIMEOUT_MS = 120_000;
/** How long a survey may run when others wait for their turn; doubles each time that it was not enough. */
export const SURVEY_TURN_MS = 20_000;
const MAX_TURN_DOUBLINGS = 10;

/** A peer rests after each sync with it, so that nothing can make us ask without end. */
export const REST_MS = 1_000;
const MAX_REST_DOUBLINGS = 5;
/** Requests without an answer in a row for which a peer is reported. One or two may be the network's fault. */
export const FAILURES_PER_OFFENCE = 4;

assert(MAX_PENDING_HEADERS >= SURVEY_ANCESTORS + HEADERS_PER_REQUEST, 'a survey has room for a batch beside the ancestors');
assert(MAX_PENDING_HEADERS >= BODY_WINDOW + HEADERS_PER_REQUEST, 'headers are fetched before the bodies run out');
assert(BODY_WINDOW >= MAX_UNSETTLED_BLOCKS + MAX_BLOCKS_PER_REQUEST, 'bodies are fetched while others execute');
assert(MAX_BUFFERED_BYTES >= 2 * MAX_BLOCK_BYTES, 'two requests can be open at once');
assert(MAX_BLOCKS_PER_REQUEST >= FIRST_BLOCKS_PER_REQUEST, 'the first request is within the bound');

/** How long a peer with this many strikes rests: 1, 1, 2, 4 ... 32 s. */
export function restMs(strikes: number): number {
  return REST_MS * 2 ** Math.min(Math.max(strikes - 1, 0), MAX_REST_DOUBLINGS);
}

/** How long the next survey of a peer may run after it was cut short this often. */
export function surveyTurnMs(turns: number): number {
  return SURVEY_TURN_MS * 2 ** Math.min(turns, MAX_TURN_DOUBLINGS);
}
