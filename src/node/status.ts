/** What `synod_status` answers: one look at a node for commands, tables and dashboards. */
import type { Address, Hash, Json } from '../base/types.ts';
import type { FaultStatus } from './fault-bench.ts';

export interface NodeStatus {
  readonly version: string;
  readonly engine: string;
  readonly chainId: number;
  readonly genesis: Hash;
  readonly peerId: string;
  readonly uptimeSeconds: number;
  readonly head: BlockSummary;
  readonly safe: BlockSummary;
  readonly finalized: BlockSummary;
  /** Cumulative weight of the head: under proof-of-work the expected number of hashes behind it, in decimal. */
  readonly weight: string;
  readonly peers: number;
  readonly sync: { readonly state: string; readonly current: number; readonly target: number };
  readonly pool: { readonly pending: number; readonly queued: number };
  readonly reorgs: { readonly count: number; readonly deepest: number; readonly last: number; readonly dropped: number };
  readonly mining: MiningStatus | null;
  /** The peers this node may talk to while it is partitioned; null otherwise. */
  readonly partition: readonly string[] | null;
  /** What is wrong with it on purpose, in a network that was started for tests; null in any other. */
  readonly faults: FaultStatus | null;
  /** The engine's own picture of itself. */
  readonly consensus: Json;
}

export interface BlockSummary {
  readonly number: number;
  readonly hash: Hash;
  readonly stateRoot: Hash;
  readonly timestamp: number;
}

export interface MiningStatus {
  readonly enabled: boolean;
  readonly threads: number;
  readonly kernel: string;
  readonly hashesPerSecond: number;
  readonly hashRateLimit: number;
  readonly sealed: number;
  /** Jobs that were given up because the head or the template changed first. */
  readonly abandoned: number;
  readonly beneficiary: Address;
}
