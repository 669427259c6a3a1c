/** What Raft remembers (figure 3.1), and what a step has at hand. All else is in functions. */
import { UsageError } from '../../base/errors.ts';
import type { Address, Lsn, NodeId } from '../../base/types.ts';
import { Lsn as lsn } from '../../base/types.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import type { Context, Effect, RequestId } from '../engine.ts';
import type { Attestations, AttestationTurn } from '../members/attestations.ts';
import { initAttestations } from '../members/attestations.ts';
import { roundOf } from '../members/building.ts';
import type { Councils } from '../members/councils.ts';
import { type Decisions, initDecisions } from '../members/decisions.ts';
import type { Member, Membership } from '../members/membership.ts';
import { ReadIndex } from '../members/read-index.ts';
import { initReads, type Reads } from '../members/reads.ts';
import { initStrangers, type Strangers } from './acquaintances.ts';
import type { Wish } from './change.ts';
import { Log, type Position } from './log.ts';
import type { RaftMessage } from './messages.ts';
import type { Progress } from './progress.ts';
import type { Voters } from './quorum.ts';
import type { RaftSettings } from './settings.ts';

export type RaftEffect = Effect<RaftMessage>;

/** What only a leader has (figure 3.1, "volatile state on leaders"). All of it ends with the leadership. */
export interface Leadership {
  readonly role: 'leader';
  /** Of all who are told: `members.ts` keeps it up to date. */
  readonly progress: Map<NodeId, Progress>;
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
  readonly self: NodeId;
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
  /** Reads that this node is to answer as the leader. */
  readonly readIndex: ReadIndex;
  transfer: Transfer | null;
  /** What the operator of this leader wants; null while that is nothing. */
  wish: Wish | null;
  /** The memberships in force and decided, as all else that hangs on them was last told. */
  seen: { readonly inForce: Membership | null; readonly decided: Membership | null };
  readonly strangers: Strangers;
  /** The pool may have transactions that no block has. */
  hasWork: boolean;
  /** When the last block came into the log. Monotonic. */
  lastBlockMs: number;
  nextRequest: RequestId;
}

/** `council`: in force now, which an appended block may change (Ongaro's dissertation, section 4.1). */
export interface Turn extends AttestationTurn {
  readonly councils: Councils;
  readonly settings: RaftSettings;
  readonly beneficiary: Address;
  readonly state: RaftState;
  readonly effects: RaftEffect[];
}

/** Throws UsageError `members/key-mismatch` where this node is a member, and has the key of another. */
export function initialState(councils: Councils, { self, chain, nowMs }: Context): RaftState {
  const council = councils.atHead(chain);
  council.placeOf(self);
  const head = { ...positionOf(chain.head), council };
  return {
    self,
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
    readIndex: new ReadIndex(),
    transfer: null,
    wish: null,
    seen: { inForce: null, decided: null },
    strangers: initStrangers(),
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

/** Whether this node votes, and has the key that it should have. */
export function isVoter({ council, self }: Pick<Turn, 'council' | 'self'>): boolean {
  return council.seatOf(self) !== null;
}

/** A member without its key has no part in anything: what it acknowledges it could not attest. */
export function isMute({ council, self }: Turn): boolean {
  return council.membership.has(self) && council.seatOf(self) === null && !council.isLearner(self);
}

/** The voters of both sides, of a joint membership; else there is one side. */
export function votersOf({ council }: Pick<Turn, 'council'>): Voters<NodeId> {
  const { voters, incoming } = council.membership;
  const nodes = (members: readonly Member[]): NodeId[] => members.map(({ node }) => node);
  return incoming === null ? { incoming: nodes(voters), outgoing: [] } : { incoming: nodes(incoming), outgoing: nodes(voters) };
}

/** Throws UsageError `raft/not-leader`. `what`: this node does not lead, and cannot do. */
export function leaderOnly({ state }: Turn, what: string): Leadership {
  if (state.role.role === 'leader') return state.role;
  const leader = state.leader === null ? 'It knows of no leader now.' : `The leader is ${state.leader}.`;
  throw new UsageError('raft/not-leader', `This node does not lead, and ${what}. ${leader}`, { leader: state.leader });
}

/** Null on a node that does not lead. */
export function leadershipOf({ role }: RaftState): Leadership | null {
  return role.role === 'leader' ? role : null;
}
