/** What Raft remembers (figure 3.1), and what a step has at hand. All else is in functions. */
import type { Address, Lsn, NodeId } from '../../base/types.ts';
import { Lsn as lsn } from '../../base/types.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import type { Context, Effect, RequestId } from '../engine.ts';
import type { Attestations, AttestationTurn } from '../members/attestations.ts';
import { initAttestations } from '../members/attestations.ts';
import { roundOf } from '../members/building.ts';
import type { Council } from '../members/council.ts';
import { type Decisions, initDecisions } from '../members/decisions.ts';
import { Log, type Position } from './log.ts';
import type { RaftMessage } from './messages.ts';
import type { Progress } from './progress.ts';
import type { Reads } from './reads.ts';
import { initReads } from './reads.ts';
import type { RaftSettings } from './settings.ts';

export type RaftEffect = Effect<RaftMessage>;

/** What only a leader has (figure 3.1, "volatile state on leaders"). All of it ends with the leadership. */
export interface Leadership {
  readonly role: 'leader';
  readonly progress: ReadonlyMap<NodeId, Progress>;
  /** The height of the first block of its own term; null before that is in its log. */
  first: number | null;
  /** The block that is being built. `isWanted`: even without transactions. Of one that failed, `request` is null until the build timer. */
  draft: { readonly request: RequestId | null; readonly isWanted: boolean } | null;
  /** When the build timer will run out; null while it is not set. Monotonic. */
  buildAtMs: number | null;
  /** The number of the last heartbeat to all. */
  round: number;
}

export type Role =
  | { readonly role: 'follower' }
  | { readonly role: 'preCandidate' | 'candidate'; readonly votes: Map<NodeId, boolean> }
  | Leadership;

/** The leadership is on its way to another member; the operator is told of the end. */
export interface Transfer {
  readonly to: NodeId;
  readonly request: RequestId;
}

/** What this leader has been told of this node's log. */
export interface Answered {
  durable: number;
  round: number;
}

export interface RaftState {
  incarnation: number;
  /** This node's place among the members; null for one that follows the chain and has no part in this. */
  readonly place: number | null;
  term: number;
  vote: NodeId | null;
  role: Role;
  /** Of this term, as far as it is known. */
  leader: NodeId | null;
  /** When the leader was last heard. Monotonic; null if it never was in this term. */
  heardMs: number | null;
  readonly log: Log;
  /** The height of the head on disk. */
  stored: number;
  /** The chain was lost with blocks up to this height, which this node had acknowledged; 0 if none was. */
  lostUpTo: number;
  /** Blocks up to this height are decided. */
  commit: number;
  /** Up to this height the log is that of this term's leader; never below `commit`. */
  matched: number;
  readonly answered: Answered;
  /** Of the consensus log: the last record written, the last on disk, the last that changed term or vote, the last that named them. */
  lsn: Lsn;
  persisted: Lsn;
  voteLsn: Lsn;
  termLsn: Lsn;
  readonly decisions: Decisions;
  readonly attestations: Attestations;
  readonly reads: Reads;
  transfer: Transfer | null;
  /** The pool may have transactions that no block has. */
  hasWork: boolean;
  /** When the last block came into the log. Monotonic. */
  lastBlockMs: number;
  nextRequest: RequestId;
}

export interface Turn extends AttestationTurn {
  readonly settings: RaftSettings;
  readonly beneficiary: Address;
  readonly state: RaftState;
  readonly effects: RaftEffect[];
}

export function initialState(council: Council, { self, chain, nowMs }: Context): RaftState {
  const head = positionOf(chain.head);
  return {
    incarnation: 0,
    place: council.placeOf(self),
    term: head.term,
    vote: null,
    role: { role: 'follower' },
    leader: null,
    heardMs: null,
    log: new Log(head),
    stored: head.height,
    lostUpTo: 0,
    commit: head.height,
    matched: head.height,
    answered: { durable: 0, round: 0 },
    lsn: lsn(0),
    persisted: lsn(0),
    voteLsn: lsn(0),
    termLsn: lsn(0),
    decisions: initDecisions(),
    attestations: initAttestations(),
    reads: initReads(),
    transfer: null,
    hasWork: false,
    lastBlockMs: nowMs,
    nextRequest: 1,
  };
}

/** Whatever a genesis header has as its nonce, it is of term 0. */
export function termOf(node: Pick<HeaderNode, 'header'>): number {
  return node.header.number === 0 ? 0 : Number(roundOf(node));
}

export function positionOf(node: HeaderNode): Position {
  return { height: node.header.number, hash: node.hash, term: termOf(node) };
}

/** Null on a node that does not lead. */
export function leadershipOf({ role }: RaftState): Leadership | null {
  return role.role === 'leader' ? role : null;
}
