/**
 * Finding logs: what a filter asks for, which blocks can have it (by their bloom), and the logs themselves.
 *
 * The blooms of a range are read in one picture of the canonical chain, so that a reorganisation while a long query runs
 * cannot put two branches into one answer; what matches is then read by hash.
 */

import { BoundedMap } from '../base/bounded.ts';

import type { Address, Hash, Json } from '../base/types.ts';
import type { Header } from '../chain/header.ts';
import type { HeaderNode } from '../chain/tree.ts';
import type { Log } from '../execution/types.ts';
import type { ChainAccess } from './backend.ts';
import { type BlockRef, blockNumber, findHeader, isPending, LATEST } from './block-ref.ts';
import { type BloomBits, bloomBits, bytesMayContain, mayContain } from './bloom.ts';
import { Breather } from './breather.ts';
import { address, type Codec, hash, list, nullable, object, oneOrList } from './codecs.ts';
import { invalidParams, limitExceeded, type RpcError, refused } from './errors.ts';
import { type LogPlace, logJson, logJsonBytes } from './format/receipt.ts';
import type { ReplySize, RpcLimits } from './limits.ts';
import { JsonText } from './method.ts';
import { RecentBlooms } from './recent-blooms.ts';
import { transactionHash } from './transactions.ts';

const MAX_ADDRESSES = 1_000;
const MAX_TOPICS = 4;
const MAX_ALTERNATIVES = 1_000;
/** Whole blocks of logs: a new head is asked for by every filter and subscription at once. */
const CACHED_BLOCKS = 16;
/** And as many with few logs, for queries over the same blocks; some 10 MB, and with their JSON no more than 40. */
const CACHED_SMALL_BLOCKS = 256;
const MAX_SMALL_LOGS = 64;
const MAX_SMALL_LOG_BYTES = 16_384;

/** Empty sets stand for "any". */
export interface LogQuery {
  readonly addresses: ReadonlySet<Address>;
  /** By position. */
  readonly topics: readonly ReadonlySet<Hash>[];
}

/** What eth_getLogs and eth_newFilter take. */
export interface LogCriteria {
  readonly query: LogQuery;
  readonly range: { readonly blockHash: Hash } | { readonly from: BlockRef; readonly to: BlockRef };
}

const fields = object('a log filter', {
  fromBlock: blockNumber,
  toBlock: blockNumber,
  blockHash: hash,
  address: oneOrList(address, MAX_ADDRESSES),
  topics: list(nullable(oneOrList(nullable(hash), MAX_ALTERNATIVES)), MAX_TOPICS),
});

export const logCriteria: Codec<LogCriteria> = {
  expected: fields.expected,
  schema: fields.schema,
  decode(value, place) {
    const { fromBlock, toBlock, blockHash, address: addresses = [], topics = [] } = fields.decode(value, place);
    const query = { addresses: new Set(addresses), topics: topics.map(alternatives) };
    if (blockHash === undefined) return { query, range: { from: fromBlock ?? LATEST, to: toBlock ?? LATEST } };
    if (fromBlock === undefined && toBlock === undefined) return { query, range: { blockHash } };
    throw invalidParams(`invalid argument ${place.argument}: cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other`);
  },
};

/** Throws RpcError -32602 for a range that can never have a block, before anything is waited for. */
export function checkRange({ range }: LogCriteria): void {
  if ('blockHash' in range) return;
  // As geth: what is pending was not executed, and has no logs.
  if (isPending(range.from) || isPending(range.to)) throw invalidParams('pending logs are not supported');
  if (range.from.kind !== 'number' || range.to.kind !== 'number') return;
  if (range.from.number > range.to.number) throw reversed(range.from.number, range.to.number);
}

function reversed(from: number, to: number): RpcError {
  return invalidParams(`invalid block range params: fromBlock ${from} is above toBlock ${to}`);
}

/** A null among the alternatives allows anything, as in geth. */
function alternatives(topic: readonly (Hash | null)[] | null): ReadonlySet<Hash> {
  if (topic === null || topic.includes(null)) return new Set();
  return new Set(topic.filter((item) => item !== null));
}

export class LogMatcher {
  readonly #query: LogQuery;
  /** One group for each condition; a block may match when its bloom may contain one item of every group. */
  readonly #groups: readonly (readonly BloomBits[])[];

  constructor(query: LogQuery) {
    this.#query = query;
    const conditions = [query.addresses, ...query.topics].filter((items) => items.size > 0);
    this.#groups = conditions.map((items) => [...items].map(bloomBits));
  }

  mayMatch(header: Header): boolean {
    return this.#groups.every((group) => group.some((bits) => mayContain(header.logsBloom, bits)));
  }

  /** The same by the bloom alone; no bytes are the bloom of no logs. */
  mayMatchBloom(bloom: Uint8Array): boolean {
    return bloom.length > 0 && this.#groups.every((group) => group.some((bits) => bytesMayContain(bloom, bits)));
  }

  matches(log: Log): boolean {
    const { addresses, topics } = this.#query;
    if (addresses.size > 0 && !addresses.has(log.address)) return false;
    return topics.every((wanted, position) => {
      const topic = log.topics[position];
      return topic !== undefined && (wanted.size === 0 || wanted.has(topic));
    });
  }
}

/** A block whose logs came (or, when it was left by a reorganisation, went). */
export interface LogChange {
  readonly block: HeaderNode;
  readonly removed: boolean;
}

export class LogReader {
  readonly #chain: ChainAccess;
  readonly #limits: Pick<RpcLimits, 'maxLogRangeBlocks' | 'maxLogResults'>;
  readonly #blooms: RecentBlooms;
  readonly #blocks = new BoundedMap<Hash, readonly LogPlace[]>(CACHED_BLOCKS);
  readonly #smallBlocks = new BoundedMap<Hash, readonly LogPlace[]>(CACHED_SMALL_BLOCKS);
  /** The JSON of logs of small blocks, for as long as those are kept. */
  readonly #texts = new WeakMap<LogPlace, string>();

  constructor(chain: ChainAccess, limits: Pick<RpcLimits, 'maxLogRangeBlocks' | 'maxLogResults'>) {
    this.#chain = chain;
    this.#limits = limits;
    this.#blooms = new RecentBlooms(chain);
  }

  /** Every log of the block, in order; none for a block that was never executed. */
  inBlock(block: HeaderNode): readonly LogPlace[] {
    return this.#known(block.hash) ?? this.#keep(block);
  }

  /** eth_getLogs, as the JSON of a list. Throws RpcError -32005 for a range or a result over the limit. */
  async find(criteria: LogCriteria, size: ReplySize): Promise<JsonText> {
    const matcher = new LogMatcher(criteria.query);
    const { range } = criteria;
    checkRange(criteria);
    const blocks = 'blockHash' in range ? this.#single(range.blockHash, matcher) : await this.#candidates(range.from, range.to, matcher);
    const breather = new Breather();
    const found: string[] = [];
    for (const hash of blocks) {
      await breather.breathe();
      for (const place of this.#named(hash)) {
        if (!matcher.matches(place.log)) continue;
        if (found.length === this.#limits.maxLogResults) {
          throw limitExceeded(`query returned more than ${this.#limits.maxLogResults} results; ask for fewer blocks`);
        }
        size.add(logJsonBytes(place.log));
        found.push(this.#text(place));
      }
    }
    return new JsonText(`[${found.join(',')}]`);
  }

  /** The matching logs of these blocks, in their order; those of a removed block last one first, as they were undone. */
  async collect(changes: Iterable<LogChange>, matcher: LogMatcher, size: ReplySize): Promise<Json[]> {
    const breather = new Breather();
    const found: Json[] = [];
    for (const { block, removed } of changes) {
      await breather.breathe();
      if (!matcher.mayMatch(block.header)) continue;
      const matching = this.inBlock(block).filter(({ log }) => matcher.matches(log));
      for (const place of removed ? matching.toReversed() : matching) {
        size.add(logJsonBytes(place.log));
        found.push(logJson(place, removed));
      }
    }
    return found;
  }

  #single(hash: Hash, matcher: LogMatcher): Hash[] {
    const block = this.#chain.header(hash);
    if (block === undefined) throw refused('rpc/unknown-block', 'unknown block');
    return matcher.mayMatch(block.header) ? [hash] : [];
  }

  /** Of the canonical chain as it is now, those that may have what is asked for. */
  async #candidates(fromRef: BlockRef, toRef: BlockRef, matcher: LogMatcher): Promise<Hash[]> {
    const from = this.#height(fromRef);
    const to = this.#height(toRef);
    if (from > to) throw reversed(from, to);
    const { head } = this.#chain;
    if (to > head.header.number) throw invalidParams('block range extends beyond current head block');
    if (to - from >= this.#limits.maxLogRangeBlocks) {
      throw limitExceeded(`exceed maximum block range: ${this.#limits.maxLogRangeBlocks}`);
    }
    const breather = new Breather();
    const hashes: Hash[] = [];
    for (const { hash, bloom } of await this.#blooms.read(from, to)) {
      if (matcher.mayMatchBloom(bloom)) hashes.push(hash);
      await breather.breathe();
    }
    return hashes;
  }

  #known(hash: Hash): readonly LogPlace[] | undefined {
    return this.#smallBlocks.get(hash) ?? this.#blocks.get(hash);
  }

  #named(hash: Hash): readonly LogPlace[] {
    const known = this.#known(hash);
    if (known !== undefined) return known;
    const block = this.#chain.header(hash);
    return block === undefined ? [] : this.#keep(block);
  }

  #keep(block: HeaderNode): readonly LogPlace[] {
    const logs = this.#read(block);
    const cache = isSmall(logs) ? this.#smallBlocks : this.#blocks;
    cache.set(block.hash, logs);
    return logs;
  }

  #text(place: LogPlace): string {
    const known = this.#texts.get(place);
    if (known !== undefined) return known;
    const text = JSON.stringify(logJson(place, false));
    if (this.#smallBlocks.has(place.block.hash)) this.#texts.set(place, text);
    return text;
  }

  #height(ref: BlockRef): number {
    if (ref.kind === 'number') return ref.number;
    return findHeader(this.#chain, ref)?.header.number ?? 0;
  }

  #read(block: HeaderNode): readonly LogPlace[] {
    const receipts = this.#chain.receipts(block.hash);
    if (receipts === undefined || receipts.every(({ logs }) => logs.length === 0)) return [];
    const transactions = this.#chain.block(block.hash)?.transactions ?? [];
    const places: LogPlace[] = [];
    for (const [transactionIndex, { logs }] of receipts.entries()) {
      const bytes = transactions[transactionIndex];
      if (logs.length === 0 || bytes === undefined) continue;
      const hash = transactionHash(bytes);
      for (const log of logs) places.push({ log, block, transactionHash: hash, transactionIndex, logIndex: places.length });
    }
    return places;
  }
}

function isSmall(logs: readonly LogPlace[]): boolean {
  return logs.length <= MAX_SMALL_LOGS && logs.reduce((sum, { log }) => sum + log.data.length / 2, 0) <= MAX_SMALL_LOG_BYTES;
}
