/**
 * Compact targets ("nBits"): a floating-point form of a 256-bit integer in 32 bits, as Bitcoin's header has it.
 * Source: Bitcoin Core, arith_uint256::SetCompact and GetCompact.
 *
 *   bits = size (8 bits) | sign (1 bit) | mantissa (23 bits);  value = mantissa x 256^(size - 3)
 *
 * Bitcoin's decoder reports negative and overflowing values to its caller, who must refuse them; this one throws, as
 * it does for zero: none of these can be a target.
 */
import { RuleError } from '../../base/errors.ts';

export const MAX_UINT256 = 2n ** 256n - 1n;

const SIGN_BIT = 0x0080_0000;
const MANTISSA_MASK = 0x007f_ffff;

/** The target that these bits stand for, 1 to 2^256 - 1. Throws RuleError `pow/bits`. */
export function decodeCompact(bits: number): bigint {
  const refuse = (why: string): never => {
    throw new RuleError('pow/bits', `The compact target 0x${bits.toString(16)} is ${why}; expected 1 to 2^256 - 1.`, { bits });
  };
  if (!Number.isInteger(bits) || bits < 0 || bits > 0xffff_ffff) return refuse('not 32 bits');
  const size = bits >>> 24;
  const mantissa = BigInt(bits & MANTISSA_MASK);
  const value = size <= 3 ? mantissa >> BigInt(8 * (3 - size)) : mantissa << BigInt(8 * (size - 3));
  if (value === 0n) return refuse('zero');
  if ((bits & SIGN_BIT) !== 0) return refuse('negative');
  if (value > MAX_UINT256) return refuse('too large');
  return value;
}

/** The bits of the greatest compact value that is not above `target` (1 to 2^256 - 1). */
export function encodeCompact(target: bigint): number {
  if (target < 1n || target > MAX_UINT256) {
    throw new RuleError('pow/target', `The target ${target} has no compact form; expected 1 to 2^256 - 1.`);
  }
  let size = Math.ceil(target.toString(16).length / 2);
  let mantissa = Number(size <= 3 ? target << BigInt(8 * (3 - size)) : target >> BigInt(8 * (size - 3)));
  // The mantissa's top bit means "negative", so a value that would set it is written one byte longer.
  if ((mantissa & SIGN_BIT) !== 0) {
    mantissa >>= 8;
    size++;
  }
  return ((size << 24) | mantissa) >>> 0;
}
