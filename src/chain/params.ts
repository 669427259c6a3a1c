/** What every node of one network must agree on before the first block: chain parameters out of the genesis file. */
import type { Address, Hash, Hex, Json } from '../base/types.ts';
import type { BlobRules } from './blobs.ts';

/** In order of activation. The names are those of Ethereum's execution-layer upgrades. */
export const FORKS = [
  'frontier',
  'homestead',
  'tangerineWhistle',
  'spuriousDragon',
  'byzantium',
  'constantinople',
  'petersburg',
  'istanbul',
  'berlin',
  'london',
  'paris',
  'shanghai',
  'cancun',
  'prague',
  'osaka',
] as const;
export type Fork = (typeof FORKS)[number];

/** One activation, by block height up to paris and by timestamp (seconds) from shanghai on, as geth's genesis has it. */
export interface ForkActivation {
  readonly fork: Fork;
  readonly block?: number;
  readonly time?: number;
}

export interface GenesisAccount {
  readonly balance: bigint;
  readonly nonce: bigint;
  readonly code: Hex;
  readonly storage: Readonly<Record<Hex, Hex>>;
}

/** A genesis file after parsing: geth's form with an engine object inside config. */
export interface Genesis {
  readonly chainId: number;
  readonly forks: readonly ForkActivation[];
  readonly engine: EngineSettings;
  readonly alloc: ReadonlyMap<Address, GenesisAccount>;
  readonly gasLimit: bigint;
  readonly difficulty: bigint;
  readonly timestamp: number;
  readonly extraData: Hex;
  readonly baseFeePerGas?: bigint;
  readonly beneficiary: Address;
  readonly mixHash: Hash;
  readonly nonce: Hex;
  /** geth's blobSchedule; empty where the document has none. */
  readonly blobs: readonly BlobRules[];
  readonly depositContract: Address | undefined;
}

/** `{ "name": "pow", ... }`: the engine reads the rest with its own parser. */
export interface EngineSettings {
  readonly name: string;
  readonly settings: { readonly [key: string]: Json };
  /** Engines that the chain goes on with, and from which heights: see `consensus/phases/plan.ts`. */
  readonly transitions?: Json;
}

export interface ChainParams {
  /** The height of the block that the engine begins on, where that is not genesis: it took the chain over from another. */
  readonly baseHeight?: number;
  readonly chainId: number;
  readonly genesisHash: Hash;
  readonly forks: readonly ForkActivation[];
  readonly engine: EngineSettings;
  /** Ascending by time, of a chain whose blocks may have blobs; synod's own networks have none. */
  readonly blobs?: readonly BlobRules[];
  /** Whose events are the deposits of a beacon chain (EIP-6110); synod's own networks have none. */
  readonly depositContract?: Address;
}

/** What executing a block needs of them. */
export type ExecutionParams = Pick<ChainParams, 'chainId' | 'forks' | 'blobs' | 'depositContract'>;

/** The fork in force for a block of this height and timestamp. */
export function forkAt(forks: readonly ForkActivation[], number: number, timestamp: number): Fork {
  let current: Fork = 'frontier';
  for (const { fork, block, time } of forks) {
    if ((block !== undefined && number >= block) || (time !== undefined && timestamp >= time)) current = fork;
  }
  return current;
}

export function isAtLeast(fork: Fork, floor: Fork): boolean {
  return FORKS.indexOf(fork) >= FORKS.indexOf(floor);
}
