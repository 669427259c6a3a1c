/** What a node remembers of the phases of its chain, and what a step has at hand. */
import { BoundedMap } from '../../base/bounded.ts';
import type { RuleError } from '../../base/errors.ts';
import type { Signatures } from '../../base/signatures.ts';
import { type Hash, Lsn, type NodeId } from '../../base/types.ts';
import type { ChainParams, EngineSettings } from '../../chain/params.ts';
import type { ChainView } from '../../chain/tree.ts';
import type { AnyEngine, Certificate, Context, Effect, NodeSettings, RequestId } from '../engine.ts';
import type { Votes } from '../votes.ts';
import type { ApprovedChange } from './change.ts';
import type { PhaseMessage } from './messages.ts';
import type { Phase, Timeline } from './timeline.ts';

export type PhaseEffect = Effect<PhaseMessage>;

/** What is the same for all steps of one node. */
export interface Network {
  readonly params: ChainParams;
  readonly timeline: Timeline;
  readonly node: NodeSettings;
  readonly signatures: Signatures;
  readonly verifyCertificate: AnyEngine['verifyCertificate'];
  /** A change of this phase, or why it does not hold. */
  readonly readChange: (phase: Phase, payload: Uint8Array) => ApprovedChange | RuleError;
}

/** An engine at work. */
export interface Running {
  readonly phase: Phase;
  /** That of the phase, or the same without a vote. */
  readonly engine: AnyEngine;
  readonly state: unknown;
  readonly view: ChainView;
  /** Records up to this one are not its own. */
  readonly sinceLsn: Lsn;
  readonly timers: Set<string>;
  /** Admin requests that it has not answered, and what they ask for. */
  readonly asked: Map<RequestId, string>;
}

/** A change that some members of the phase approve of. */
export interface OpenChange {
  readonly engine: EngineSettings;
  /** By place. */
  readonly votes: Map<number, Votes>;
  /** Enough of them, added up; null while there are too few. */
  approved: Votes | null;
}

export interface Approvals {
  /** By statement, as hex. */
  readonly open: BoundedMap<string, OpenChange>;
  /** Operators who are told when their change has come about. */
  waiting: readonly { readonly request: RequestId; readonly untilMs: number }[];
  isTimed: boolean;
}

/** Changes that are approved of at a time, by whomever. */
const MAX_OPEN = 4;
/** Peers of whom it is known when they were told last. */
const MAX_TOLD = 512;

/** Requests of engines are counted anew in each phase; those that leave are not. */
export interface Asked {
  readonly outer: RequestId;
  readonly inner: RequestId;
}

/** A final block of the next phase, or a carrier: it proves the anchor, its ancestor. */
export interface Proof {
  readonly anchor: Hash;
  readonly certificate: Certificate;
  /** The block that it was given for, and its own certificate: the next engine wants to hear of it. Null for a carrier. */
  readonly beyond: { readonly hash: Hash; readonly certificate: Certificate } | null;
}

export interface PhasesState {
  /** Null from the moment when a phase is over until the head is at its anchor: no engine is at work. */
  running: Running | null;
  incarnation: number;
  /** The last record that was written. */
  lsn: Lsn;
  /** Records of phases that this chain has not reached: it was lost, and is fetched again. They are needed once it gets there. */
  kept: readonly { readonly phase: number; readonly body: Uint8Array }[];
  /** The next record of this phase makes all before it useless. */
  isLogStale: boolean;
  nextRequest: RequestId;
  build: Asked | null;
  seal: Asked | null;
  /** The pool, when it was last heard of. */
  pending: number;
  /** The highest block that was finalized. */
  finalHeight: number;
  proof: Proof | null;
  /** A block on the way to a proven anchor that is being executed. */
  checking: Hash | null;
  readonly approvals: Approvals;
  /** When each peer was last told that a phase has ended. Monotonic. */
  readonly toldMs: BoundedMap<NodeId, number>;
}

export interface Turn extends Context {
  readonly network: Network;
  readonly state: PhasesState;
  readonly effects: PhaseEffect[];
}

export function initialState({ chain }: Context): PhasesState {
  return {
    running: null,
    incarnation: 0,
    lsn: Lsn(0),
    kept: [],
    isLogStale: false,
    nextRequest: 1,
    build: null,
    seal: null,
    pending: 0,
    finalHeight: chain.finalized.header.number,
    proof: null,
    checking: null,
    approvals: { open: new BoundedMap(MAX_OPEN), waiting: [], isTimed: false },
    toldMs: new BoundedMap(MAX_TOLD),
  };
}

export function trace({ effects }: Pick<Turn, 'effects'>, name: string, data: Extract<PhaseEffect, { type: 'trace' }>['data']): void {
  effects.push({ type: 'trace', name, data });
}
