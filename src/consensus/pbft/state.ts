/** What a member of a PBFT network holds, and what one step works with. */
import { type Address, Lsn, type NodeId } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import type { SealedHeader } from '../../chain/header.ts';
import type { Facts, HeaderNode } from '../../chain/tree.ts';
import type { Context, Effect } from '../engine.ts';
import type { Council } from '../members/council.ts';
import { type Decisions, initDecisions, type Proof } from '../members/decisions.ts';
import { type Drafts, initDrafts } from '../members/drafting.ts';
import { initReads, type Reads } from '../members/reads.ts';
import type { Votes } from '../votes.ts';
import type { Ballot, Ballots, Phase } from './ballots.ts';
import type { Evidence, NewView, PbftMessage, ViewChange } from './messages.ts';
import type { LogRecord } from './records.ts';
import { encodeRecord } from './records.ts';
import type { PbftSettings } from './settings.ts';

export interface PbftRules {
  readonly settings: PbftSettings;
  readonly council: Council;
  readonly ballots: Ballots;
  verifyHeader(sealed: SealedHeader, parent: HeaderNode): Facts;
}

/** What has been heard of one height in the view that this member is in. */
export interface Round {
  /** `vote` is the primary's, to show to those who lack it; null where a record alone says that it was proposed. */
  proposal: { readonly block: Block; readonly hash: Ballot['hash']; readonly vote: Votes | null } | null;
  /** The proposal broke a rule: it is not voted for. */
  isRejected: boolean;
  readonly votes: { readonly [phase in Phase]: Map<number, Votes> };
  /** A quorum of equal prepares. */
  certificate: Votes | null;
  /** Members to whom the primary's vote was shown, since they voted for something else. */
  readonly shownTo: Set<number>;
}

/** A block that a quorum has prepared, and what proves it. */
export interface Prepared extends Ballot {
  readonly certificate: Uint8Array;
  readonly block: Block;
}

/** How the view began in which this member votes. */
export interface Entered {
  readonly view: number;
  /** The highest block that the view changes prove to be committed. */
  readonly base: number;
  /** The block that must be proposed above it; null: any. */
  readonly carried: Ballot['hash'] | null;
  /** The carried block, on the primary. */
  readonly block: Block | null;
  /** Null for view 0, which needs none. */
  readonly newView: NewView | null;
}

/** A view change, checked, and what it says. */
export interface CheckedChange {
  readonly change: ViewChange;
  readonly view: number;
  /** Null: the block on which this engine began. */
  readonly checkpoint: Proof | null;
  /** The height of that. */
  readonly base: number;
  readonly prepared: Ballot | null;
}

/** The last view change of a member, with the block that it has prepared. */
export interface Change extends CheckedChange {
  readonly block: Block | null;
}

export interface PbftState {
  /** Among the members; null for a node that follows. */
  readonly place: number | null;
  readonly decisions: Decisions;
  lsn: Lsn;
  /** The height of the block on which this engine began: 0, or where it took over from another. */
  readonly base: number;
  /** The newest block that is committed here, executed, and proven; null for the one at `base`. */
  committed: Proof | null;
  /** The highest certificate that is known, of a block that may not be here yet. */
  best: Proof | null;
  /** The last checkpoint: its height is the low water mark. */
  stable: number;
  /** The view that this member is in, or (`isChanging`) wants to get to. */
  view: number;
  isChanging: boolean;
  entered: Entered;
  /** By height, of `entered.view`. */
  readonly rounds: Map<number, Round>;
  prepared: Prepared | null;
  /** The last that was signed in each phase. What is signed ascends in (view, height). */
  readonly signed: { [phase in Phase]: Ballot | null };
  /** By member. */
  readonly changes: Map<number, Change>;
  /** Messages of views to come, by sender. */
  readonly future: Map<NodeId, PbftMessage[]>;
  /** The view for which they have been taken out again. */
  replayedFor: number;
  /** The proposal among them. */
  futureProposal: { readonly from: NodeId; readonly message: PbftMessage; readonly view: number } | null;
  readonly evidence: Map<string, Evidence>;
  /** There may be transactions that no block has yet. */
  hasWork: boolean;
  /** The view is new and has to show a block, with or without transactions. */
  isOwed: boolean;
  /** The primary of this view has been convicted in it. */
  hasLostTrust: boolean;
  readonly drafts: Drafts;
  /** When the last block was committed here. */
  lastBlockMs: number;
  /** The view of the last block that was committed since the start: how many views have failed since makes time-outs longer. */
  calmView: number;
  /** This member's last commit, until the record is durable on which it relies: before, it does not count here either. */
  unsaved: { readonly lsn: Lsn; readonly vote: Votes } | null;
  /** What the view timer was set for, or null when it is not set. */
  timedFor: string | null;
  /** What it was waiting for when the tick was set; null when it is not set. */
  tickFor: string | null;
  /** Somebody knows more than this member: it asks. */
  isCurious: boolean;
  /** When each member's question was last answered. */
  readonly answeredMs: Map<NodeId, number>;
  readonly reads: Reads;
  /** Of the head on disk. */
  storedHeight: number;
}

export type PbftEffect = Effect<PbftMessage>;

export interface Turn extends Context {
  readonly beneficiary: Address;
  readonly place: number | null;
  readonly rules: PbftRules;
  readonly council: Council;
  readonly state: PbftState;
  readonly decisions: Decisions;
  readonly effects: PbftEffect[];
}

export function initialState(rules: PbftRules, { self, chain, nowMs }: Context): PbftState {
  const base = baseOf(rules);
  return {
    base,
    place: rules.council.placeOf(self),
    decisions: initDecisions(),
    lsn: Lsn(0),
    committed: null,
    best: null,
    stable: base,
    view: 0,
    isChanging: false,
    entered: { view: 0, base, carried: null, block: null, newView: null },
    rounds: new Map(),
    prepared: null,
    signed: { prepare: null, commit: null },
    changes: new Map(),
    future: new Map(),
    replayedFor: 0,
    futureProposal: null,
    evidence: new Map(),
    hasWork: false,
    isOwed: false,
    hasLostTrust: false,
    drafts: initDrafts(),
    lastBlockMs: nowMs,
    calmView: 0,
    unsaved: null,
    timedFor: null,
    tickFor: null,
    isCurious: false,
    answeredMs: new Map(),
    reads: initReads(),
    storedHeight: chain.head.header.number,
  };
}

/** Of the block that needs no proof. */
export function baseOf({ council }: Pick<PbftRules, 'council'>): number {
  return council.params.baseHeight ?? 0;
}

/** The height that is being agreed on. */
export function activeHeight({ committed, base }: Pick<PbftState, 'committed' | 'base'>): number {
  return (committed?.height ?? base) + 1;
}

/** Blocks above the active height are not voted on yet; what is known of them is kept up to here. */
export function highWaterMark({ state, rules }: Pick<Turn, 'state' | 'rules'>): number {
  return state.stable + rules.settings.windowBlocks;
}

/** Section 4: "the primary of a view is replica p such that p = v mod |R|". */
export function primaryOf({ council }: Pick<Turn, 'council'>, view: number): number {
  return view % council.membership.size;
}

export function roundAt(state: PbftState, height: number): Round {
  const known = state.rounds.get(height);
  if (known !== undefined) return known;
  const round: Round = {
    proposal: null,
    isRejected: false,
    votes: { prepare: new Map(), commit: new Map() },
    certificate: null,
    shownTo: new Set(),
  };
  state.rounds.set(height, round);
  return round;
}

/** Appends to the log. What relies on it leaves `after` the position that this returns. */
export function keep(turn: Turn, records: readonly LogRecord[], options: { readonly truncate?: boolean } = {}): Lsn {
  const { state, effects, rules } = turn;
  const first = Lsn(state.lsn + 1);
  state.lsn = Lsn(state.lsn + records.length);
  const encoded = records.map((record) => encodeRecord(rules.ballots, record));
  effects.push({ type: 'persist', lsn: state.lsn, records: encoded, ...(options.truncate === true && { truncateBelow: first }) });
  return state.lsn;
}

export function trace({ effects }: Turn, name: string, data: Extract<PbftEffect, { type: 'trace' }>['data']): void {
  effects.push({ type: 'trace', name, data });
}
