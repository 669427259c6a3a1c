/**
 * What blobs cost (EIP-4844, EIP-7691, EIP-7840, EIP-7892, EIP-7918). synod's own networks have no blobs; chains that were
 * made elsewhere and are replayed here do.
 */
import type { Header } from './header.ts';

/** In force from `time` (seconds) on: how many blobs a block should and may have, and how fast their price moves. */
export interface BlobRules {
  readonly time: number;
  readonly target: number;
  readonly max: number;
  readonly updateFraction: number;
}

export const GAS_PER_BLOB = 131_072n;
const MIN_BLOB_BASE_FEE = 1n;
/** EIP-7918: what execution gas a blob counts as, below whose price blobs are not sold. */
const BLOB_BASE_COST = 8_192n;

export function blobRulesAt(rules: readonly BlobRules[], timestamp: number): BlobRules | undefined {
  return rules.findLast(({ time }) => time <= timestamp);
}

/** Wei for each unit of blob gas. */
export function blobBaseFee(excessBlobGas: bigint, { updateFraction }: BlobRules): bigint {
  return fakeExponential(MIN_BLOB_BASE_FEE, excessBlobGas, BigInt(updateFraction));
}

/** What a child of `parent` must say. `rules` are the child's; `hasReserve` from osaka on. */
export function nextExcessBlobGas(parent: Header, rules: BlobRules, hasReserve: boolean): bigint {
  const excess = parent.excessBlobGas ?? 0n;
  const used = parent.blobGasUsed ?? 0n;
  const target = BigInt(rules.target) * GAS_PER_BLOB;
  if (excess + used < target) return 0n;
  const reserve = BLOB_BASE_COST * (parent.baseFeePerGas ?? 0n);
  if (hasReserve && reserve > GAS_PER_BLOB * blobBaseFee(excess, rules)) {
    return excess + (used * BigInt(rules.max - rules.target)) / BigInt(rules.max);
  }
  return excess + used - target;
}

/** The same for a child of this time, whatever its chain knows of blobs: 0 where it, or its parent, knows none. */
export function excessBlobGasAfter(
  parent: Header,
  blobs: readonly BlobRules[] | undefined,
  timestamp: number,
  hasReserve: boolean,
): bigint {
  const rules = blobRulesAt(blobs ?? [], timestamp);
  return rules === undefined || parent.excessBlobGas === undefined ? 0n : nextExcessBlobGas(parent, rules, hasReserve);
}

/** EIP-4844's approximation of factor * e ** (numerator / denominator) by its Taylor series. */
function fakeExponential(factor: bigint, numerator: bigint, denominator: bigint): bigint {
  let sum = 0n;
  let term = factor * denominator;
  for (let i = 1n; term > 0n; i++) {
    sum += term;
    term = (term * numerator) / (denominator * i);
  }
  return sum / denominator;
}
