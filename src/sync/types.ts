/**
 * The contract between sync and the world, in the style of `consensus/engine.ts`: sync is a pure state machine,
 *   step(state, event, context) -> effects
 * without clock, I/O or randomness, so the same code runs in a node and in the simulator. Read this first.
 */
import type { RuleError } from '../base/errors.ts';
import type { Hash, NodeId } from '../base/types.ts';
import type { Block, ProvenBlock } from '../chain/block.ts';
import type { SealedHeader } from '../chain/header.ts';
import type { BlockStatus, ChainView, Facts, HeaderNode, HeaderView } from '../chain/tree.ts';

/** What a peer says of its chain, at the handshake and whenever its head moves. It must be able to serve this head. */
export interface PeerStatus {
  readonly head: Hash;
  readonly height: number;
  /** Cumulative, as the engine counts it; believed only once its headers prove it. */
  readonly weight: bigint;
  readonly finalizedHeight: number;
}

/** Names a request of sync, so that replies can be told apart. Ascending, never used twice. */
export type SyncRequestId = number;

/** What happened. Each line says what the caller owes sync. */
export type SyncEvent =
  /** A peer of our network is connected, or says that its chain has moved. */
  | { readonly type: 'peer'; readonly peer: NodeId; readonly status: PeerStatus }
  | { readonly type: 'peerGone'; readonly peer: NodeId }
  /** Reply to `requestHeaders`: decoded, bounded in bytes, otherwise unchecked. */
  | { readonly type: 'headers'; readonly peer: NodeId; readonly request: SyncRequestId; readonly headers: readonly SealedHeader[] }
  /** Reply to `requestBlocks`: those of the blocks that the peer has, as many as a reply may carry. */
  | { readonly type: 'blocks'; readonly peer: NodeId; readonly request: SyncRequestId; readonly blocks: readonly ProvenBlock[] }
  /** The request cannot be answered: refused, unreachable, malformed reply. Silence needs no event; sync times it. */
  | { readonly type: 'failed'; readonly peer: NodeId; readonly request: SyncRequestId }
  /** The engine's `fetch`: a block is missing. */
  | { readonly type: 'wanted'; readonly hash: Hash; readonly from: NodeId | null }
  /**
   * What became of a block, from wherever it came: after the engine's step for it ('refused' when the chain view does
   * not know it then), and again after its execution was checked.
   */
  | { readonly type: 'settled'; readonly hash: Hash; readonly status: BlockStatus | 'refused' }
  /** The canonical head changed. */
  | { readonly type: 'head' }
  | { readonly type: 'timer'; readonly id: string };

/** What to do. Each line says what sync is promised. */
export type SyncEffect =
  /** The peer's canonical headers after the first of these hashes that is canonical for it (`serve.ts`). */
  | {
      readonly type: 'requestHeaders';
      readonly request: SyncRequestId;
      readonly peer: NodeId;
      readonly locator: readonly Hash[];
      readonly limit: number;
    }
  | { readonly type: 'requestBlocks'; readonly request: SyncRequestId; readonly peer: NodeId; readonly hashes: readonly Hash[] }
  /** Hand the block to the engine (origin 'sync'); `settled` follows. */
  | { readonly type: 'deliver'; readonly block: ProvenBlock; readonly from: NodeId }
  /** This peer broke a rule: counted against it. */
  | { readonly type: 'offence'; readonly peer: NodeId; readonly error: RuleError }
  /** One timer for each id: setting it again replaces it. */
  | { readonly type: 'setTimer'; readonly id: string; readonly delayMs: number }
  | { readonly type: 'cancelTimer'; readonly id: string }
  | { readonly type: 'progress'; readonly progress: Progress };

export interface Progress {
  /** 'headers': finding out what a peer has. 'blocks': downloading a branch that is proven to be heavier than ours. */
  readonly phase: 'idle' | 'headers' | 'blocks';
  /** Heights: where this sync began, where our head is, and where the peer's chain ends as far as we know. */
  readonly from: number;
  readonly current: number;
  readonly target: number;
}

export interface SyncContext {
  /** Never goes back; milliseconds since some moment. */
  readonly nowMs: number;
  /** Milliseconds since 1970; may jump. Only handed to `verifyHeader`. */
  readonly wallMs: number;
  /** With the effects of every earlier step applied, whether durable or not. */
  readonly chain: ChainView;
  /** The chain's header rules and the engine's `verifyHeader`. Throws RuleError; `blame: false` when it is only early. */
  readonly verifyHeader: (sealed: SealedHeader, parent: HeaderNode, ancestors: HeaderView, wallMs: number) => Facts;
  /** Whether transactions and payload are those that the header commits to. */
  readonly bodyMatches: (block: Block) => boolean;
}

export interface SyncSettings {
  /** Branches with less weight than this are never downloaded: a fresh node cannot be fed a cheap chain. */
  readonly minimumWeight: bigint;
  /**
   * Whether an honest peer may leave its chain for one of less weight: where votes and not weight choose the head. A claim
   * that does not hold is then nobody's lie.
   */
  readonly weightMayFall: boolean;
}
