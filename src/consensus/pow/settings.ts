/** The proof-of-work settings of a genesis file: `config.engine = { "name": "pow", ... }`. All of them are consensus rules. */
import type { Json } from '../../base/types.ts';
import { SettingsReader } from '../settings-reader.ts';

export interface PowSettings {
  /** Wanted average time between blocks. */
  readonly blockTimeSeconds: number;
  /** A chain that is this late gets half the difficulty, one that is this early twice. */
  readonly halfLifeSeconds: number;
  /** A longer gap between blocks is a pause: it counts as this much, and its block is of minimum difficulty. 0 is off. */
  readonly pauseAfterSeconds: number;
  readonly minimumDifficulty: bigint;
  /** Minted for the beneficiary of each block. */
  readonly blockRewardWei: bigint;
  /** How far ahead of a node's clock a block's time may be. Derived. */
  readonly futureLimitSeconds: number;
}

const DEFAULT_BLOCK_TIME_SECONDS = 10;
const DEFAULT_HALF_LIFE_BLOCKS = 30;
const MAX_BLOCK_TIME_SECONDS = 86_400;
const MIN_HALF_LIFE_SECONDS = 5;
const MAX_HALF_LIFE_SECONDS = 365 * 86_400;
const MAX_PAUSE_SECONDS = 365 * 86_400;
const MAX_MINIMUM_DIFFICULTY = 2n ** 224n;
/** A million ether: no chain of this clock can reach 2^256 wei with it. */
const MAX_BLOCK_REWARD_WEI = 10n ** 24n;
/** A time that is ahead by the limit makes the next block easier by 2^(1/5), about 15%: little enough to be harmless. */
const HALF_LIFE_TO_FUTURE_LIMIT = 5;
const MAX_FUTURE_LIMIT_SECONDS = 60;
/** Blocks whose times a timestamp is compared with; the median of them lags by about half as many block times. */
export const MEDIAN_TIME_BLOCKS = 11;

const KNOWN = ['blockTimeSeconds', 'halfLifeSeconds', 'pauseAfterSeconds', 'minimumDifficulty', 'blockRewardWei'];

/** Throws UsageError `genesis/pow` that names the bad field. */
export function parseSettings(settings: { readonly [key: string]: Json }): PowSettings {
  const reader = new SettingsReader('pow', settings, KNOWN);
  const blockTimeSeconds = reader.integer('blockTimeSeconds', DEFAULT_BLOCK_TIME_SECONDS, 1, MAX_BLOCK_TIME_SECONDS);
  const halfLifeSeconds = reader.integer(
    'halfLifeSeconds',
    DEFAULT_HALF_LIFE_BLOCKS * blockTimeSeconds,
    Math.max(MIN_HALF_LIFE_SECONDS, blockTimeSeconds),
    MAX_HALF_LIFE_SECONDS,
  );
  const futureLimitSeconds = Math.min(MAX_FUTURE_LIMIT_SECONDS, Math.floor(halfLifeSeconds / HALF_LIFE_TO_FUTURE_LIMIT));
  const pauseAfterSeconds = reader.integer('pauseAfterSeconds', 0, 0, MAX_PAUSE_SECONDS);
  // Below this a miner could pretend a pause on a network that runs well: one block with the oldest time that the
  // median allows, the next with the latest that clocks allow.
  const shortestPause = MEDIAN_TIME_BLOCKS * blockTimeSeconds + futureLimitSeconds;
  if (pauseAfterSeconds !== 0 && pauseAfterSeconds < shortestPause) {
    reader.refuse('pauseAfterSeconds', `0 (off) or at least ${shortestPause} (11 block times and the future limit)`);
  }
  const minimumDifficulty = reader.bigInteger('minimumDifficulty', 1n, 1n, MAX_MINIMUM_DIFFICULTY);
  const blockRewardWei = reader.bigInteger('blockRewardWei', 0n, 0n, MAX_BLOCK_REWARD_WEI);
  return { blockTimeSeconds, halfLifeSeconds, pauseAfterSeconds, minimumDifficulty, blockRewardWei, futureLimitSeconds };
}
