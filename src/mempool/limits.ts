/** The bounds of the pool: geth's defaults (core/txpool/legacypool). */
export interface PoolLimits {
  /** Wei; a transaction that offers less to the block's maker is refused. */
  readonly minTip: bigint;
  /** A replacement must raise both fee caps by at least so much. */
  readonly priceBumpPercent: bigint;
  /** Slots that a sender may hold before its transactions are the first to make room for those of others. */
  readonly accountSlots: number;
  /** Slots in all, whatever they hold. */
  readonly globalSlots: number;
  /** Queued transactions, for one sender and in all. */
  readonly accountQueue: number;
  readonly globalQueue: number;
  /** How long a sender's queued transactions may wait without anything happening to them. */
  readonly queueLifetimeMs: number;
}

export const POOL_LIMITS: PoolLimits = {
  minTip: 1n,
  priceBumpPercent: 10n,
  accountSlots: 16,
  globalSlots: 5_120,
  accountQueue: 64,
  globalQueue: 1_024,
  queueLifetimeMs: 3 * 60 * 60 * 1_000,
};

/** A transaction takes one slot for each 32 KiB that it has begun. */
export const SLOT_BYTES = 32 * 1024;
