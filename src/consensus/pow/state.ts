/**
 * What the proof-of-work engine remembers. All of it can be lost: blocks, their work and what executing them gave are the
 * chain's to keep, and `start` finds the rest again. So this engine writes no records.
 *
 * Invariants (checked by the tests after every step):
 * - the head's weight never falls; every candidate is heavier than the head;
 * - at most one block is being executed, and its parent is executed;
 * - every collection is bounded by a constant of this folder.
 */
import { BoundedMap } from '../../base/bounded.ts';
import type { Address, Hash, Json, NodeId } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import type { BlockStatus, HeaderNode, HeaderView } from '../../chain/tree.ts';
import type { Context, Effect, NodeSettings, RequestId } from '../engine.ts';
import { type Arrival as HeldArrival, OrphanPool } from '../orphans.ts';
import type { PowMessage } from './messages.ts';
import type { PowRules } from './rules.ts';

const MAX_REMEMBERED_INVALID = 1_024;
const MAX_REMEMBERED_SENDERS = 4_096;

/** A block on its way in. */
export interface Arrival extends HeldArrival {
  /** Nobody has compared its chain's work with the head's yet. */
  readonly unweighed: boolean;
}

/** The tip of a stored branch that is heavier than the head. */
export interface Candidate {
  readonly node: HeaderNode;
  /** Order of arrival: of two equal weights the first seen wins. */
  readonly order: number;
}

/** The way from an executed block up to a candidate. */
export interface Plan {
  /** The candidate that it serves; moves along when a child of the candidate arrives. */
  tip: Hash;
  /** What is still to be executed, the next one last. */
  readonly path: Hash[];
}

export interface Fetch {
  attempts: number;
}

export interface Template {
  readonly request: RequestId;
  readonly block: Block;
}

export interface Mining {
  producing: boolean;
  beneficiary: Address;
  /** The head for which a template was asked last. */
  requestedFor: Hash | null;
  building: RequestId | null;
  template: Template | null;
  lastBuildMs: number;
  /** Transactions came while a template was being built. */
  outdated: boolean;
}

export interface Counts {
  mined: number;
  reorgs: number;
  orphans: number;
  invalid: number;
  ignored: number;
  /** Templates that a new head made worthless. */
  abandoned: number;
  /** Replies to requests that were no longer current. */
  stale: number;
}

export interface PowState {
  /** The head as this engine last set it. */
  head: HeaderNode;
  readonly candidates: Map<Hash, Candidate>;
  arrivals: number;
  plan: Plan | null;
  /** The block that is being executed. */
  checking: Hash | null;
  readonly invalid: BoundedMap<Hash, true>;
  readonly senders: BoundedMap<Hash, NodeId>;
  readonly orphans: OrphanPool<Arrival>;
  /** Ancestors that were asked for, oldest first. */
  readonly fetches: Map<Hash, Fetch>;
  /** Valid blocks whose time has not come. */
  early: readonly Arrival[];
  readonly mining: Mining;
  nextRequest: RequestId;
  readonly counts: Counts;
}

export type PowEffect = Effect<PowMessage>;

/** One step in progress: what it reads, and the effects it has decided on so far. */
export interface Turn {
  readonly rules: PowRules;
  readonly state: PowState;
  readonly context: Context;
  readonly effects: PowEffect[];
  readonly headers: Headers;
}

/** The chain's headers, and those of blocks that this step inserts: the chain shows them from the next step on. */
export class Headers implements HeaderView {
  readonly #chain: HeaderView;
  /** Most steps insert nothing. */
  #fresh: Map<Hash, HeaderNode> | null = null;

  constructor(chain: HeaderView) {
    this.#chain = chain;
  }

  get(hash: Hash): HeaderNode | undefined {
    return this.#fresh?.get(hash) ?? this.#chain.get(hash);
  }

  isFresh(hash: Hash): boolean {
    return this.#fresh?.has(hash) === true;
  }

  insert(node: HeaderNode): void {
    this.#fresh ??= new Map();
    this.#fresh.set(node.hash, node);
  }
}

export function initialState(context: Context, node: NodeSettings): PowState {
  return {
    head: context.chain.head,
    candidates: new Map(),
    arrivals: 0,
    plan: null,
    checking: null,
    invalid: new BoundedMap(MAX_REMEMBERED_INVALID),
    senders: new BoundedMap(MAX_REMEMBERED_SENDERS),
    orphans: new OrphanPool(),
    fetches: new Map(),
    early: [],
    mining: {
      producing: node.produce,
      beneficiary: node.beneficiary,
      requestedFor: null,
      building: null,
      template: null,
      lastBuildMs: Number.NEGATIVE_INFINITY,
      outdated: false,
    },
    nextRequest: 1,
    counts: { mined: 0, reorgs: 0, orphans: 0, invalid: 0, ignored: 0, abandoned: 0, stale: 0 },
  };
}

export function beginTurn(rules: PowRules, state: PowState, context: Context): Turn {
  return { rules, state, context, effects: [], headers: new Headers(context.chain) };
}

export function statusOf({ state, headers, context }: Turn, hash: Hash): BlockStatus | undefined {
  if (state.invalid.has(hash)) return 'invalid';
  return headers.isFresh(hash) ? 'stored' : context.chain.status(hash);
}

export function trace(turn: Turn, name: string, data: { readonly [key: string]: Json }): void {
  turn.effects.push({ type: 'trace', name, data });
}
