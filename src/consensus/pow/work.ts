/**
 * Difficulty, target and work: three views of how hard a proof is. Source: Bitcoin Core, GetBlockProof in chain.cpp.
 *
 * A header carries its difficulty D, the number of hashes that a proof takes on average. Its target is that of the
 * 80-byte header: (2^256 - 1) / D rounded down to compact form. Its work is what the target asks for, 2^256 / (target + 1),
 * which because of that rounding is D or slightly more.
 */
import { RuleError } from '../../base/errors.ts';
import { decodeCompact, encodeCompact, MAX_UINT256 } from './compact.ts';

/** The compact target of a difficulty of 1 to 2^256 - 1. Throws RuleError `header/difficulty`. */
export function bitsOf(difficulty: bigint): number {
  if (difficulty < 1n || difficulty > MAX_UINT256) {
    throw new RuleError('header/difficulty', `Difficulty ${difficulty} is out of range; expected 1 to 2^256 - 1.`);
  }
  return encodeCompact(MAX_UINT256 / difficulty);
}

/** Those of late, by difficulty: most templates and blocks have the difficulty of one before. */
const targets = new Map<bigint, bigint>();
const MAX_TARGETS = 256;

/** A proof is valid when its hash is at most this. */
export function targetOf(difficulty: bigint): bigint {
  const known = targets.get(difficulty);
  if (known !== undefined) return known;
  const target = decodeCompact(bitsOf(difficulty));
  if (targets.size >= MAX_TARGETS) targets.clear();
  targets.set(difficulty, target);
  return target;
}

/** The number of hashes that finding a proof for this target takes on average. */
export function workOf(target: bigint): bigint {
  return (MAX_UINT256 + 1n) / (target + 1n);
}

/** The greatest target whose work is still at least this difficulty (1 or more). */
export function easiestTarget(difficulty: bigint): bigint {
  return (MAX_UINT256 + 1n) / difficulty - 1n;
}
