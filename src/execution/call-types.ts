/** What is asked of the EVM outside blocks: calls, estimates, access lists. */
import type { Address, Hash } from '../base/types.ts';
import type { Withdrawal } from '../chain/foreign-body.ts';
import type { Header } from '../chain/header.ts';
import type { AccessListEntry, Authorization, BlobFields } from './transaction-codec.ts';

/** Runs on the state after `header` and, unless overridden, in the context of that block. */
export interface CallRequest {
  readonly header: Header;
  readonly from: Address;
  /** Null creates a contract. */
  readonly to: Address | null;
  readonly data: Uint8Array;
  /** Wei. */
  readonly value: bigint;
  /** Absent: as much as the cap allows, or what the sender can pay for when there is a price. */
  readonly gas?: bigint;
  /** Wei per gas; without any price the base fee counts as zero, as in geth. */
  readonly gasPrice?: bigint;
  readonly maxFeePerGas?: bigint;
  readonly maxPriorityFeePerGas?: bigint;
  /** Not compared with the account's: a call is no transaction. */
  readonly nonce?: bigint;
  readonly accessList?: readonly AccessListEntry[];
  readonly authorizationList?: readonly Authorization[];
  readonly blobs?: BlobFields;
  readonly stateOverrides?: ReadonlyMap<Address, AccountOverride>;
  readonly blockOverrides?: BlockOverrides;
}

export interface AccountOverride {
  readonly balance?: bigint;
  readonly nonce?: bigint;
  readonly code?: Uint8Array;
  /** Replaces the whole storage; never together with `stateDiff`. */
  readonly state?: ReadonlyMap<Hash, Hash>;
  readonly stateDiff?: ReadonlyMap<Hash, Hash>;
  /** The account is a precompile, which answers at this address instead. */
  readonly movePrecompileTo?: Address;
}

export interface BlockOverrides {
  readonly number?: bigint;
  /** Seconds since 1970. */
  readonly time?: bigint;
  readonly gasLimit?: bigint;
  readonly feeRecipient?: Address;
  readonly prevRandao?: Hash;
  readonly baseFeePerGas?: bigint;
  /** Wei for each unit of blob gas. */
  readonly blobBaseFee?: bigint;
  /** Of simulated blocks only. */
  readonly beaconRoot?: Hash;
  readonly withdrawals?: readonly Withdrawal[];
}

/** The call ran and did not succeed. */
export interface CallFailure {
  /** True for REVERT: then what was returned is the contract's reason. */
  readonly reverted: boolean;
  /** Such as `out of gas`. */
  readonly message: string;
}

export interface CallResult {
  readonly returnData: Uint8Array;
  readonly gasUsed: bigint;
  readonly failure: CallFailure | null;
}

export interface EstimateResult {
  /** The gas limit to use; meaningless when there is a failure. */
  readonly gas: bigint;
  readonly returnData: Uint8Array;
  readonly failure: CallFailure | null;
}

export interface AccessListResult {
  readonly accessList: readonly AccessListEntry[];
  readonly gasUsed: bigint;
  readonly failure: CallFailure | null;
}

/** Each kind of job, with what it answers. */
export interface CallResults {
  readonly call: CallResult;
  readonly estimateGas: EstimateResult;
  readonly createAccessList: AccessListResult;
}

export type CallKind = keyof CallResults;
