/**
 * What sync's answers go through on their way: the encoding that a node sends and the limits by which another reads it, so that
 * what a node could not send or would not read does not arrive here either. Each header and block is encoded and decoded once,
 * not for everybody that it is given to: it never changes, and what has come through will come through again. Sync asks for
 * headers first; of a block whose header has come through, only a body that is not small has a way to go.
 */
import { equalBytes } from '../base/bytes.ts';
import { RuleError } from '../base/errors.ts';
import { decodeProvenBlock, decodeSealedHeader, encodeProvenBlock, encodeSealedHeader, type ProvenBlock } from '../chain/block.ts';
import type { Header, SealedHeader } from '../chain/header.ts';
import { blockBytes } from '../sync/size.ts';

/** Far below what a block's parts may have. */
const SMALL_BODY_TRANSACTIONS = 1_000;
const SMALL_BODY_BYTES = 32_768;

/** Those that have come through, by their headers: what else they had then. */
const headers = new WeakMap<Header, SealedHeader>();
const blocks = new WeakMap<Header, ProvenBlock>();

/** As the receiver has it. Throws DecodeError where it refuses to read it. */
export function headerByWire(sent: SealedHeader): SealedHeader {
  if (headers.get(sent.header)?.seal === sent.seal) return sent;
  const read = decodeSealedHeader(encodeSealedHeader(sent));
  if (!isSameHeader(sent, read)) return read;
  headers.set(sent.header, sent);
  return sent;
}

/** The same for a block with its certificate. */
export function blockByWire(sent: ProvenBlock): ProvenBlock {
  if (headers.get(sent.header)?.seal === sent.seal && isSmallBody(sent)) return sent;
  const known = blocks.get(sent.header);
  if (known !== undefined && isSameObject(known, sent)) return sent;
  const read = decodeProvenBlock(encodeProvenBlock(sent));
  if (!isSameBlock(sent, read)) return read;
  blocks.set(sent.header, sent);
  return sent;
}

/** Byte strings come through whatever is in them, so that with a header that does only a body near the limits could not. */
function isSmallBody(sent: ProvenBlock): boolean {
  return sent.transactions.length <= SMALL_BODY_TRANSACTIONS && blockBytes(sent) <= SMALL_BODY_BYTES;
}

/** As in `node/network-link.ts`: what cannot be decoded makes the whole of it no answer, and an offence. */
export function readAll<T>(items: readonly T[], byWire: (item: T) => T, offence: (error: RuleError) => void): readonly T[] | null {
  try {
    return items.map(byWire);
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    offence(error);
    return null;
  }
}

function isSameObject(a: ProvenBlock, b: ProvenBlock): boolean {
  return a.seal === b.seal && a.transactions === b.transactions && a.payload === b.payload && a.certificate === b.certificate;
}

function isSameBlock(a: ProvenBlock, b: ProvenBlock): boolean {
  return isSameHeader(a, b) && isSameBody(a, b) && isSameBytes(a.certificate, b.certificate);
}

function isSameHeader(a: SealedHeader, b: SealedHeader): boolean {
  const fields = Object.keys(a.header) as (keyof Header)[];
  const areSame = fields.every((field) => a.header[field] === b.header[field]);
  return areSame && fields.length === Object.keys(b.header).length && equalBytes(a.seal, b.seal);
}

function isSameBody(a: ProvenBlock, b: ProvenBlock): boolean {
  const areSame = a.transactions.every((bytes, index) => isSameBytes(bytes, b.transactions[index] ?? null));
  return areSame && a.transactions.length === b.transactions.length && equalBytes(a.payload, b.payload);
}

function isSameBytes(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === b || (a !== null && b !== null && equalBytes(a, b));
}
