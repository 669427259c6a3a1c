/**
 * What the driver needs of the world. A node and the simulator each give their own; every port is a plain call that
 * returns at once, and answers later by posting an event. A port that cannot do its work calls `fail` of the driver
 * (an internal failure, which stops the node); what peers do wrong is never reported that way.
 */
import type { RuleError } from '../base/errors.ts';
import type { Hash, Json, Lsn, NodeId } from '../base/types.ts';
import type { Block } from '../chain/block.ts';
import type { Header } from '../chain/header.ts';
import type { ChainView, Facts } from '../chain/tree.ts';
import type { BuildFields, Certificate, RequestId } from '../consensus/engine.ts';

export interface ClockPort {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** Milliseconds since 1970. */
  wallMs(): number;
  /** Calls back once, unless cancelled. The handle is opaque. */
  setTimer(delayMs: number, callback: () => void): unknown;
  cancelTimer(handle: unknown): void;
}

/** The consensus log. `append` answers through `done` once the records are fsynced. */
export interface LogPort {
  append(lsn: Lsn, records: readonly Uint8Array[], truncateBelow: Lsn | undefined, done: () => void): void;
}

export interface TransportPort {
  /** `carried`: the blocks in the message, for who wants to know. */
  send(to: NodeId | '*', message: Uint8Array, carried: () => readonly Block[]): void;
  announce(block: Block): void;
  fetch(hash: Hash, from: NodeId | null): void;
  offence(from: NodeId, error: RuleError): void;
}

/** The chain and the ledger: blocks, their execution, the canonical chain. */
export interface LedgerPort {
  readonly view: ChainView;
  insert(block: Block, facts: Facts): void;
  /** Takes effect in `view` at once; becomes durable and visible to clients in one atomic batch, in order, then calls `done`. */
  setHead(hash: Hash, done: () => void): void;
  finalize(hash: Hash, certificate: Certificate, done: () => void): void;
  check(hash: Hash, done: (error: RuleError | null) => void): void;
  build(parent: Hash, fields: BuildFields, done: (block: Block | null) => void): void;
  /** Whether transactions and payload are those that the header commits to. */
  bodyMatches(block: Block): boolean;
}

export interface SealerPort {
  seal(request: RequestId, header: Header, target: bigint, done: (header: Header) => void): void;
  unseal(request: RequestId): void;
}

/** Where things go that do not change the course of the protocol. */
export interface ObserverPort {
  trace(name: string, data: { readonly [key: string]: Json }): void;
  /** An internal failure: the node stops signing and ends. Called once. */
  fatal(error: unknown): void;
}

export interface Ports {
  readonly clock: ClockPort;
  readonly log: LogPort;
  readonly transport: TransportPort;
  readonly ledger: LedgerPort;
  readonly sealer: SealerPort;
  readonly observer: ObserverPort;
  /** Uniform in [0, 1); seeded in the simulator. */
  random(): number;
}
