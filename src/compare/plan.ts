/**
 * What is compared: the same clients, and the same faults at the same times, for every engine, in the simulator and on real
 * processes. Each case is a run of so many seconds; faults begin and end at fixed shares of it. Then clients stop, and it is
 * waited until all that they sent is final, within a bound.
 */
import { quorumOf } from '../consensus/members/membership.ts';
import { membersAmong } from '../testnet/engines.ts';

export const CASES = ['calm', 'crash', 'leader', 'partition', 'byzantine'] as const;
export type CaseName = (typeof CASES)[number];

/** For people. */
export const CASE_TITLES: Readonly<Record<CaseName, string>> = {
  calm: 'no fault',
  crash: 'one crash',
  leader: 'leader crash',
  partition: 'partition',
  byzantine: 'f Byzantine',
};

export interface Plan {
  readonly engines: readonly string[];
  /** Of each case, without what comes before and after. */
  readonly seconds: number;
  /** As wanted; null for the fewest that bear one fault. */
  readonly nodes: number | null;
  readonly clients: number;
  readonly seed: string;
}

export interface Window {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Shares of a case. */
export const FAULT_FROM = 0.3;
const FAULT_TO = 0.7;
const MS_PER_SECOND = 1_000;
/** The fewest that bear the fault of one, where members may lie, and where it is a matter of shares. */
const FEWEST = 4;

/** When the fault of a case is there, from its beginning; null for a case without. */
export function faultWindow(name: CaseName, seconds: number): Window | null {
  if (name === 'calm') return null;
  const ms = seconds * MS_PER_SECOND;
  return name === 'byzantine' ? { fromMs: 0, toMs: ms } : { fromMs: FAULT_FROM * ms, toMs: FAULT_TO * ms };
}

/** How many nodes an engine's network has: an engine with members has no others here. */
export function networkSize(engine: string, wanted: number | null): number {
  const nodes = wanted ?? FEWEST;
  return membersAmong(nodes, engine) || nodes;
}

/** So many nodes are cut off from the rest, the leader among them: as many as leave the rest able to go on. */
export function minoritySize(engine: string, nodes: number): number {
  if (engine === 'pow') return Math.floor((nodes - 1) / 2);
  if (engine === 'pos') return nodes - (Math.floor((2 * nodes) / 3) + 1);
  return nodes - quorumOf(nodes, engine === 'pbft' ? 'byzantine' : 'crash');
}

/** What a client takes for final. */
export type FinalityRule =
  /** A block that is decided and on disk. */
  | 'decided'
  /** What the protocol's own votes have made final later. */
  | 'voted'
  /** So many blocks deep: a policy, which no protocol promises anything for. */
  | 'deep';

/** Blocks above one that is taken for final, where there is no finality. */
export const DEEP = 6;

export function finalityOf(engine: string): FinalityRule {
  if (engine === 'pow') return 'deep';
  return engine === 'pos' ? 'voted' : 'decided';
}

/** Nodes of an engine's network that may be faulty: how, and how many. */
export function bears(engine: string, nodes: number): { readonly crashed: number; readonly lying: number } {
  if (engine === 'pow') return { crashed: nodes - 1, lying: Math.floor((nodes - 1) / 2) };
  const crashed = minoritySize(engine, nodes);
  return { crashed, lying: engine === 'pos' || engine === 'pbft' ? crashed : 0 };
}
