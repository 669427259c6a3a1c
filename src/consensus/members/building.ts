/** When a member whose turn it is makes a block, and what its header says. */
import { bigToFixed, toHex } from '../../base/bytes.ts';
import type { Address } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import type { BuildFields } from '../engine.ts';
import type { Membership } from './membership.ts';
import type { CommonSettings } from './settings.ts';

export interface Draft {
  readonly parent: HeaderNode;
  /** Milliseconds since 1970. */
  readonly wallMs: number;
  readonly beneficiary: Address;
  readonly membership: Membership;
  /** The engine's own number for the proposal: a term, a view, a ballot, an epoch. Below 2^64. */
  readonly round: bigint;
  readonly payload: Uint8Array;
}

const NONCE_BYTES = 8;
const MS_PER_SECOND = 1_000;

/** Whether a block is wanted for what is in it: transactions, or a decision of the members. */
export function hasContent({ transactions, payload }: Pick<Block, 'transactions' | 'payload'>): boolean {
  return transactions.length > 0 || payload.length > 0;
}

/** A clock that is behind does not hold up the chain: time stands still until it has caught up. */
export function fieldsOf({ parent, wallMs, beneficiary, membership, round, payload }: Draft): BuildFields {
  return {
    timestamp: Math.max(Math.floor(wallMs / MS_PER_SECOND), parent.header.timestamp),
    beneficiary,
    difficulty: 0n,
    mixHash: membership.id,
    nonce: toHex(bigToFixed(round, NONCE_BYTES)),
    payload,
  };
}

/** The number that `fieldsOf` put into a header. */
export function roundOf({ header }: Pick<HeaderNode, 'header'>): bigint {
  return BigInt(header.nonce);
}

/** Milliseconds from now until the next block is due, `sinceMs` after the last one; null when nothing calls for one. */
export function buildDelayMs(
  { blockIntervalMs, emptyBlockMs }: Pick<CommonSettings, 'blockIntervalMs' | 'emptyBlockMs'>,
  { hasWork, sinceMs }: { readonly hasWork: boolean; readonly sinceMs: number },
): number | null {
  if (hasWork) return Math.max(0, blockIntervalMs - sinceMs);
  return emptyBlockMs === 0 ? null : Math.max(0, Math.max(emptyBlockMs, blockIntervalMs) - sinceMs);
}
