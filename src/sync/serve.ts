/**
 * The other side of sync: what to answer a peer. Pure functions over the chain, called by the network's handlers. Give
 * them the durable chain, not the working view: what a peer was told must survive a crash.
 */
import { RuleError } from '../base/errors.ts';
import type { Hash } from '../base/types.ts';
import { type Block, MAX_CERTIFICATE_BYTES, type ProvenBlock } from '../chain/block.ts';
import type { SealedHeader } from '../chain/header.ts';
import type { HeaderNode } from '../chain/tree.ts';
import { HEADERS_PER_REQUEST, MAX_BLOCKS_PER_REQUEST, MAX_BLOCKS_REPLY_BYTES, MAX_LOCATOR_HASHES } from './limits.ts';
import { blockBytes } from './size.ts';

/** The part of a chain view (or of the chain store's durable reads) that serving needs. */
export interface ServedChain {
  readonly head: HeaderNode;
  canonical(number: number): Hash | undefined;
  header(hash: Hash): HeaderNode | undefined;
}

export interface ServedBlocks {
  block(hash: Hash): Block | undefined;
  /** With which it was finalized here. Not every final block has one of its own: it may be final by a descendant's. */
  certificate(hash: Hash): Uint8Array | undefined;
}

/**
 * Canonical headers, oldest first, after the first hash of the locator that is canonical here (after genesis when none
 * is). Fewer than `limit` mean that the chain ends there. Throws RuleError for a request out of bounds.
 */
export function serveHeaders(chain: ServedChain, locator: readonly Hash[], limit: number): SealedHeader[] {
  if (locator.length > MAX_LOCATOR_HASHES)
    throw outOfBounds('sync/locator-size', `a locator of at most ${MAX_LOCATOR_HASHES} hashes`, locator.length);
  if (!Number.isInteger(limit) || limit < 1 || limit > HEADERS_PER_REQUEST)
    throw outOfBounds('sync/headers-limit', `a limit of 1 to ${HEADERS_PER_REQUEST} headers`, limit);
  const headers: SealedHeader[] = [];
  for (let number = commonHeight(chain, locator) + 1; headers.length < limit && number <= chain.head.header.number; number++) {
    const hash = chain.canonical(number);
    const node = hash === undefined ? undefined : chain.header(hash);
    if (node === undefined) break;
    headers.push({ header: node.header, seal: node.seal });
  }
  return headers;
}

/**
 * The blocks among these that are here, with their certificates, in the order of the request, up to `MAX_BLOCKS_REPLY_BYTES` but at least one.
 * Throws RuleError for a request out of bounds.
 */
export function serveBlocks(chain: ServedBlocks, hashes: readonly Hash[]): ProvenBlock[] {
  if (hashes.length > MAX_BLOCKS_PER_REQUEST)
    throw outOfBounds('sync/blocks-limit', `at most ${MAX_BLOCKS_PER_REQUEST} hashes of blocks`, hashes.length);
  const blocks: ProvenBlock[] = [];
  let bytes = 0;
  for (const hash of new Set(hashes)) {
    const block = chain.block(hash);
    if (block === undefined) continue;
    const proven = { ...block, certificate: carriedCertificate(chain, hash) };
    bytes += blockBytes(proven);
    if (blocks.length > 0 && bytes > MAX_BLOCKS_REPLY_BYTES) break;
    blocks.push(proven);
  }
  return blocks;
}

/** Those of proof-of-stake list all voters, and may be too large to travel like this; nobody needs them, the blocks prove as much. */
function carriedCertificate(chain: ServedBlocks, hash: Hash): Uint8Array | null {
  const certificate = chain.certificate(hash);
  return certificate === undefined || certificate.length > MAX_CERTIFICATE_BYTES ? null : certificate;
}

function commonHeight(chain: ServedChain, locator: readonly Hash[]): number {
  for (const hash of locator) {
    const number = chain.header(hash)?.header.number;
    if (number !== undefined && chain.canonical(number) === hash) return number;
  }
  return 0;
}

function outOfBounds(code: string, expected: string, got: number): RuleError {
  return new RuleError(code, `A sync request has ${got}; expected ${expected}.`, { got });
}
