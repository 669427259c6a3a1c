/** What a test network can be made with: the bounds of `synod testnet` and of `synod/testing`, each the lowest and the highest value. */
import { MAX_SLOT_SECONDS } from '../consensus/pos/settings.ts';
import { ENGINE_NAMES } from '../consensus/registry.ts';
import { MAX_HASH_RATE_LIMIT } from '../mining/limits.ts';
import { MAX_NODES } from '../testnet/manifest.ts';

export const NETWORK_LIMITS = {
  nodes: [1, MAX_NODES],
  miners: [0, MAX_NODES],
  validators: [1, 1_000],
  blockTimeSeconds: [1, 3_600],
  chainId: [1, 2 ** 48],
  accounts: [1, 1_000],
  /** Ether. */
  balance: [0, 1e9],
  /** Hashes a second. */
  hashRateLimit: [0, MAX_HASH_RATE_LIMIT],
} as const;

/** Under proof-of-stake a block time is the length of a slot. */
export const MAX_POS_BLOCK_TIME_SECONDS = MAX_SLOT_SECONDS;
export const NETWORK_ENGINES = ENGINE_NAMES;
