/**
 * Filters that clients poll (eth_newFilter and its like). A filter keeps what changed since it was last asked: block
 * hashes, transactions, or for logs only the blocks that can have some, which are read when the client asks. Filters
 * are bounded in number and length, and forgotten when nobody polls them.
 */
import { randomBytes } from 'node:crypto';
import { toHex } from '../base/bytes.ts';
import type { Hash, Json } from '../base/types.ts';
import type { Backend, HeadChange, TransactionView } from './backend.ts';
import { limitExceeded, refused } from './errors.ts';
import type { ReplySize, RpcLimits } from './limits.ts';
import { checkRange, type LogChange, type LogCriteria, LogMatcher, type LogReader } from './logs.ts';
import type { JsonText } from './method.ts';
import { findTransaction } from './transactions.ts';

type Kind =
  | { readonly type: 'blocks'; changes: Hash[] }
  | { readonly type: 'transactions'; readonly full: boolean; changes: Hash[] }
  | { readonly type: 'logs'; readonly criteria: LogCriteria; readonly matcher: LogMatcher; changes: LogChange[] };

type Filter = Kind & { lastPollMs: number };

type FilterLimits = Pick<RpcLimits, 'maxFilters' | 'maxFilterChanges' | 'filterIdleMs'>;

export class FilterStore {
  readonly #limits: FilterLimits;
  readonly #backend: Backend;
  readonly #logs: LogReader;
  /** Monotonic milliseconds. */
  readonly #nowMs: () => number;
  readonly #filters = new Map<string, Filter>();

  constructor(backend: Backend, logs: LogReader, limits: FilterLimits, nowMs: () => number = () => performance.now()) {
    this.#backend = backend;
    this.#limits = limits;
    this.#logs = logs;
    this.#nowMs = nowMs;
  }

  get size(): number {
    return this.#filters.size;
  }

  addBlocks(): string {
    return this.#add({ type: 'blocks', changes: [] });
  }

  /** `full`: whole transactions instead of hashes. */
  addTransactions(full: boolean): string {
    return this.#add({ type: 'transactions', full, changes: [] });
  }

  /** Throws RpcError -32602 for a range that can never have a block. */
  addLogs(criteria: LogCriteria): string {
    checkRange(criteria);
    return this.#add({ type: 'logs', criteria, matcher: new LogMatcher(criteria.query), changes: [] });
  }

  /** False when there is no such filter. */
  remove(id: string): boolean {
    return this.#filters.delete(id);
  }

  /** What changed since the last call. Throws RpcError -32000 `filter not found`. */
  async changes(id: string, size: ReplySize): Promise<Json[]> {
    const filter = this.#get(id);
    switch (filter.type) {
      case 'blocks':
        return filter.changes.splice(0);
      case 'transactions':
        return filter.full ? this.#wholeTransactions(filter.changes.splice(0), size) : filter.changes.splice(0);
      case 'logs':
        return this.#logs.collect(filter.changes.splice(0), filter.matcher, size);
    }
  }

  /** Everything that a log filter matches, whenever it was. */
  async logs(id: string, size: ReplySize): Promise<JsonText> {
    const filter = this.#get(id);
    if (filter.type !== 'logs') throw notFound();
    return this.#logs.find(filter.criteria, size);
  }

  onHead(change: HeadChange): void {
    this.expire();
    const logChanges = [
      ...change.removed.map((block) => ({ block, removed: true })),
      ...change.added.map((block) => ({ block, removed: false })),
    ];
    for (const [id, filter] of this.#filters) {
      if (filter.type === 'blocks') for (const { hash } of change.added) filter.changes.push(hash);
      if (filter.type === 'logs') filter.changes.push(...logChanges.filter(({ block }) => filter.matcher.mayMatch(block.header)));
      this.#dropIfOverflowing(id, filter);
    }
  }

  onTransaction(tx: TransactionView): void {
    for (const [id, filter] of this.#filters) {
      if (filter.type !== 'transactions') continue;
      filter.changes.push(tx.hash);
      this.#dropIfOverflowing(id, filter);
    }
  }

  /** Forgets the filters that nobody has polled for long enough. */
  expire(): void {
    const deadlineMs = this.#nowMs() - this.#limits.filterIdleMs;
    for (const [id, filter] of this.#filters) if (filter.lastPollMs < deadlineMs) this.#filters.delete(id);
  }

  #add(kind: Kind): string {
    this.expire();
    if (this.#filters.size >= this.#limits.maxFilters) {
      throw limitExceeded(`too many filters: at most ${this.#limits.maxFilters}; uninstall one, or subscribe over WebSocket`);
    }
    // Random, so that one client cannot guess and empty the filter of another.
    const id = toHex(randomBytes(16));
    this.#filters.set(id, { ...kind, lastPollMs: this.#nowMs() });
    return id;
  }

  #get(id: string): Filter {
    this.expire();
    const filter = this.#filters.get(id);
    if (filter === undefined) throw notFound();
    filter.lastPollMs = this.#nowMs();
    return filter;
  }

  /** Kept as hashes until then: a filter that nobody polls must not hold on to the data of thousands. */
  #wholeTransactions(hashes: readonly Hash[], size: ReplySize): Json[] {
    return hashes.map((hash) => findTransaction(this.#backend, hash, size)).filter((found) => found !== null);
  }

  #dropIfOverflowing(id: string, filter: Filter): void {
    if (filter.changes.length > this.#limits.maxFilterChanges) this.#filters.delete(id);
  }
}

function notFound() {
  return refused('rpc/filter-not-found', 'filter not found');
}
