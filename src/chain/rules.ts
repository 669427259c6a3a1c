/**
 * Header rules that hold under every engine, checked against the parent alone, cheap enough to run before anything is
 * stored. Time, difficulty and proofs are the engine's; roots, bloom and gas used are checked by execution.
 * Sources: Yellow Paper 4.4.4, EIP-1559, EIP-4844, EIP-4895, EIP-4788, EIP-7685.
 */
import { RuleError } from '../base/errors.ts';
import { type Hash, ZERO_HASH } from '../base/types.ts';
import { EMPTY_TRIE_ROOT, EMPTY_UNCLES_HASH, type Header, hashHeader } from './header.ts';
import { type ChainParams, forkAt, isAtLeast } from './params.ts';

export const MIN_GAS_LIMIT = 5_000n;
/** Larger limits would let one block occupy a node for minutes; geth's own ceiling is 2^63 - 1. */
export const MAX_GAS_LIMIT = 10_000_000_000n;
const GAS_LIMIT_BOUND_DIVISOR = 1_024n;
const ELASTICITY_MULTIPLIER = 2n;
const BASE_FEE_MAX_CHANGE_DENOMINATOR = 8n;
export const INITIAL_BASE_FEE = 1_000_000_000n;

/** Throws RuleError with a code `header/<field>`. `parent` is the header that `header.parentHash` names. */
export function checkHeader(header: Header, parent: Header, params: ChainParams): void {
  const fail = (field: string, got: unknown, expected: unknown): never => {
    throw new RuleError(`header/${field}`, `Block ${header.number} has ${field} ${got}; expected ${expected}.`, { number: header.number });
  };
  const parentHash = hashHeader(parent);
  if (header.parentHash !== parentHash) fail('parentHash', header.parentHash, parentHash);
  if (header.number !== parent.number + 1) fail('number', header.number, parent.number + 1);
  if (header.unclesHash !== EMPTY_UNCLES_HASH) fail('unclesHash', header.unclesHash, 'the hash of an empty list');
  if (header.gasUsed > header.gasLimit) fail('gasUsed', header.gasUsed, `at most the gas limit ${header.gasLimit}`);
  checkGasLimit(header, parent, fail);
  checkForkFields(header, parent, params, fail);
}

type Fail = (field: string, got: unknown, expected: unknown) => never;

function checkGasLimit(header: Header, parent: Header, fail: Fail): void {
  const { low, high } = gasLimitBounds(parent.gasLimit);
  if (header.gasLimit < low || header.gasLimit > high) fail('gasLimit', header.gasLimit, `${low} to ${high}`);
}

/** The inclusive range that a child's gas limit may have. */
export function gasLimitBounds(parentGasLimit: bigint): { low: bigint; high: bigint } {
  const step = parentGasLimit / GAS_LIMIT_BOUND_DIVISOR;
  const margin = step > 0n ? step - 1n : 0n;
  const low = parentGasLimit - margin;
  const high = parentGasLimit + margin;
  return { low: low < MIN_GAS_LIMIT ? MIN_GAS_LIMIT : low, high: high > MAX_GAS_LIMIT ? MAX_GAS_LIMIT : high };
}

/** The gas limit of the next block on the way from the parent's to the one its builder wants. */
export function nextGasLimit(parentGasLimit: bigint, wanted: bigint): bigint {
  const { low, high } = gasLimitBounds(parentGasLimit);
  if (wanted < low) return low;
  return wanted > high ? high : wanted;
}

function checkForkFields(header: Header, parent: Header, params: ChainParams, fail: Fail): void {
  const fork = forkAt(params.forks, header.number, header.timestamp);
  const expected = forkFields(header.number, header.timestamp, parent, params);
  for (const field of ['baseFeePerGas', 'withdrawalsRoot', 'blobGasUsed', 'excessBlobGas', 'parentBeaconBlockRoot'] as const) {
    if (header[field] !== expected[field]) fail(field, header[field] ?? 'missing', `${expected[field] ?? 'none'} under ${fork}`);
  }
  if ((header.requestsHash !== undefined) !== isAtLeast(fork, 'prague'))
    fail('requestsHash', header.requestsHash ?? 'missing', `the form of ${fork}`);
}

/**
 * The trailing fields that a child of `parent` must have, but for requestsHash, which only execution knows. synod has
 * no blobs and no beacon chain: their fields are the values that an empty one gives.
 */
export function forkFields(
  number: number,
  timestamp: number,
  parent: Header,
  params: Pick<ChainParams, 'forks'>,
): Pick<Header, 'baseFeePerGas' | 'withdrawalsRoot' | 'blobGasUsed' | 'excessBlobGas' | 'parentBeaconBlockRoot'> {
  const fork = forkAt(params.forks, number, timestamp);
  return {
    ...(isAtLeast(fork, 'london') && { baseFeePerGas: nextBaseFee(parent) }),
    ...(isAtLeast(fork, 'shanghai') && { withdrawalsRoot: EMPTY_TRIE_ROOT }),
    ...(isAtLeast(fork, 'cancun') && { blobGasUsed: 0n, excessBlobGas: 0n, parentBeaconBlockRoot: ZERO_HASH as Hash }),
  };
}

/** EIP-1559: the base fee of the block after `parent`, in wei. */
export function nextBaseFee(parent: Header): bigint {
  const fee = parent.baseFeePerGas;
  if (fee === undefined) return INITIAL_BASE_FEE;
  const target = parent.gasLimit / ELASTICITY_MULTIPLIER;
  if (parent.gasUsed === target || target === 0n) return fee;
  if (parent.gasUsed > target) {
    const rise = (fee * (parent.gasUsed - target)) / target / BASE_FEE_MAX_CHANGE_DENOMINATOR;
    return fee + (rise > 1n ? rise : 1n);
  }
  return fee - (fee * (target - parent.gasUsed)) / target / BASE_FEE_MAX_CHANGE_DENOMINATOR;
}
