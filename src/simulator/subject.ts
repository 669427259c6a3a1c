/**
 * An engine as the simulator runs it: how to make it, the network that it is made for, and what must hold for it besides
 * what must hold for every engine. A user's own engine needs no more than a factory (`subjects/custom.ts`).
 */
import type { Random } from '../base/random.ts';
import type { Signatures } from '../base/signatures.ts';
import type { Address, Json, NodeId } from '../base/types.ts';
import type { ChainParams, GenesisAccount } from '../chain/params.ts';
import type { ChainView, Output } from '../chain/tree.ts';
import type { AdminCommand, AnyEngine, NodeSettings } from '../consensus/engine.ts';
import type { BehaviourFactory } from './behaviours/behaviour.ts';
import type { CheckerFactory } from './checkers/checker.ts';
import type { MarkRule } from './marks.ts';
import type { MeterFactory } from './meters/meter.ts';
import type { Options } from './options.ts';
import type { ProofOracle } from './sealer.ts';
import type { Keys } from './tags.ts';

export type EngineJson = { readonly [key: string]: Json };

/** The moment in which the faults end, as far as it bears on the progress that follows. */
export interface Calm {
  readonly params: ChainParams;
  /** Of the nodes that owe progress. */
  readonly chains: readonly ChainView[];
  /** Hashes a second of all of them. */
  readonly hashRate: number;
  /** Since 1970. */
  readonly wallMs: number;
}

/** How fast things are: see `Options`. */
export type NetworkTimes = Pick<Options, 'latencyMs' | 'jitterMs' | 'executionMs' | 'diskWriteMs'>;

/** Whom a client's contract calls may be about. */
export interface Among {
  readonly nodes: number;
  readonly chainId: number;
  readonly keys: Keys;
}

export interface Subject {
  readonly name: string;
  /** Told the seed of each run before its engines are made, where somebody keeps account of what goes on. */
  begins?(seed: string): void;
  /** `proofs` and `signatures` say which are real in this world. Throws UsageError for settings that make no sense. */
  create(params: ChainParams, node: NodeSettings, proofs: ProofOracle, signatures: Signatures): AnyEngine;
  /** The genesis settings of one run of these nodes, on this network; of each node, `keys` gives the first `keysPerNode`. */
  drawSettings(random: Random, nodes: readonly NodeId[], keys: Keys, times: NetworkTimes): EngineJson;
  /** Of one run's clients: what the engine's contract says because of a transfer, where the ledger is the light one; null mostly. */
  says?(among: Among): (random: Random) => Output | null;
  /** Accounts that such a network has from the start (the engine's contract), where the ledger is the real one. */
  genesisAccounts?(settings: EngineJson): ReadonlyMap<Address, GenesisAccount>;
  /** How many keys each node signs with; 0 for engines that sign nothing. */
  readonly keysPerNode: number;
  /** Of genesis, when the whole network has this many hashes a second. */
  difficulty(settings: EngineJson, hashRate: number): bigint;
  /** What one block takes on average with all nodes at work. */
  blockMs(settings: EngineJson): number;
  /** The sizes of network that the engine can have, ascending; every one if nothing is said. */
  readonly sizes?: readonly number[];
  /** How many of so many nodes must work, and follow the protocol, for progress. */
  quorum(nodes: number): number;
  /** No time-out of the engine is ever longer: in ten of them a quorum in peace makes progress. Ten blocks unless it says. */
  maxTimeoutMs?(settings: EngineJson): number;
  /** How soon a quorum in peace makes progress (`PROGRESS_BLOCKS`), where that does not hang on time-outs. */
  progressMs?(calm: Calm): number;
  /**
   * The engine's own command (`AdminCommand`) that is answered, without an error, once this node's head on disk shows
   * every write that was acknowledged before the command was given. Absent where the engine offers no such read.
   */
  readonly linearizableRead?: string;
  /** Commands that operators give all nodes now and then, while faults happen and after. */
  operators?(settings: EngineJson): readonly AdminCommand[];
  /** Of this engine, by name, besides those of every engine. */
  readonly invariants: readonly CheckerFactory[];
  /** What a batch of runs of this engine should reach sometimes, besides the marks of every engine. */
  readonly marks: readonly MarkRule[];
  /** Marks of every engine that no run of this one can reach, so that nobody misses them. */
  readonly unreachable?: readonly string[];
  /** What is measured in a run, and told with its result. */
  readonly meters?: readonly MeterFactory[];
  /** Nodes, of so many, that may misbehave without excuse for the others. */
  tolerates(nodes: number): number;
  /** Ways to misbehave, by name. */
  readonly behaviours: ReadonlyMap<string, BehaviourFactory>;
}

/** The size that is wanted, or the next that the engine can have; its largest where there is none. */
export function fittingSize({ sizes }: Pick<Subject, 'sizes'>, wanted: number): number {
  return sizes?.find((size) => size >= wanted) ?? sizes?.at(-1) ?? wanted;
}
