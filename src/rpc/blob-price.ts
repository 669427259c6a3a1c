/** What blobs cost, to clients that ask: where a chain has none, the least that EIP-4844 allows. */
import { blobBaseFee, blobRulesAt, GAS_PER_BLOB, nextExcessBlobGas } from '../chain/blobs.ts';
import type { Header } from '../chain/header.ts';
import { type ChainParams, forkAt, isAtLeast } from '../chain/params.ts';

const LEAST = 1n;

/** Wei for each unit of blob gas in this block; 0 where its fork knows no blobs. */
export function blobPrice({ blobs = [] }: ChainParams, { excessBlobGas, timestamp }: Header): bigint {
  if (excessBlobGas === undefined) return 0n;
  const rules = blobRulesAt(blobs, timestamp);
  return rules === undefined ? LEAST : blobBaseFee(excessBlobGas, rules);
}

/** The same for a child of `parent`, were it of the same time. */
export function nextBlobPrice({ blobs = [], forks }: ChainParams, parent: Header): bigint {
  const { excessBlobGas, number, timestamp } = parent;
  if (excessBlobGas === undefined) return 0n;
  const rules = blobRulesAt(blobs, timestamp);
  if (rules === undefined) return LEAST;
  const hasReserve = isAtLeast(forkAt(forks, number + 1, timestamp), 'osaka');
  return blobBaseFee(nextExcessBlobGas(parent, rules, hasReserve), rules);
}

/** How much of the blobs that a block may have it has, from 0 to 1. */
export function blobFullness({ blobs = [] }: ChainParams, { blobGasUsed, timestamp }: Header): number {
  const rules = blobRulesAt(blobs, timestamp);
  return rules === undefined ? 0 : Number(blobGasUsed ?? 0n) / (rules.max * Number(GAS_PER_BLOB));
}
