/** Everything one node wants of itself, apart from what its network agreed on in genesis. The CLI fills it from flags. */
import type { Signer } from '../base/signatures.ts';
import type { Address } from '../base/types.ts';
import type { TrustedBlock } from '../consensus/engine.ts';
import type { PageSource } from '../rpc/http.ts';
import type { LogOptions } from './logger.ts';

export interface NodeConfig {
  /** Absolute. Created when absent. */
  readonly datadir: string;
  /** The genesis document as JSON, for a datadir that has none yet; one that differs from the datadir's is refused. */
  readonly genesis: unknown;
  /** Sets a damaged chain aside and fetches it again from peers. */
  readonly resync: boolean;
  readonly network: NetworkConfig;
  readonly rpc: RpcConfig;
  readonly mining: MiningConfig;
  /** Keys of the validators that this node is, opened and locked by the caller; none for a node that only follows. */
  readonly signers: readonly Signer[];
  /** A block that the operator knows to be final, under proof-of-stake; null for none. */
  readonly checkpoint: TrustedBlock | null;
  readonly finality: DepthPolicy;
  /** Fault methods (partition, heal) for a network that was started for tests. */
  readonly faults: boolean;
  readonly log: LogOptions;
  /** Where Prometheus finds its figures; null for nowhere. */
  readonly metrics: MetricsConfig | null;
}

export interface MetricsConfig {
  readonly address: string;
  /** 0 takes a free one. */
  readonly port: number;
}

export interface NetworkConfig {
  readonly address: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Multiaddrs. */
  readonly bootnodes: readonly string[];
  /** A file; null for the one in the datadir. */
  readonly nodeKeyFile: string | null;
  readonly maxPeers: number;
  readonly mdns: boolean;
  /** The address under which others reach this node, where it is not one of its own: behind a router, or in a container. */
  readonly externalAddress?: string;
}

export interface RpcConfig {
  readonly enabled: boolean;
  readonly address: string;
  readonly port: number;
  /** Namespaces that the public port answers. */
  readonly apis: readonly string[];
  readonly corsDomains: readonly string[];
  readonly vhosts: readonly string[];
  readonly gasCap: bigint;
  readonly evmTimeoutMs: number;
  readonly evmWorkers: number;
  /** Served beside JSON-RPC: the dashboard. */
  readonly pages: PageSource | null;
}

export interface MiningConfig {
  readonly enabled: boolean;
  readonly threads: number;
  /** Hashes a second of the whole node; 0 for no limit. */
  readonly hashRateLimit: number;
  readonly kernel: 'auto' | 'wasm-simd' | 'wasm' | 'js';
  readonly beneficiary: Address;
  /** Where the gas limit of built blocks moves to; null for that of genesis. */
  readonly gasLimit: bigint | null;
}

/**
 * What `safe` and `finalized` mean where the engine proves nothing: so many blocks below the head. A policy of the
 * operator, not a guarantee of proof-of-work.
 */
export interface DepthPolicy {
  readonly safeDepth: number;
  readonly finalizedDepth: number;
}

export const DEFAULTS = {
  network: { address: '127.0.0.1', port: 30303, maxPeers: 64 },
  rpc: {
    address: '127.0.0.1',
    port: 8545,
    apis: ['eth', 'net', 'web3', 'txpool', 'synod'],
    /** Opened besides on networks for tests: explorers and debuggers. A plain node keeps them shut, since a trace is dear. */
    testApis: ['debug', 'trace', 'ots', 'erigon', 'evm', 'anvil', 'hardhat'],
    vhosts: ['localhost'],
    gasCap: 50_000_000n,
    evmTimeoutMs: 5_000,
    evmWorkers: 3,
    pages: null,
  },
  mining: { threads: 1 },
  metrics: { address: '127.0.0.1', port: 6060 },
  /** Six confirmations are Bitcoin's custom for safe; the deeper one is ours. */
  finality: { safeDepth: 6, finalizedDepth: 24 },
} as const;
