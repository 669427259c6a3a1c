/** What Chandra-Toueg remembers, and what a step has at hand. All else is in functions. */
import { present } from '../../base/assert.ts';
import { BoundedMap } from '../../base/bounded.ts';
import type { Address, Hash, Json, Lsn, NodeId } from '../../base/types.ts';
import { Lsn as lsn } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import type { Context, Effect } from '../engine.ts';
import { type Attestations, type AttestationTurn, initAttestations } from '../members/attestations.ts';
import type { Council, Decision } from '../members/council.ts';
import { type Decisions, initDecisions } from '../members/decisions.ts';
import { Detector } from '../members/detector.ts';
import { type Drafts, initDrafts } from '../members/drafting.ts';
import type { Membership } from '../members/membership.ts';
import { initReads, type Reads } from '../members/reads.ts';
import type { ChandraTouegMessage, Value } from './messages.ts';
import type { ChandraTouegSettings } from './settings.ts';

export type ChandraTouegEffect = Effect<ChandraTouegMessage>;

/** What must survive a crash of one instance (figure 6: r, estimate, ts). It goes when the chain on disk has its height. */
export interface Note {
  readonly height: number;
  round: number;
  /** The round in which `block` was adopted; 0 for none. */
  timestamp: number;
  block: Block | null;
  hash: Hash | null;
  /** Of its records: the first that a restart needs, the last, and how many from that one on. */
  firstLsn: Lsn;
  lsn: Lsn;
  records: number;
}

/** As a member sent it, or as this node has it. */
export interface Estimate {
  readonly timestamp: number;
  readonly value: Value | null;
}

/** The instance that is being decided, in one of its rounds. Nothing of it survives a crash. */
export interface Attempt {
  readonly height: number;
  round: number;
  /** Monotonic: when this round is given up though nobody suspects its coordinator; and when things are said again. */
  deadlineMs: number;
  repeatMs: number;
  /** How long the next repetition waits. */
  backOffMs: number;
  /** What the coordinator of this round has proposed, as long as this node cannot adopt it. */
  offer: { readonly value: Value; readonly from: NodeId } | null;
  /** Of this round, if this node coordinates it. */
  readonly estimates: Map<NodeId, Estimate>;
  readonly acks: Set<NodeId>;
  readonly nacks: Set<NodeId>;
}

export interface ChandraTouegState {
  /** This node's place among the members; null for one that follows the chain and has no part in this. */
  readonly place: number | null;
  readonly detector: Detector;
  /** Whom it suspected at the last heartbeat, and has not heard since. */
  readonly suspected: Set<NodeId>;
  /** The newest decision that this node knows. Its block may be missing. */
  decided: Decision;
  /** Who told of it, to be asked for the block; null: nobody has to be asked. */
  decidedBy: NodeId | null;
  /** Monotonic: no question for decisions, and none for the block of an estimate, before then. */
  askAgainMs: number;
  fetchAgainMs: number;
  /** Decisions that may not be in the chain yet, by height. */
  readonly recent: BoundedMap<number, Hash>;
  /** By height: above what the chain on disk has. */
  readonly notes: Map<number, Note>;
  attempt: Attempt | null;
  /** This node's own first value for an instance (v_p in the paper). */
  initial: { readonly height: number; readonly value: Value } | null;
  readonly drafts: Drafts;
  /** The height of the head on disk. */
  stored: number;
  lsn: Lsn;
  persisted: Lsn;
  readonly decisions: Decisions;
  readonly attestations: Attestations;
  readonly reads: Reads;
  /** The pool may have transactions that no block has. */
  hasWork: boolean;
  /** Since when. Monotonic. */
  workSinceMs: number;
  /** When the last decision was heard of. Monotonic. */
  lastBlockMs: number;
}

export interface Turn extends AttestationTurn {
  readonly settings: ChandraTouegSettings;
  readonly beneficiary: Address;
  readonly state: ChandraTouegState;
  readonly effects: ChandraTouegEffect[];
}

/** Decisions of which the hash is kept until the chain has them. */
const MAX_RECENT = 256;

export function initialState(council: Council, settings: ChandraTouegSettings, { self, chain, nowMs }: Context): ChandraTouegState {
  const { number } = chain.head.header;
  return {
    place: council.placeOf(self),
    detector: new Detector(council.membership.others(self), settings, nowMs),
    suspected: new Set(),
    decided: { height: number, hash: chain.head.hash },
    decidedBy: null,
    askAgainMs: 0,
    fetchAgainMs: 0,
    recent: new BoundedMap(MAX_RECENT),
    notes: new Map(),
    attempt: null,
    initial: null,
    drafts: initDrafts(),
    stored: number,
    lsn: lsn(0),
    persisted: lsn(0),
    decisions: initDecisions(),
    attestations: initAttestations(),
    reads: initReads(),
    hasWork: false,
    workSinceMs: nowMs,
    lastBlockMs: nowMs,
  };
}

/**
 * Section 6.2 takes (r mod n) + 1. Here the height counts as well: each member begins as often as the others, so that work
 * and the right to choose transactions are shared, and a crashed one costs a round in one of n heights only.
 */
export function coordinatorOf(membership: Membership, height: number, round: number): NodeId {
  return present(membership.nodeAt((height + round - 1) % membership.size), 'a coordinator');
}

/** The instance that comes after all that are decided, as far as this node knows. */
export function nextHeight({ decided }: ChandraTouegState): number {
  return decided.height + 1;
}

export function coordinates({ council, self }: Pick<Turn, 'council' | 'self'>, { height, round }: Attempt): boolean {
  return coordinatorOf(council.membership, height, round) === self;
}

/** The whole block, from a record or the chain; null where it is not here. */
export function blockOf({ state, chain }: Pick<Turn, 'state' | 'chain'>, height: number, hash: Hash): Block | null {
  const note = state.notes.get(height);
  if (note?.hash === hash) return note.block;
  return chain.block(hash) ?? null;
}

export function trace({ effects }: Turn, name: string, data: { readonly [key: string]: Json }): void {
  effects.push({ type: 'trace', name, data });
}
