/** What a node running Zab remembers, and what a step has at hand. Names are the paper's (DSN 2011, section IV) and ZooKeeper's. */
import type { Address, NodeId } from '../../base/types.ts';
import { Lsn } from '../../base/types.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import type { Context, Effect } from '../engine.ts';
import type { Attestations, AttestationTurn } from '../members/attestations.ts';
import { initAttestations } from '../members/attestations.ts';
import { roundOf } from '../members/building.ts';
import type { Council } from '../members/council.ts';
import { type Decisions, initDecisions } from '../members/decisions.ts';
import { type Drafts, initDrafts } from '../members/drafting.ts';
import { ReadIndex } from '../members/read-index.ts';
import { initReads, type Reads } from '../members/reads.ts';
import type { Transfer } from '../members/transfer.ts';
import type { Follower } from './follower.ts';
import { History, type Position } from './history.ts';
import type { Vote, ZabMessage } from './messages.ts';
import type { ZabSettings } from './settings.ts';

export type ZabEffect = Effect<ZabMessage>;

/** Discovery: which epoch. Synchronisation: which history. Broadcast: new blocks. The paper's phases 1 to 3. */
export type Phase = 'discovery' | 'synchronisation' | 'broadcast';

export interface Looking {
  readonly role: 'looking';
  /** For whom this node votes now. */
  vote: Vote;
  /** What all have said in this round, this node too. */
  readonly votes: Map<NodeId, Vote>;
  /** Ticks until this node says its vote again, and how many it waits after that. */
  nextTicks: number;
  pauseTicks: number;
  /** Ticks for which a quorum has agreed. */
  agreedTicks: number;
}

export interface Following {
  readonly role: 'following';
  readonly leader: NodeId;
  phase: Phase;
  /** The leader's; null until it has named one. */
  epoch: number | null;
  /** The end of the history with which the leader began its epoch; null before NEWLEADER has come and the own history was that one. */
  initial: Position | null;
  silentTicks: number;
}

export interface Leading {
  readonly role: 'leading';
  phase: Phase;
  /** Null until a quorum has said what it has accepted. */
  epoch: number | null;
  /** Who has accepted this epoch, and nothing else under its number. This node is one of them. */
  readonly acceptors: Set<NodeId>;
  /** Null before synchronisation. */
  initial: Position | null;
  /** All who wanted to be led. */
  readonly followers: Map<NodeId, Follower>;
  /** Since the last progress towards broadcast. */
  waitedTicks: number;
  /** Of the last message to all. */
  round: number;
}

export type Role = Looking | Following | Leading;

/** On disk before anybody hears of them. */
export interface Epochs {
  /** The last one that this node agreed to enter (f.p in the paper); it takes nothing from leaders of earlier ones. */
  accepted: number;
  /** Who proposed that epoch to it; null where a decided block showed it. */
  acceptedFrom: NodeId | null;
  /** The last one whose leader's history it took over (f.a in the paper). */
  current: number;
}

export interface ZabState {
  /** This node's place among the members; null for an observer, which follows the chain by sync. */
  readonly place: number | null;
  role: Role;
  /** Of elections; a number that only orders what is said in them, and need not outlive a crash. */
  round: number;
  readonly epochs: Epochs;
  readonly history: History;
  /** The height of the head on disk. */
  stored: number;
  /** The chain on disk was lost with blocks up to this height, which this node had acknowledged; 0 if none was. */
  lostUpTo: number;
  /** Blocks up to this height are decided. */
  commit: number;
  /** Up to this height the history is known to be the leader's; never below `commit`. */
  matched: number;
  /** The last that the leader was told: the durable height, and the round of its message. */
  readonly answered: { durable: number; round: number };
  /** Of the consensus log: the last record written, the last on disk, the last that changed epochs, the last that names them. */
  lsn: Lsn;
  persisted: Lsn;
  epochsLsn: Lsn;
  namedLsn: Lsn;
  readonly decisions: Decisions;
  readonly attestations: Attestations;
  readonly reads: Reads;
  /** Reads that this node is to answer as the leader. */
  readonly readIndex: ReadIndex;
  /** The operator wants another leader. */
  transfer: Transfer | null;
  readonly drafts: Drafts;
  /** The pool may have transactions that no block has. */
  hasWork: boolean;
  /** When the last block came into the history. Monotonic. */
  lastBlockMs: number;
}

export interface Turn extends AttestationTurn {
  readonly settings: ZabSettings;
  readonly beneficiary: Address;
  readonly state: ZabState;
  readonly effects: ZabEffect[];
}

export function initialState(council: Council, { self, chain, nowMs }: Context): ZabState {
  const head = positionOf(chain.head);
  const vote: Vote = { leader: self, current: 0, last: head, isDesignated: false };
  return {
    place: council.placeOf(self),
    role: { role: 'looking', vote, votes: new Map(), nextTicks: 0, pauseTicks: 1, agreedTicks: 0 },
    round: 0,
    epochs: { accepted: 0, acceptedFrom: null, current: 0 },
    history: new History(head),
    stored: head.height,
    lostUpTo: 0,
    commit: head.height,
    matched: head.height,
    answered: { durable: 0, round: 0 },
    lsn: Lsn(0),
    persisted: Lsn(0),
    epochsLsn: Lsn(0),
    namedLsn: Lsn(0),
    decisions: initDecisions(),
    attestations: initAttestations(),
    reads: initReads(),
    readIndex: new ReadIndex(),
    transfer: null,
    drafts: initDrafts(),
    hasWork: false,
    lastBlockMs: nowMs,
  };
}

/** A genesis block is of epoch 0, whatever its nonce is. */
export function epochOf(node: Pick<HeaderNode, 'header'>): number {
  return node.header.number === 0 ? 0 : Number(roundOf(node));
}

export function positionOf(node: Pick<HeaderNode, 'header' | 'hash'>): Position {
  return { height: node.header.number, hash: node.hash, epoch: epochOf(node) };
}

/** Null unless this node leads and its epoch is established: a quorum has its history. */
export function establishedOf({ role }: ZabState): Leading | null {
  return role.role === 'leading' && role.phase === 'broadcast' ? role : null;
}
