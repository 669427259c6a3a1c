/**
 * Looks at JSON before it is parsed: how deep it nests, how many items a top-level array has, and how many values there
 * are in all. JSON.parse would build them first (32 MiB of small ones hold up the event loop for a second), so a hostile
 * text is refused here, in one pass and without allocation. Whether the text is JSON at all is left to JSON.parse.
 */
import { isUtf8 } from 'node:buffer';
import type { Json } from '../base/types.ts';
import { Breather } from './breather.ts';
import { parseError, RPC_CODES, RpcError } from './errors.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const OPEN_BRACE = 0x7b;

/** What a byte means between strings; bytes above 127 are parts of characters and mean nothing. */
const NOTHING = 0;
const STRING = 1;
const OPEN = 2;
const CLOSE = 3;
const SEPARATOR = 4;
const MEANINGS = new Uint8Array(256);
MEANINGS[QUOTE] = STRING;
for (const open of [OPEN_BRACKET, OPEN_BRACE]) {
  MEANINGS[open] = OPEN;
  MEANINGS[open + 2] = CLOSE;
}
MEANINGS[COMMA] = SEPARATOR;

/** Strings and commas: far more than the largest honest batch has. One value of any length is cheap, millions are not. */
const MAX_TOKENS = 500_000;

/**
 * What needs no breath. Requests up to this size have their ids repeated to the last digit, whatever number it is: some clients
 * count beyond 2^53.
 */
const SMALL_BYTES = 64 * 1024;

/** A number as it was written, for one that is no integer up to 2^53. */
export class ExactNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export interface JsonBounds {
  readonly maxJsonDepth: number;
  readonly maxBatchItems: number;
}

/** A batch with more items than are allowed. Its reply is a list, as geth's is, so that clients of batches can read it. */
export class OversizedBatch extends RpcError {
  /** The first item, to answer to; null where it cannot be read. */
  readonly first: Json;

  constructor(maxItems: number, first: Json) {
    super(RPC_CODES.invalidRequest, 'rpc/batch-too-large', `batch too large: at most ${maxItems} requests are allowed`);
    this.first = first;
  }
}

/**
 * An id that is an `ExactNumber` stands for a number. Throws RpcError -32700 for what is not JSON or too much of it, OversizedBatch
 * for a batch with too many items.
 */
export async function parseJson(bytes: Buffer, bounds: JsonBounds): Promise<Json> {
  const breather = bytes.length > SMALL_BYTES ? new Breather() : null;
  if (!isUtf8(bytes)) throw parseError('the request is not UTF-8');
  checkBounds(bytes, bounds);
  if (breather !== null) await breather.breathe();
  try {
    const text = bytes.toString('utf8');
    const message = JSON.parse(text) as Json;
    return bytes.length <= SMALL_BYTES && hasLongId(message) ? withExactIds(text) : message;
  } catch {
    throw parseError('the request is not valid JSON');
  }
}

function hasLongId(message: Json): boolean {
  if (Array.isArray(message)) return message.some((item) => !Array.isArray(item) && hasLongId(item));
  return typeof message === 'object' && message !== null && isLong((message as { readonly id?: Json }).id);
}

function isLong(value: unknown): boolean {
  return typeof value === 'number' && !Number.isSafeInteger(value);
}

/** With the source text of each value, which the language has and the compiler's library does not know of yet. */
type ParseWithSource = (text: string, revive: (key: string, value: unknown, context: { readonly source?: string }) => unknown) => Json;

function withExactIds(text: string): Json {
  return (JSON.parse as ParseWithSource)(text, (key, value, { source }) =>
    key === 'id' && isLong(value) && source !== undefined ? new ExactNumber(source) : value,
  );
}

/** On bytes, in which a pass is several times as fast as over the characters of a string. */
function checkBounds(bytes: Buffer, bounds: JsonBounds): void {
  let depth = 0;
  let items = 1;
  let tokens = 0;
  let isBatch: boolean | undefined;
  let firstEnd = 0;
  for (let at = 0; at < bytes.length; at++) {
    const meaning = MEANINGS[bytes[at] ?? 0];
    if (meaning === NOTHING) continue;
    // What stands before the first bracket is white space, or not JSON.
    isBatch ??= bytes[at] === OPEN_BRACKET;
    if ((meaning === STRING || meaning === SEPARATOR) && ++tokens > MAX_TOKENS)
      throw parseError(`the request has more than ${MAX_TOKENS} values`);
    if (meaning === STRING) {
      at = endOfString(bytes, at);
    } else if (meaning === OPEN) {
      depth++;
      if (depth > bounds.maxJsonDepth) throw parseError(`the request nests deeper than ${bounds.maxJsonDepth} levels`);
    } else if (meaning === CLOSE) {
      depth--;
    } else if (depth === 1 && isBatch) {
      if (items === 1) firstEnd = at;
      items++;
      if (items > bounds.maxBatchItems) throw new OversizedBatch(bounds.maxBatchItems, firstItem(bytes, firstEnd));
    }
  }
}

/** Of a list, up to its first comma. */
function firstItem(bytes: Buffer, end: number): Json {
  try {
    return JSON.parse(bytes.toString('utf8', bytes.indexOf(OPEN_BRACKET) + 1, end)) as Json;
  } catch {
    return null;
  }
}

/** Index of the closing quote, or beyond the end. A native search would cost more on millions of short or escaped strings. */
function endOfString(bytes: Buffer, start: number): number {
  let at = start + 1;
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at;
}
