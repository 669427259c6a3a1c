/**
 * What a packet says, in a few words of JSON, for those who read a trace. Engine messages are decoded and shown field by
 * field, whatever the engine; long values are cut, because a reader wants to tell messages apart and not to have them.
 */
import { toHex } from '../base/bytes.ts';
import type { Json } from '../base/types.ts';
import type { Block } from '../chain/block.ts';
import { hashHeader } from '../chain/header.ts';
import type { Packet } from './packets.ts';
import { decodeTransfer } from './transfers.ts';

export type Summary = { readonly [key: string]: Json };
export type DecodeMessage = (bytes: Uint8Array) => unknown;

const MAX_DEPTH = 3;
const MAX_FIELDS = 16;
const MAX_ITEMS = 8;
/** A hash, and its prefix, fit. */
const MAX_CHARACTERS = 80;
const MAX_BYTES_SHOWN = 16;

/** Never throws: what hostile nodes send cannot always be described. `block` is the hash of the block that it is about. */
export function summarize(packet: Packet, decode: DecodeMessage): Summary {
  try {
    return describePacket(packet, decode);
  } catch {
    return { malformed: true };
  }
}

function describePacket(packet: Packet, decode: DecodeMessage): Summary {
  switch (packet.type) {
    case 'block':
      return about([packet.block]);
    case 'transaction':
      return describeTransaction(packet.bytes);
    case 'message':
      return fieldsOf(decode(packet.bytes));
    case 'status':
      return { block: packet.status.head, height: packet.status.height, finalized: packet.status.finalizedHeight };
    case 'getHeaders':
      return { request: packet.request, above: packet.locator[0] ?? null, limit: packet.limit };
    case 'headers':
      return { request: packet.request, ...about(packet.headers) };
    case 'getBlocks':
      return { request: packet.request, count: packet.hashes.length, block: packet.hashes[0] ?? null };
    case 'blocks':
      return { request: packet.request, ...about(packet.blocks) };
    case 'refused':
      return { request: packet.request };
  }
}

/** A transfer of the light ledger, or a transaction of Ethereum's, of which only the size is said. */
function describeTransaction(bytes: Uint8Array): Summary {
  try {
    const { from, to, nonce, amount } = decodeTransfer(bytes);
    return { from, to, nonce, amount };
  } catch {
    return { bytes: bytes.length };
  }
}

/** A list of blocks or headers is named by its last one. */
function about(blocks: readonly Pick<Block, 'header'>[]): Summary {
  const last = blocks.at(-1);
  const count = blocks.length === 1 ? {} : { count: blocks.length };
  return last === undefined ? { count: 0 } : { ...count, block: hashHeader(last.header), height: last.header.number };
}

function fieldsOf(message: unknown): Summary {
  const shown = readable(message, MAX_DEPTH);
  return typeof shown === 'object' && shown !== null && !Array.isArray(shown) ? (shown as Summary) : { message: shown };
}

function readable(value: unknown, depth: number): Json {
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return value;
  if (typeof value === 'string') return cut(value);
  if (typeof value !== 'object') return cut(String(value));
  if (value instanceof Uint8Array) return shownBytes(value);
  if (depth === 0) return '...';
  if (Array.isArray(value) || value instanceof Set) return readableList([...value], depth);
  const entries = value instanceof Map ? [...value].map(([key, item]) => [String(key), item] as const) : Object.entries(value);
  return Object.fromEntries(entries.slice(0, MAX_FIELDS).map(([key, item]) => [cut(key), readable(item, depth - 1)]));
}

function readableList(items: readonly unknown[], depth: number): Json {
  const shown = items.slice(0, MAX_ITEMS).map((item) => readable(item, depth - 1));
  return items.length > MAX_ITEMS ? [...shown, `... ${items.length} in all`] : shown;
}

function shownBytes(bytes: Uint8Array): string {
  if (bytes.length <= 2 * MAX_BYTES_SHOWN) return toHex(bytes);
  return `${toHex(bytes.subarray(0, MAX_BYTES_SHOWN))}... (${bytes.length} bytes)`;
}

function cut(text: string): string {
  return text.length > MAX_CHARACTERS ? `${text.slice(0, MAX_CHARACTERS)}...` : text;
}
