/** The bounds of the pool: geth's defaults (core/txpool/legacypool). */
export interface PoolLimits {
  /** Wei; a transaction that offers less to the block's maker is refused. */
  readonly minTip: bigint;
  /** A replacement must raise both fee caps by at least so much. */
  readonly priceBumpPercent: bigint;
  /** Executable slots that each sender keeps whatever others pay. */
  readonly accountSlots: number;
  /** Executable slots in all. */
  readonly globalSlots: number;
  /** Transactions behind a gap, for one sender and in all. */
  readonly accountQueue: number;
  readonly globalQueue: number;
  /** How long a transaction may wait behind a gap. */
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
