/**
 * Looks at JSON before it is parsed: how deep it nests, how many items a top-level array has, and how many values there
 * are in all. JSON.parse would build them first (32 MiB of small ones hold up the event loop for a second), so a hostile
 * text is refused here, in one pass and without allocation. Whether the text is JSON at all is left to JSON.parse.
 */
import type { Json } from '../base/types.ts';
import { invalidRequest, parseError } from './errors.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Far more than the largest honest batch has; one value of any length is cheap, millions are not. */
const MAX_VALUES = 250_000;

export interface JsonBounds {
  readonly maxJsonDepth: number;
  readonly maxBatchItems: number;
}

/** Throws RpcError -32700 for what is not JSON or too deep, -32600 for a batch with too many items. */
export function parseJson(text: string, bounds: JsonBounds): Json {
  checkBounds(text, bounds);
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw parseError('the request is not valid JSON');
  }
}

function checkBounds(text: string, bounds: JsonBounds): void {
  const isBatch = /^\s*\[/.test(text);
  let depth = 0;
  let items = 1;
  let values = 1;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === QUOTE) {
      at = endOfString(text, at);
    } else if (character === OPEN_BRACKET || character === OPEN_BRACE) {
      depth++;
      if (depth > bounds.maxJsonDepth) throw parseError(`the request nests deeper than ${bounds.maxJsonDepth} levels`);
    } else if (character === CLOSE_BRACKET || character === CLOSE_BRACE) {
      depth--;
    } else if (character === COMMA) {
      values++;
      if (values > MAX_VALUES) throw parseError(`the request has more than ${MAX_VALUES} values`);
      if (depth === 1 && isBatch) items++;
      if (items > bounds.maxBatchItems) throw invalidRequest(`batch too large: at most ${bounds.maxBatchItems} requests are allowed`);
    }
  }
}

/** Index of the closing quote (or of the end of the text). Native search: most of a large body is one long string. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end !== -1 && isEscaped(text, end, start)) end = text.indexOf('"', end + 1);
  return end === -1 ? text.length : end;
}

/** An odd number of backslashes stands before it. */
function isEscaped(text: string, at: number, start: number): boolean {
  let backslashes = 0;
  while (at - 1 - backslashes > start && text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes++;
  return backslashes % 2 === 1;
}
