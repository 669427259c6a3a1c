/**
 * Naming a block: a tag, a height, a hash, or the object of EIP-1898. A request resolves it once, to one header, and
 * reads everything from there.
 */
import type { Hash } from '../base/types.ts';
import type { HeaderNode } from '../chain/tree.ts';
import type { ChainAccess } from './backend.ts';
import { boolean, type Codec, hash, isObject, mismatch, uint64 } from './codecs.ts';
import { invalidParams, refused } from './errors.ts';

export type Tag = 'latest' | 'pending' | 'earliest' | 'safe' | 'finalized';

export type BlockRef =
  | { readonly kind: 'tag'; readonly tag: Tag }
  | { readonly kind: 'number'; readonly number: number }
  | { readonly kind: 'hash'; readonly hash: Hash; readonly requireCanonical: boolean };

export const LATEST: BlockRef = { kind: 'tag', tag: 'latest' };

const TAGS: readonly string[] = ['latest', 'pending', 'earliest', 'safe', 'finalized'] satisfies Tag[];
/** geth counts blocks with a sign. */
const MAX_INT64 = 2n ** 63n - 1n;

/** A height or a tag, where a hash makes no sense. */
export const blockNumber: Codec<BlockRef> = {
  expected: `a block number (0x and hex digits) or one of ${TAGS.join(', ')}`,
  decode(value, place) {
    if (typeof value === 'string' && TAGS.includes(value)) return { kind: 'tag', tag: value as Tag };
    if (typeof value === 'string' && /^(?:0[xX])?[0-9a-fA-F]+$/.test(value)) {
      const number = uint64.decode(value, place);
      if (number > MAX_INT64) throw invalidParams(`invalid argument ${place.argument}: ${place.path}: block number larger than int64`);
      return { kind: 'number', number: Number(number) };
    }
    throw mismatch(place, blockNumber.expected, value);
  },
};

export const blockRef: Codec<BlockRef> = {
  expected: `${blockNumber.expected}, a block hash, or an object with blockNumber or blockHash and requireCanonical (EIP-1898)`,
  decode(value, place) {
    if (isObject(value)) {
      const number = value.blockNumber ?? undefined;
      const blockHash = value.blockHash ?? undefined;
      if (number !== undefined && blockHash !== undefined) {
        throw invalidParams(
          `invalid argument ${place.argument}: ${place.path}: cannot specify both BlockHash and BlockNumber, choose one or the other`,
        );
      }
      const requireCanonical = boolean.decode(value.requireCanonical ?? false, { ...place, path: `${place.path}.requireCanonical` });
      if (number !== undefined) return blockNumber.decode(number, { ...place, path: `${place.path}.blockNumber` });
      if (blockHash === undefined) throw mismatch(place, blockRef.expected, value);
      return {
        kind: 'hash',
        hash: hash.decode(blockHash, { ...place, path: `${place.path}.blockHash` }),
        requireCanonical,
      };
    }
    if (typeof value === 'string' && value.length === 66) {
      return { kind: 'hash', hash: hash.decode(value, place), requireCanonical: false };
    }
    if (typeof value !== 'string') throw mismatch(place, blockRef.expected, value);
    return blockNumber.decode(value, place);
  },
};

export function isPending(ref: BlockRef): boolean {
  return ref.kind === 'tag' && ref.tag === 'pending';
}

/** As Erigon takes it: a height may also be a JSON number. */
export function orHeight(codec: Codec<BlockRef>): Codec<BlockRef> {
  return {
    expected: `${codec.expected}, or a JSON number`,
    decode(value, place) {
      if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return { kind: 'number', number: value };
      return codec.decode(value, place);
    },
  };
}

/** The block's header, or undefined. `pending` is the head: a block in the making has no state of its own to read. */
export function findHeader(chain: ChainAccess, ref: BlockRef): HeaderNode | undefined {
  if (ref.kind === 'hash') return findByHash(chain, ref);
  if (ref.kind === 'number') return findByNumber(chain, ref.number);
  switch (ref.tag) {
    case 'latest':
    case 'pending':
      return chain.head;
    case 'earliest':
      return chain.genesis;
    case 'safe':
      return chain.safe;
    case 'finalized':
      return chain.finalized;
  }
}

/** Throws RpcError -32000 with geth's sentences. */
export function requireHeader(chain: ChainAccess, ref: BlockRef): HeaderNode {
  const node = findHeader(chain, ref);
  if (node !== undefined) return node;
  throw refused('rpc/unknown-block', ref.kind === 'hash' ? 'header for hash not found' : 'header not found');
}

function findByNumber(chain: ChainAccess, number: number): HeaderNode | undefined {
  // Also keeps heights that are no safe integer (any 64 bits may be asked for) away from the store.
  if (number > chain.head.header.number) return undefined;
  const hash = chain.canonical(number);
  return hash === undefined ? undefined : chain.header(hash);
}

function findByHash(chain: ChainAccess, ref: BlockRef & { kind: 'hash' }): HeaderNode | undefined {
  const node = chain.header(ref.hash);
  if (node !== undefined && ref.requireCanonical && chain.canonical(node.header.number) !== node.hash) {
    throw refused('rpc/not-canonical', 'hash is not currently canonical');
  }
  return node;
}
