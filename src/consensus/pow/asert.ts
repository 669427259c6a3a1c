/**
 * The difficulty algorithm: ASERT, an absolutely scheduled exponential that rises and falls with the distance between
 * the chain's time and its timetable. Source: aserti3-2d, the Bitcoin Cash specification of 2020-11-15, whose published
 * vectors the tests replay.
 *
 *   target = anchorTarget x 2^((timeDelta - blockTime x (heightDelta + 1)) / halfLife)
 *
 * in 16-bit fixed point, with a cubic in place of 2^x on [0, 1). Two roundings decide whether nodes agree: the division
 * truncates towards zero (BigInt's `/`), the shifts round down (`>>`).
 */

/** Fixed point: 2^16 stands for 1. */
const RADIX_BITS = 16n;
const RADIX = 1n << RADIX_BITS;
/** The cubic's own fixed point, and one half in it. */
const CUBIC_BITS = 48n;
const HALF = 1n << (CUBIC_BITS - 1n);
/** More doublings than a 256-bit target has bits; bounds the shifts when clocks are absurd. */
const MAX_DOUBLINGS = 512n;

export interface AsertInput {
  readonly anchorTarget: bigint;
  /** Seconds from the anchor's parent to the parent of the block whose target is wanted; may be negative. */
  readonly timeDelta: bigint;
  /** Height of that parent less the anchor's height. */
  readonly heightDelta: bigint;
  readonly blockTimeSeconds: bigint;
  readonly halfLifeSeconds: bigint;
  /** The easiest target there is. */
  readonly maxTarget: bigint;
}

/** The target of the next block, 1 to `maxTarget`. */
export function asertTarget(input: AsertInput): bigint {
  const { anchorTarget, timeDelta, heightDelta, blockTimeSeconds, halfLifeSeconds, maxTarget } = input;
  const late = timeDelta - blockTimeSeconds * (heightDelta + 1n);
  const exponent = (late * RADIX) / halfLifeSeconds;
  const doublings = exponent >> RADIX_BITS;
  if (doublings > MAX_DOUBLINGS) return maxTarget;
  if (doublings < -MAX_DOUBLINGS) return 1n;
  const scaled = anchorTarget * powerOfTwo(exponent & (RADIX - 1n));
  const shift = doublings - RADIX_BITS;
  const target = shift < 0n ? scaled >> -shift : scaled << shift;
  if (target < 1n) return 1n;
  return target > maxTarget ? maxTarget : target;
}

/** 2^(fraction / 2^16) in fixed point, for a fraction of 0 to 2^16 - 1; off by less than 0.013%. */
function powerOfTwo(fraction: bigint): bigint {
  const cubic = fraction * (195_766_423_245_049n + fraction * (971_821_376n + fraction * 5_127n));
  return RADIX + ((cubic + HALF) >> CUBIC_BITS);
}
