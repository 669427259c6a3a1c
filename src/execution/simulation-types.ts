/** eth_simulateV1: what is asked and what is answered. */

import type { Address } from '../base/types.ts';
import type { Block } from '../chain/block.ts';
import type { Header } from '../chain/header.ts';
import type { AccountOverride, BlockOverrides, CallFailure, CallRequest } from './call-types.ts';
import type { Tx } from './transaction.ts';
import type { Log } from './types.ts';

export type SimulatedCall = Omit<CallRequest, 'header' | 'stateOverrides' | 'blockOverrides'>;

export interface BlockPlan {
  readonly overrides: BlockOverrides;
  readonly accounts: ReadonlyMap<Address, AccountOverride>;
  readonly calls: readonly SimulatedCall[];
}

/** Blocks that follow one another on the state after `header`. */
export interface SimulationRequest {
  readonly header: Header;
  readonly blocks: readonly BlockPlan[];
  /** As in a real block: nonces, base fee. Otherwise calls may be free and their nonces are what they should be. */
  readonly validation: boolean;
  /** Transfers of ether as logs. */
  readonly traceTransfers: boolean;
  /** What the beneficiary of a block that is mined gets beside fees, in wei. */
  readonly blockReward: bigint;
}

export interface CallOutcome {
  readonly returnData: Uint8Array;
  readonly gasUsed: bigint;
  /** Before refunds. */
  readonly peakGas: bigint;
  /** Those of transfers among them, where they were asked for. */
  readonly logs: readonly (Log & { readonly index: number })[];
  readonly failure: CallFailure | null;
}

export interface SimulatedBlock {
  readonly block: Block;
  readonly transactions: readonly Tx[];
  readonly calls: readonly CallOutcome[];
}
