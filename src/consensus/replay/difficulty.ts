/**
 * Ethereum's difficulty while it was mined: Yellow Paper 4.4.4 (frontier), EIP-2 (homestead), EIP-100 (byzantium), and the
 * bomb of the same section with its delays (EIP-649, 1234, 2384, 3554, 4345, 5133).
 */
import { EMPTY_UNCLES_HASH, type Header } from '../../chain/header.ts';
import { type Fork, isAtLeast } from '../../chain/params.ts';
import type { ReplaySettings } from './settings.ts';

const MINIMUM = 131_072n;
const BOUND_DIVISOR = 2_048n;
const LOWEST_FACTOR = -99n;
const FRONTIER_SECONDS = 13;
const HOMESTEAD_SECONDS = 10n;
const BYZANTIUM_SECONDS = 9n;
const BOMB_PERIOD_BLOCKS = 100_000;

/** What a block of this time on `parent` must have. */
export function expectedDifficulty(timestamp: number, parent: Header, fork: Fork, settings: ReplaySettings): bigint {
  const adjusted = parent.difficulty + (parent.difficulty / BOUND_DIVISOR) * factor(timestamp, parent, fork);
  const base = larger(adjusted, MINIMUM);
  return larger(base + bomb(parent.number + 1, fork, settings), MINIMUM);
}

function factor(timestamp: number, parent: Header, fork: Fork): bigint {
  const seconds = BigInt(timestamp - parent.timestamp);
  if (isAtLeast(fork, 'byzantium')) {
    const siblings = parent.unclesHash === EMPTY_UNCLES_HASH ? 1n : 2n;
    return larger(siblings - seconds / BYZANTIUM_SECONDS, LOWEST_FACTOR);
  }
  if (isAtLeast(fork, 'homestead')) return larger(1n - seconds / HOMESTEAD_SECONDS, LOWEST_FACTOR);
  return seconds < FRONTIER_SECONDS ? 1n : -1n;
}

function bomb(number: number, fork: Fork, settings: ReplaySettings): bigint {
  const periods = Math.floor(Math.max(0, number - bombDelay(number, fork, settings)) / BOMB_PERIOD_BLOCKS);
  return periods < 2 ? 0n : 2n ** BigInt(periods - 2);
}

function bombDelay(number: number, fork: Fork, { muirGlacierBlock, arrowGlacierBlock, grayGlacierBlock }: ReplaySettings): number {
  if (number >= grayGlacierBlock) return 11_400_000;
  if (number >= arrowGlacierBlock) return 10_700_000;
  if (isAtLeast(fork, 'london')) return 9_700_000;
  if (number >= muirGlacierBlock) return 9_000_000;
  if (isAtLeast(fork, 'constantinople')) return 5_000_000;
  return isAtLeast(fork, 'byzantium') ? 3_000_000 : 0;
}

function larger(a: bigint, b: bigint): bigint {
  if (b > a) return b;
  return a;
}
