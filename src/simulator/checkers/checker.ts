/**
 * What a checker is: it sees the observations of a run, knows nothing of how the run was made, and reports what must not
 * be. Only nodes that follow the protocol (`isCorrect`) are held to anything.
 */
import type { Signatures } from '../../base/signatures.ts';
import type { Hash, Json } from '../../base/types.ts';
import type { ChainParams } from '../../chain/params.ts';
import type { ChainView, HeaderNode } from '../../chain/tree.ts';
import type { AnyEngine } from '../../consensus/engine.ts';
import type { Observer } from '../audience.ts';
import type { Options } from '../options.ts';

export interface Violation {
  readonly checker: string;
  readonly atMs: number;
  /** -1 where no single node is to be named. */
  readonly node: number;
  readonly message: string;
  /** What the faults of this run allow to happen: reported, and no failure (a majority of hash power may rewrite history). */
  readonly expected: boolean;
}

export interface Checker extends Observer {
  readonly name: string;
  /** The run is over. */
  end?(): void;
  /** Where a ledger's work is asynchronous: what takes real time, while virtual time stands still. Also after the end. */
  settle?(): Promise<void>;
}

export interface Setting {
  /** Any instance: only its pure functions are used. */
  readonly engine: AnyEngine;
  readonly params: ChainParams;
  readonly genesis: HeaderNode;
  /** Whose signatures are good in this world. */
  readonly signatures: Signatures;
  readonly options: Options;
  /** Average time between blocks. */
  readonly blockMs: number;
  /** Places of all nodes. */
  readonly nodes: number;
  isCorrect(node: number): boolean;
  /** Share of the whole hash power (or stake) that does not follow the protocol, 0 to 1. */
  readonly badShare: number;
  /** More nodes misbehave than the engine bears (`Subject.tolerates`): what it promises is not owed, and its loss was to be expected. */
  readonly isOverwhelmed: boolean;
  /** The chain of a node that lives. */
  chainOf(node: number): ChainView | null;
  /** How the engine of this node describes its state; null while the node is down. */
  inspect(node: number): Json;
  /** What the engine of this node calls safe (`Engine.safe`); null while the node is down, or where there is no such notion. */
  safe(node: number): Hash | null;
  nowMs(): number;
  /** What the clock of this node shows, in milliseconds since 1970. */
  wallMsOf(node: number): number;
  /** All that this checker waits for has happened: the run may end. */
  satisfied(): void;
  report(finding: { readonly node?: number; readonly message: string; readonly expected?: boolean }): void;
}

/** `report` of the setting is bound to this checker's name. */
export type CheckerFactory = (setting: Setting) => Checker;

/** A block as it is named in messages. */
export function nameOf({ header, hash }: HeaderNode): string {
  return `${header.number} (${hash.slice(0, 12)})`;
}
