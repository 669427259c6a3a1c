/** What a member running Multi-Paxos remembers, and what a step has at hand. All else is in functions. */
import { type Address, Lsn, type NodeId } from '../../base/types.ts';
import type { Elector } from '../election/elector.ts';
import { createElector } from '../election/electors.ts';
import type { Context, Effect } from '../engine.ts';
import { type Attestations, type AttestationTurn, initAttestations } from '../members/attestations.ts';
import type { Council } from '../members/council.ts';
import { type Decisions, initDecisions } from '../members/decisions.ts';
import { Detector } from '../members/detector.ts';
import { type Drafts, initDrafts } from '../members/drafting.ts';
import { ReadIndex } from '../members/read-index.ts';
import { initReads, type Reads } from '../members/reads.ts';
import type { Transfer } from '../members/transfer.ts';
import { Ahead } from './ahead.ts';
import { AcceptedLog, type Position, positionOf } from './log.ts';
import type { PaxosMessage, Promise1b } from './messages.ts';
import type { Progress } from './progress.ts';
import { ballotOf } from './rules.ts';
import type { PaxosSettings } from './settings.ts';

export type PaxosEffect = Effect<PaxosMessage>;

/** Phase 1 of its own ballot is under way. */
export interface Candidate {
  readonly role: 'candidate';
  readonly ballot: number;
  /** Of others, for this ballot. */
  readonly promises: Map<NodeId, Promise1b>;
  /** Monotonic. */
  readonly sinceMs: number;
}

/** A majority has promised its ballot: phase 2, slot after slot. */
export interface Leadership {
  readonly role: 'leader';
  readonly ballot: number;
  /** Up to this height it proposes what phase 1 has shown. */
  readonly takenOver: number;
  /** The highest slot that it has proposed. */
  top: number;
  readonly progress: ReadonlyMap<NodeId, Progress>;
  /** Phase 1 showed values in slots that nothing leads to any more: an empty block is to take their place. */
  hasGap: boolean;
  /** The number of the last heartbeat. */
  round: number;
}

export type Role = { readonly role: 'follower' } | Candidate | Leadership;

export interface PaxosState {
  /** This node's place among the members; null for one that follows the chain and has no part in this. */
  readonly place: number | null;
  /** The acceptor: the highest ballot that it has promised, and what it has accepted. */
  promised: number;
  readonly log: AcceptedLog;
  role: Role;
  /** Whose ballot is promised, once it speaks as the leader. */
  leader: NodeId | null;
  /** The last heartbeat of the leader that was heard. */
  leaderRound: number;
  /** The highest ballot that it has heard of. */
  seen: number;
  /** Proposals of the promised ballot whose parents are not accepted yet. */
  readonly ahead: Ahead;
  /** The newest block that is known to be decided. It may not be here yet. */
  commit: Position;
  /** When missing blocks were asked for last. Monotonic. */
  askedMs: number;
  /** Of the consensus log: the last record, the last on disk, the last that names what is promised. */
  lsn: Lsn;
  persisted: Lsn;
  promiseLsn: Lsn;
  readonly detector: Detector;
  readonly elector: Elector;
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
  /** When the last block was accepted. Monotonic. */
  lastBlockMs: number;
}

export interface Turn extends AttestationTurn {
  readonly settings: PaxosSettings;
  readonly beneficiary: Address;
  readonly state: PaxosState;
  readonly effects: PaxosEffect[];
}

export function initialState(council: Council, settings: PaxosSettings, { self, chain, nowMs }: Context): PaxosState {
  const head = positionOf(chain.head);
  const ballot = ballotOf(chain.head);
  return {
    place: council.placeOf(self),
    promised: ballot,
    log: new AcceptedLog(head),
    role: { role: 'follower' },
    leader: null,
    leaderRound: 0,
    seen: ballot,
    ahead: new Ahead(),
    commit: head,
    askedMs: Number.NEGATIVE_INFINITY,
    lsn: Lsn(0),
    persisted: Lsn(0),
    promiseLsn: Lsn(0),
    detector: new Detector(council.membership.others(self), settings, nowMs),
    elector: createElector(settings.election),
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

/** Null on a node that does not lead. */
export function leadershipOf({ role }: PaxosState): Leadership | null {
  return role.role === 'leader' ? role : null;
}

export function changeRole({ state, effects }: Pick<Turn, 'state' | 'effects'>, role: Role): void {
  state.role = role;
  const ballot = role.role === 'follower' ? state.promised : role.ballot;
  effects.push({ type: 'trace', name: 'role', data: { role: role.role, ballot } });
}
