/**
 * The pool as simply as it can be said: one list, and everything worked out anew from it each time. The property test
 * holds the real one against it.
 */
import type { Address, Hash } from '../../src/base/types.ts';
import type { Tx } from '../../src/execution/transaction.ts';
import type { PoolLimits } from '../../src/mempool/limits.ts';

interface Item {
  readonly tx: Tx;
  readonly exempt: boolean;
  readonly order: number;
  announced: boolean;
}

interface Account {
  readonly nonce: bigint;
  readonly balance: bigint;
}

const WAITING = 0;
const SURPLUS = 1;
const SHARE = 2;

export class ModelPool {
  items: Item[] = [];
  nowMs = 0;
  baseFee: bigint;
  readonly announced: Hash[] = [];
  readonly #limits: PoolLimits;
  readonly #accounts = new Map<Address, Account>();
  readonly #activeMs = new Map<Address, number>();
  #order = 0;

  constructor(limits: PoolLimits, accounts: ReadonlyMap<Address, Account>, baseFee: bigint) {
    this.#limits = limits;
    this.#accounts = new Map(accounts);
    this.baseFee = baseFee;
  }

  /** The code of the refusal, or null. */
  add(tx: Tx, exempt: boolean): string | null {
    const refused = this.#offerRefused(tx) ?? this.#fundsRefused(tx) ?? this.#roomRefused(tx, exempt);
    if (refused !== null) return refused;
    this.#put(tx, exempt);
    this.#announce(tx.sender);
    return null;
  }

  headChanged(accounts: ReadonlyMap<Address, Account>, baseFee: bigint, abandoned: readonly Tx[], mined: ReadonlySet<Hash>): void {
    this.baseFee = baseFee;
    for (const [sender, account] of accounts) {
      this.#change(sender, () => {
        this.#accounts.set(sender, account);
        this.items = this.items.filter(({ tx }) => tx.sender !== sender || tx.nonce >= account.nonce);
      });
    }
    const missing = abandoned.filter(({ hash }) => !mined.has(hash) && this.items.every(({ tx }) => tx.hash !== hash));
    for (const tx of missing.slice(0, this.#limits.globalSlots)) {
      if ((this.#offerRefused(tx) ?? this.#roomRefused(tx, false)) === null) this.#put(tx, false);
    }
    for (const sender of accounts.keys()) {
      for (let queued = this.queued(sender); queued.length > this.#limits.accountQueue; queued = this.queued(sender))
        this.#drop(queued.at(-1));
      this.#announce(sender);
    }
    for (const sender of accounts.keys()) {
      if ((this.#activeMs.get(sender) ?? 0) < this.nowMs - this.#limits.queueLifetimeMs)
        for (const item of this.queued(sender)) this.#drop(item);
    }
    for (;;) {
      const weakest = this.#weakest(this.items, null);
      if (this.#queuedOf(this.items) <= this.#limits.globalQueue || weakest?.rank !== WAITING) return;
      this.#drop(weakest.item);
    }
  }

  executable(sender: Address): Item[] {
    return this.#executableOf(this.items, sender);
  }

  queued(sender: Address): Item[] {
    return this.#of(this.items, sender).slice(this.executable(sender).length);
  }

  nextNonce(sender: Address): bigint {
    return this.#account(sender).nonce + BigInt(this.executable(sender).length);
  }

  slots(): number {
    return this.items.reduce((sum, { tx }) => sum + slots(tx), 0);
  }

  /** What a builder takes that takes everything. */
  drain(baseFee: bigint): Hash[] {
    const left = [...this.#accounts.keys()].map((sender) => this.executable(sender));
    const out: Hash[] = [];
    for (;;) {
      const heads = left.flatMap((list) => (list[0] !== undefined && tip(list[0].tx, baseFee) >= 0n ? [{ list, item: list[0] }] : []));
      const [best] = heads.sort((a, b) => Number(tip(b.item.tx, baseFee) - tip(a.item.tx, baseFee)) || a.item.order - b.item.order);
      if (best === undefined) return out;
      out.push(best.item.tx.hash);
      best.list.shift();
    }
  }

  #offerRefused(tx: Tx): string | null {
    if (this.items.some((item) => item.tx.hash === tx.hash)) return 'mempool/already-known';
    if (tx.nonce < this.#account(tx.sender).nonce) return 'mempool/nonce-too-low';
    const old = this.#at(tx);
    if (old === undefined) return null;
    const better = tx.maxFeePerGas * 10n >= old.tx.maxFeePerGas * 11n && tx.maxPriorityFeePerGas * 10n >= old.tx.maxPriorityFeePerGas * 11n;
    return better ? null : 'mempool/replacement-underpriced';
  }

  #fundsRefused(tx: Tx): string | null {
    const executable = this.executable(tx.sender);
    const beside = this.#of(this.items, tx.sender).filter(
      (item) => item.tx.nonce !== tx.nonce && (item.tx.nonce < tx.nonce || executable.includes(item)),
    );
    const cost = beside.reduce((sum, item) => sum + costOf(item.tx), costOf(tx));
    return cost > this.#account(tx.sender).balance ? 'mempool/insufficient-funds' : null;
  }

  /** Lets others go until there is room. */
  #roomRefused(tx: Tx, exempt: boolean): string | null {
    const { accountSlots, globalSlots, accountQueue, globalQueue } = this.#limits;
    const { sender } = tx;
    const replaced = this.#at(tx);
    const waits = tx.nonce > this.nextNonce(sender);
    const joins = waits && replaced === undefined;
    if (joins && this.queued(sender).length >= accountQueue) return 'mempool/account-full';
    const held = this.#of(this.items, sender).reduce((sum, item) => sum + slots(item.tx), 0);
    const ownRank = held + slots(tx) > accountSlots ? SURPLUS : SHARE;
    const rank = waits ? WAITING : exempt ? SHARE : ownRank;
    let left = this.items;
    for (;;) {
      const taken = left.reduce((sum, item) => sum + slots(item.tx), 0) + slots(tx) - (replaced === undefined ? 0 : slots(replaced.tx));
      if (taken <= globalSlots && (!joins || this.#queuedOf(left) + 1 <= globalQueue)) break;
      const weakest = this.#weakest(left, sender);
      const pays = exempt || (weakest !== null && tip(tx, this.baseFee) > tip(weakest.item.tx, this.baseFee));
      if (weakest === null || weakest.rank > rank || (weakest.rank === rank && !pays)) {
        return !waits && !exempt && ownRank === SHARE ? 'mempool/underpriced' : 'mempool/full';
      }
      left = left.filter((item) => item !== weakest.item);
    }
    for (const item of this.items.filter((other) => !left.includes(other))) this.#drop(item);
    return null;
  }

  #weakest(items: readonly Item[], spared: Address | null): { item: Item; rank: number } | null {
    const last = [...this.#accounts.keys()].flatMap((sender) => {
      const own = this.#of(items, sender);
      const item = own.at(-1);
      if (sender === spared || item === undefined || item.exempt) return [];
      const held = own.reduce((sum, { tx }) => sum + slots(tx), 0);
      const waits = !this.#executableOf(items, sender).includes(item);
      return [{ item, rank: waits ? WAITING : held > this.#limits.accountSlots ? SURPLUS : SHARE }];
    });
    last.sort(
      (a, b) => a.rank - b.rank || Number(tip(a.item.tx, this.baseFee) - tip(b.item.tx, this.baseFee)) || b.item.order - a.item.order,
    );
    return last[0] ?? null;
  }

  #executableOf(items: readonly Item[], sender: Address): Item[] {
    const { nonce, balance } = this.#account(sender);
    const out: Item[] = [];
    let spent = 0n;
    for (const item of this.#of(items, sender)) {
      spent += costOf(item.tx);
      if (item.tx.nonce !== nonce + BigInt(out.length) || spent > balance) break;
      out.push(item);
    }
    return out;
  }

  #queuedOf(items: readonly Item[]): number {
    return items.length - [...this.#accounts.keys()].reduce((sum, sender) => sum + this.#executableOf(items, sender).length, 0);
  }

  #of(items: readonly Item[], sender: Address): Item[] {
    return items.filter(({ tx }) => tx.sender === sender).sort((a, b) => Number(a.tx.nonce - b.tx.nonce));
  }

  #at({ sender, nonce }: Tx): Item | undefined {
    return this.items.find(({ tx }) => tx.sender === sender && tx.nonce === nonce);
  }

  #account(sender: Address): Account {
    return this.#accounts.get(sender) ?? { nonce: 0n, balance: 0n };
  }

  #put(tx: Tx, exempt: boolean): void {
    const old = this.#at(tx);
    this.#change(tx.sender, () => {
      this.items = [...this.items.filter((item) => item !== old), { tx, exempt, order: ++this.#order, announced: false }];
    });
    this.#activeMs.set(tx.sender, this.nowMs);
  }

  #drop(item: Item | undefined): void {
    if (item === undefined) return;
    this.#change(item.tx.sender, () => {
      this.items = this.items.filter((other) => other !== item);
    });
  }

  /** Whoever loses a turn begins to wait. */
  #change(sender: Address, change: () => void): void {
    const before = this.executable(sender).length;
    change();
    if (this.executable(sender).length < before) this.#activeMs.set(sender, this.nowMs);
  }

  #announce(sender: Address): void {
    for (const item of this.executable(sender)) {
      if (!item.announced) this.announced.push(item.tx.hash);
      item.announced = true;
    }
  }
}

function tip({ maxFeePerGas, maxPriorityFeePerGas }: Tx, baseFee: bigint): bigint {
  return [maxFeePerGas - baseFee, maxPriorityFeePerGas].reduce((a, b) => (a < b ? a : b));
}

function costOf({ gasLimit, maxFeePerGas, value }: Tx): bigint {
  return gasLimit * maxFeePerGas + value;
}

function slots({ bytes }: Tx): number {
  return Math.ceil(bytes.length / 32_768);
}
