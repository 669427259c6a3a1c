/** What sync remembers between steps. All of it is bounded by `limits.ts`, and none of it needs to survive a restart. */
import type { RuleError } from '../base/errors.ts';
import type { Hash, NodeId } from '../base/types.ts';
import type { ProvenBlock } from '../chain/block.ts';
import type { HeaderNode } from '../chain/tree.ts';
import { FIRST_BLOCKS_PER_REQUEST } from './limits.ts';
import type { PeerStatus, Progress, SyncContext, SyncEffect, SyncRequestId, SyncSettings } from './types.ts';

export interface SyncState {
  readonly settings: SyncSettings;
  readonly peers: Map<NodeId, Peer>;
  /** Open requests, oldest first. */
  readonly requests: Map<SyncRequestId, Request>;
  readonly wanted: Map<Hash, Wanted>;
  /** One branch at a time is followed, with one peer's headers and everybody's bodies. */
  session: Session | null;
  nextRequest: SyncRequestId;
  /** When the one timer will fire; null when it is not set. */
  timerAtMs: number | null;
  reported: Progress;
}

export interface Peer {
  readonly id: NodeId;
  status: PeerStatus;
  /** False once its claim was disproved; a new status is a new claim. */
  credible: boolean;
  /** It has shown a block whose ancestors we lack: ask for its headers whatever it claims. */
  probe: boolean;
  /** Disappointments since it last gave a block; peers with fewer go first. */
  strikes: number;
  /** Requests without an answer since its last reply. */
  failures: number;
  /** Times in a row that the engine did not take a block of its branch, for which nobody need be to blame. */
  refusals: number;
  /** Surveys of it that were cut short for the others' sake. */
  turns: number;
  restUntilMs: number;
  inFlight: number;
  /** How many bodies to ask for at once: grows and shrinks with its speed. */
  span: number;
}

export interface RequestBase {
  readonly id: SyncRequestId;
  readonly peer: NodeId;
  readonly sentMs: number;
  readonly deadlineMs: number;
}
/** `claim`: what the peer said to have when it was asked; its reply is judged by that. */
export type HeadersRequest = RequestBase & { readonly kind: 'headers'; readonly claim: bigint };
/** `hedged`: somebody else was asked for the same since. */
export type BlocksRequest = RequestBase & { readonly kind: 'blocks'; readonly hashes: readonly Hash[]; hedged: boolean };
export type WantedRequest = RequestBase & { readonly kind: 'wanted'; readonly hash: Hash };
export type Request = HeadersRequest | BlocksRequest | WantedRequest;

export interface Wanted {
  readonly hash: Hash;
  readonly from: NodeId | null;
  readonly tried: Set<NodeId>;
  asked: boolean;
}

/**
 * Following one peer's branch. Life of a session: survey its headers until they prove more weight than our head has;
 * then download and deliver its blocks in order. Headers of a survey too long to keep are thrown away but for one hash
 * a batch (`checkpoints`) and downloaded once more (`confirming`), when they must match those hashes.
 */
export interface Session {
  readonly peer: NodeId;
  readonly startedMs: number;
  /** Height of our head at the start. */
  readonly from: number;
  /** The newest header on the branch that is stored; the first slot follows it. Null until the first reply. */
  base: HeaderNode | null;
  /** The newest verified header. */
  tip: HeaderNode | null;
  /** Verified headers whose blocks are not settled, oldest first. */
  readonly slots: Map<Hash, Slot>;
  /** Hashes by height, one for each batch of the survey. */
  readonly checkpoints: Map<number, Hash>;
  /** The survey outgrew its window: `slots` holds only the newest of its headers. */
  trimmed: boolean;
  /** The branch is known to be worth its download: it is heavier than our head was, or the engine misses it. */
  proven: boolean;
  /** In the second pass over a trimmed survey: nothing above the last matched checkpoint is downloaded. */
  confirming: boolean;
  confirmedHeight: number;
  /** A headers request is open. */
  asking: boolean;
  /** The peer had no header after `tip`. */
  ended: boolean;
  /** Its last reply had headers at all. */
  grew: boolean;
  /** Its next header is of no use now (from the future, or of a branch that it changed to): no reason to judge its claim. */
  interrupted: boolean;
  /** The peer's claim when `ended` was last found out. */
  claim: bigint;
  headerFailures: number;
  /** Peers that turned out not to have this branch's blocks, or gave wrong ones. */
  readonly unfit: Set<NodeId>;
  bufferedBytes: number;
  unsettledBlocks: number;
  unsettledBytes: number;
  /** Blocks received, so whether anybody is serving this branch at all. */
  received: number;
  progressMs: number;
}

/**
 * A block to come: `missing` -> `asked` -> `held` -> `delivered`, and gone when it is settled. `stored`: it came by
 * another way, so that sync only waits for it to be settled.
 */
export interface Slot {
  readonly node: HeaderNode;
  phase: 'missing' | 'asked' | 'held' | 'delivered' | 'stored';
  block: ProvenBlock | null;
  from: NodeId | null;
  bytes: number;
}

/** One step: everything that its helpers need, and the effects they leave. */
export interface Turn {
  readonly state: SyncState;
  readonly context: SyncContext;
  readonly effects: SyncEffect[];
}

export function initSync(settings: SyncSettings): SyncState {
  return {
    settings,
    peers: new Map(),
    requests: new Map(),
    wanted: new Map(),
    session: null,
    nextRequest: 1,
    timerAtMs: null,
    reported: { phase: 'idle', from: 0, current: 0, target: 0 },
  };
}

export function newPeer(id: NodeId, status: PeerStatus): Peer {
  return {
    id,
    status,
    credible: true,
    probe: false,
    strikes: 0,
    failures: 0,
    refusals: 0,
    turns: 0,
    restUntilMs: 0,
    inFlight: 0,
    span: FIRST_BLOCKS_PER_REQUEST,
  };
}

export function newSession(turn: Turn, peer: NodeId): Session {
  const { context } = turn;
  return {
    peer,
    startedMs: context.nowMs,
    from: context.chain.head.header.number,
    base: null,
    tip: null,
    slots: new Map(),
    checkpoints: new Map(),
    trimmed: false,
    proven: false,
    confirming: false,
    confirmedHeight: 0,
    asking: false,
    ended: false,
    grew: false,
    interrupted: false,
    claim: 0n,
    headerFailures: 0,
    unfit: new Set(),
    bufferedBytes: 0,
    unsettledBlocks: 0,
    unsettledBytes: 0,
    received: 0,
    progressMs: context.nowMs,
  };
}

export function offend(turn: Turn, peer: NodeId, error: RuleError): void {
  turn.effects.push({ type: 'offence', peer, error });
}
