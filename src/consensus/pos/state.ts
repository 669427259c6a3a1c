/**
 * What the proof-of-stake engine remembers between steps. The chain keeps blocks; the consensus log keeps what this node has
 * signed and the state at the finalized block; everything else is found again from those (`restart.ts`).
 *
 * Every collection is bounded by a constant beside it, or by the fork choice, which is bounded itself.
 */
import { BoundedMap } from '../../base/bounded.ts';
import type { Signer } from '../../base/signatures.ts';
import { type Address, type Hash, type Json, Lsn, type NodeId } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import type { Context, Effect, NodeSettings, RequestId } from '../engine.ts';
import { type Arrival, OrphanPool } from '../orphans.ts';
import { type Detector, newDetector } from './detector.ts';
import { type ForkChoice, newForkChoice } from './forkchoice.ts';
import type { PosMessage } from './messages.ts';
import { newVotePool, type VotePool } from './pool.ts';
import type { History } from './protection.ts';
import type { PosRules } from './rules.ts';
import { slotOfTimestamp } from './time.ts';
import type { Attestation, Checkpoint, Epoch, Gwei, Offence, Slot, StakeState, ValidatorIndex } from './types.ts';

/** States after blocks: two epochs on a few branches. Others are computed again when they are needed. */
const MAX_STATES = 192;
/** For twice as many blocks as there may be above the finalized one. */
const MAX_MILESTONES = 256;
/** States at the first slot of an epoch, for votes. */
const MAX_EPOCH_STATES = 64;
/** States for light verification, of the last finalized blocks. */
const MAX_SERVED_STATES = 16;
const MAX_REMEMBERED_INVALID = 1_024;
const MAX_REMEMBERED_SENDERS = 4_096;
const MAX_COUNTED_PEERS = 256;

/** A block of ours, complete and signed, whose record is not on disk yet. */
export interface Unsent {
  readonly lsn: Lsn;
  readonly block: Block;
  readonly hash: Hash;
}

/** A block that was asked for. */
export interface Fetch {
  attempts: number;
  /** Who said that it exists. */
  readonly from: NodeId | null;
  /** Whether a validator's block needs it, and not just a vote. */
  isSigned: boolean;
}

/** A vote for a block that is not here yet. */
export interface WaitingVote {
  readonly from: NodeId;
  readonly attestation: Attestation;
}

/** Votes count from the slot after their own. */
export interface QueuedVote {
  readonly slot: Slot;
  readonly indices: readonly ValidatorIndex[];
  readonly epoch: Epoch;
  readonly head: Hash;
}

export interface Building {
  readonly request: RequestId;
  readonly slot: Slot;
  readonly proposer: ValidatorIndex;
  readonly signer: Signer;
}

/** How this node's clock has behaved (`clock.ts`). */
export interface ClockState {
  lastNowMs: number;
  lastWallMs: number;
  /** Nothing is signed before this (monotonic). */
  silentUntilMs: number;
  silentBecause: string;
  /** Until this (monotonic) late blocks of anybody keep us silent, not only those of a third of the stake. */
  cautiousUntilMs: number;
  /** Whether the newest valid blocks of others came late, the last of them at the end; an epoch's worth. Monotonic time. */
  lateness: readonly { readonly isLate: boolean; readonly atMs: number }[];
  /** Validators who sign new blocks of another time than ours, and when we last saw one (monotonic). */
  readonly elsewhere: Map<ValidatorIndex, number>;
}

export interface Counts {
  proposed: number;
  missed: number;
  voted: number;
  reorgs: number;
  orphans: number;
  invalid: number;
  refusedVotes: number;
  offences: number;
  clockJumps: number;
}

export interface PosState {
  readonly signers: ReadonlyMap<string, Signer>;
  readonly beneficiary: Address;
  store: ForkChoice;
  /** The state after the finalized block, from which every other can be computed. */
  anchor: { readonly hash: Hash; readonly state: StakeState };
  readonly states: BoundedMap<Hash, StakeState>;
  /** One in many of older states (`states.ts`). */
  readonly milestones: BoundedMap<Hash, StakeState>;
  /** By epoch and block. */
  readonly epochStates: BoundedMap<string, StakeState>;
  /** Before blocks that became final: what a light client needs to begin at one of them. */
  readonly served: BoundedMap<Hash, StakeState>;
  /** What votes weigh, by the justified checkpoint. */
  balances: { readonly of: Checkpoint; readonly list: readonly Gwei[] } | null;
  /** As this engine last set them. */
  head: HeaderNode;
  finalized: Hash;
  /** Whether the head's chain takes from those who do not vote, for want of finality. */
  isLeaking: boolean;
  /** The head on whose branch a certificate was not to be found. */
  uncertified: Hash | null;
  slot: Slot;
  readonly orphans: OrphanPool<Arrival>;
  early: readonly Arrival[];
  readonly fetches: Map<Hash, Fetch>;
  readonly checking: Set<Hash>;
  readonly invalid: BoundedMap<Hash, true>;
  readonly senders: BoundedMap<Hash, NodeId>;
  readonly pool: VotePool;
  waiting: readonly WaitingVote[];
  queued: readonly QueuedVote[];
  /** The slot, by our clock, in which a right vote of others was last of our time. */
  timelySlot: Slot;
  /** Votes of other times, or of convicted validators, by peer, in this epoch. */
  readonly useless: BoundedMap<NodeId, number>;
  /** Evidence that nobody can judge yet, by peer, in this epoch. */
  readonly unsettled: BoundedMap<NodeId, number>;
  readonly detector: Detector;
  /** Evidence that no block has taken yet, by the validators that it convicts. */
  readonly offences: Map<string, Offence>;
  readonly history: History;
  /** The newest votes of ours, to be sent again after a restart. */
  lastVotes: readonly Attestation[];
  /** Until this slot. */
  resendsUntil: Slot;
  votedSlot: Slot;
  /** What was made before was not seen here (`trust.ts`). */
  awakeSince: Slot;
  building: Building | null;
  unsent: readonly Unsent[];
  readonly clock: ClockState;
  appended: Lsn;
  /** A finalized block whose state goes into the log once the chain on disk has come up to it. */
  snapshotDue: Hash | null;
  nextRequest: RequestId;
  readonly counts: Counts;
}

export type PosEffect = Effect<PosMessage>;

/** One step in progress: what it reads, and the effects it has decided on so far. */
export interface Turn {
  readonly rules: PosRules;
  readonly state: PosState;
  readonly context: Context;
  readonly effects: PosEffect[];
  /** Blocks that this step inserts; the chain shows them from the next step on. */
  readonly fresh: Map<Hash, Block>;
}

/** With nothing but the anchor; `start` brings the rest. */
export function initialState(rules: PosRules, context: Context, node: NodeSettings, genesis: StakeState): PosState {
  const { head, finalized } = context.chain;
  return {
    signers: new Map(node.produce ? node.signers.map((signer) => [signer.publicKey, signer]) : []),
    beneficiary: node.beneficiary,
    store: newForkChoice(genesis.block, 0, 0, rules.settings.slotsPerEpoch),
    anchor: { hash: genesis.block, state: genesis },
    states: new BoundedMap(MAX_STATES),
    milestones: new BoundedMap(MAX_MILESTONES),
    epochStates: new BoundedMap(MAX_EPOCH_STATES),
    served: new BoundedMap(MAX_SERVED_STATES),
    balances: null,
    head,
    finalized: finalized.hash,
    isLeaking: false,
    uncertified: null,
    slot: 0,
    orphans: new OrphanPool(),
    early: [],
    fetches: new Map(),
    checking: new Set(),
    invalid: new BoundedMap(MAX_REMEMBERED_INVALID),
    senders: new BoundedMap(MAX_REMEMBERED_SENDERS),
    pool: newVotePool(),
    waiting: [],
    queued: [],
    timelySlot: Number.NEGATIVE_INFINITY,
    useless: new BoundedMap(MAX_COUNTED_PEERS),
    unsettled: new BoundedMap(MAX_COUNTED_PEERS),
    detector: newDetector(),
    offences: new Map(),
    history: new Map(),
    lastVotes: [],
    resendsUntil: -1,
    votedSlot: -1,
    awakeSince: 0,
    building: null,
    unsent: [],
    clock: {
      lastNowMs: context.nowMs,
      lastWallMs: context.wallMs,
      silentUntilMs: 0,
      silentBecause: '',
      cautiousUntilMs: 0,
      lateness: [],
      elsewhere: new Map(),
    },
    appended: Lsn(0),
    snapshotDue: null,
    nextRequest: 1,
    counts: { proposed: 0, missed: 0, voted: 0, reorgs: 0, orphans: 0, invalid: 0, refusedVotes: 0, offences: 0, clockJumps: 0 },
  };
}

export function trace(turn: Turn, name: string, data: { readonly [key: string]: Json }): void {
  turn.effects.push({ type: 'trace', name, data });
}

/** Seconds since 1970. */
export function genesisSeconds({ context }: Turn): number {
  return context.chain.genesis.header.timestamp;
}

/** Of a header whose time was checked; a header with another time has a slot that no header of this network has. */
export function slotOf(turn: Turn, { header }: Pick<Block, 'header'>): Slot {
  return slotOfTimestamp(turn.rules.settings, genesisSeconds(turn), header.timestamp) ?? Number.MAX_SAFE_INTEGER;
}

/** A block that is stored, or that this step stores. */
export function blockOf({ fresh, context }: Turn, hash: Hash): Block | undefined {
  return fresh.get(hash) ?? context.chain.block(hash);
}
