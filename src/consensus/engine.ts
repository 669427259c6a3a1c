/**
 * The contract between a consensus engine and everything else. Read this first.
 *
 * An engine is a pure state machine:  step(state, event, context) -> effects.
 * It does no I/O, reads no clock, draws no randomness of its own and awaits nothing, so the same engine runs in a node
 * (ports: libp2p, LevelDB, the system clock, the EVM) and in the simulator (ports: a seeded world that fails).
 * `step` may change `state` in place; nobody else touches it. One driver (`node/driver.ts`) turns the loop.
 *
 * Two rules make it safe:
 * - Persist before send. An effect with `after: n` leaves the node only once every record up to n is durable. The
 *   counterexample: a vote that is sent and then forgotten in a crash is cast again, differently.
 * - `setHead` may move back and forth (never below finality); `finalize` ascends, once for each height, with a proof.
 *
 * Chain and log are two stores that a crash may leave at different moments. What the log says of blocks may be truncated
 * only once `stored` says that the chain has caught up.
 */
import type { RuleError, SynodError } from '../base/errors.ts';
import type { Signatures, Signer } from '../base/signatures.ts';
import type { Address, Hash, Hex, Json, Lsn, NodeId } from '../base/types.ts';
import type { Block } from '../chain/block.ts';
import type { Header, SealedHeader } from '../chain/header.ts';
import type { ChainParams } from '../chain/params.ts';
import type { BlockView, ChainView, Facts, HeaderNode, HeaderView } from '../chain/tree.ts';

/** Where a block came from. Only 'gossip' and 'sync' have a sender who can be blamed. */
export type Origin = 'gossip' | 'sync' | 'local';

/** Names a request that the engine made, so that it can tell replies apart. Chosen by the engine, ascending. */
export type RequestId = number;

export type Certificate = Uint8Array;

/** What happened. Each line says what the caller (the driver) owes the engine. */
export type Event<Message> =
  /**
   * First event after boot or crash: every record since the last truncation, in order, and the position of the last that
   * was ever written (0 for none), which the next `persist` counts from. `incarnation` never repeats.
   */
  | { readonly type: 'start'; readonly incarnation: number; readonly records: readonly Uint8Array[]; readonly lsn: Lsn }
  /**
   * Decoded by this engine, bounded in size. Of a message to one peer, `from` is the author, authenticated. What was sent
   * to all ('*') is gossip: `from` is whoever passed it on, so it must prove its author itself, by a signature. Gossip
   * goes on to others after this step, unless the step answers with `ignore` or an offence of `from`.
   */
  | { readonly type: 'message'; readonly from: NodeId; readonly message: Message }
  /** The timer of this name ran out. A timer that was cancelled or set again does not fire for its old setting. */
  | { readonly type: 'timer'; readonly id: string }
  /** Every record up to and including `lsn` is on disk. */
  | { readonly type: 'persisted'; readonly lsn: Lsn }
  /**
   * The chain on disk has come up to this head and this finalized block, with everything that was inserted before: one
   * for each `setHead` and `finalize`, in order.
   */
  | { readonly type: 'stored'; readonly head: Hash; readonly finalized: Hash }
  /** Reply to `build`: an executed block without its proof, or null when it could not be built (the parent is gone). */
  | { readonly type: 'built'; readonly request: RequestId; readonly block: Block | null }
  /** Reply to `check`: whether the block executes to what its header says, on a parent that was itself executed. */
  | { readonly type: 'checked'; readonly hash: Hash; readonly error: RuleError | null }
  /** Reply to `seal`. It does not come if the request was withdrawn. */
  | { readonly type: 'sealed'; readonly request: RequestId; readonly header: Header }
  /**
   * A block whose encoding and size are checked, and that its transactions and payload are those of its header (else a
   * good header with another body could get the good block marked invalid). `from` is null for 'local'. What comes by
   * 'sync' may have a certificate with it, as yet unchecked: the one with which its sender finalized it.
   */
  | {
      readonly type: 'block';
      readonly block: Block;
      readonly origin: Origin;
      readonly from: NodeId | null;
      readonly certificate: Certificate | null;
    }
  /** The pool has transactions that the last built block had not. Coalesced, and never between `build` and `built`. */
  | { readonly type: 'mempool'; readonly pending: number }
  /** An operator's command (`request` is answered by `reply`). Unknown commands are answered with an error. */
  | { readonly type: 'admin'; readonly request: RequestId; readonly command: AdminCommand };

/** Commands that the operator gives a running engine; each engine answers those it knows. */
export type AdminCommand = { readonly name: string; readonly arguments: { readonly [key: string]: Json } };

/** What to do. Effects are carried out in order; each line says what the engine is promised. */
export type Effect<Message> =
  /** Append to the consensus log; `persisted` follows. `truncateBelow` drops records that a restart no longer needs. */
  | { readonly type: 'persist'; readonly lsn: Lsn; readonly records: readonly Uint8Array[]; readonly truncateBelow?: Lsn }
  /** To one peer, or to all ('*', by gossip: see the event `message`). May be lost, repeated or reordered. */
  | { readonly type: 'send'; readonly to: NodeId | '*'; readonly message: Message; readonly after?: Lsn }
  /** The message of this event is stale or known: it is not passed on, and nobody is to blame. */
  | { readonly type: 'ignore' }
  /** Gossip a block. */
  | { readonly type: 'announce'; readonly block: Block; readonly after?: Lsn }
  /** One timer for each id: setting it again replaces it. */
  | { readonly type: 'setTimer'; readonly id: string; readonly delayMs: number }
  | { readonly type: 'cancelTimer'; readonly id: string }
  /** Make a block of pending transactions on an executed parent. A newer build supersedes an older one. */
  | { readonly type: 'build'; readonly request: RequestId; readonly parent: Hash; readonly fields: BuildFields }
  /** Find a proof for this header (mining). One at a time: a newer seal replaces an older one. */
  | { readonly type: 'seal'; readonly request: RequestId; readonly header: Header; readonly target: bigint }
  | { readonly type: 'unseal'; readonly request: RequestId }
  /** Keep the block and its facts, without executing it. */
  | { readonly type: 'insert'; readonly block: Block; readonly facts: Facts }
  /** Execute a block that was inserted or built here; its parent must be executed. */
  | { readonly type: 'check'; readonly hash: Hash }
  /** Make this executed block the canonical tip: one atomic, durable step however deep the reorganisation is. */
  | { readonly type: 'setHead'; readonly hash: Hash; readonly after?: Lsn }
  | { readonly type: 'finalize'; readonly hash: Hash; readonly certificate: Certificate; readonly after?: Lsn }
  /** Ask for a block that is missing, first from the peer that must have it. */
  | { readonly type: 'fetch'; readonly hash: Hash; readonly from: NodeId | null }
  /** This peer broke a rule: counted against it. */
  | { readonly type: 'offence'; readonly from: NodeId; readonly error: RuleError }
  | { readonly type: 'reply'; readonly request: RequestId; readonly result: Json | SynodError }
  /** For metrics, logs, checkers and coverage marks. */
  | { readonly type: 'trace'; readonly name: string; readonly data: { readonly [key: string]: Json } };

/** The header fields that the engine decides; the ledger fills in the rest. */
export interface BuildFields {
  readonly timestamp: number;
  readonly beneficiary: Address;
  readonly difficulty: bigint;
  readonly mixHash: Hash;
  readonly nonce: Hex;
  readonly payload: Uint8Array;
  /** The block is to have no transactions, whatever is pending. */
  readonly isEmpty?: boolean;
}

export interface Context {
  readonly self: NodeId;
  /** Never goes back; milliseconds since some moment. For time-outs. */
  readonly nowMs: number;
  /** Milliseconds since 1970; may jump. For timestamps only. */
  readonly wallMs: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** The chain as this node has it, with the effects of earlier steps applied. */
  readonly chain: ChainView;
}

/** 'probabilistic': the head may always move. 'gadget': finality trails the head. 'instant': head = finalized. */
export type Finality = 'probabilistic' | 'gadget' | 'instant';

/** What a node's engine is at a moment. A chain may go from one engine to another (`phases/`). */
export interface Present {
  readonly name: string;
  readonly finality: Finality;
  readonly faults: 'crash' | 'byzantine';
}

/** Everything in it is pure. `verify*` need no engine state: sync, gossip and light clients call them. */
export interface Engine<State, Message> {
  /** What the network began with. */
  readonly name: string;
  /** Of all that the network ever had or will have, as far as the genesis file says, the least: what clients can count on at any time. */
  readonly finality: Finality;
  readonly faults: 'crash' | 'byzantine';
  /** Names of the commands that the engine itself answers, where it answers any (`AdminCommand`). */
  readonly admin?: readonly string[];

  init(context: Context): State;
  step(state: State, event: Event<Message>, context: Context): readonly Effect<Message>[];

  encode(message: Message): Uint8Array;
  /** Throws DecodeError and nothing else. */
  decode(bytes: Uint8Array): Message;

  /**
   * The blocks that a message carries (proposals), where an engine has such messages. Their bodies are checked against their
   * headers before the message is delivered: what is inserted under a header's hash must be that header's block.
   */
  carried?(message: Message): readonly Block[];

  genesisFacts(header: Header): Facts;
  /**
   * Checks a header and its proof against its ancestors and derives its facts. `parent` is the node that the header
   * names; older ancestors come from `ancestors`. Throws RuleError (blame false for one that is only early).
   */
  verifyHeader(sealed: SealedHeader, parent: HeaderNode, ancestors: HeaderView, wallMs: number): Facts;
  /** What a header proves by itself, before its ancestors are known (work). Cheap. Throws RuleError. */
  verifySeal(sealed: SealedHeader): void;
  /** Throws RuleError unless the certificate proves that the block, which the chain has, is final. */
  verifyCertificate(hash: Hash, certificate: Certificate, chain: BlockView): void;
  /** What the EVM's PREVRANDAO answers in this block; it cannot depend on a proof that is found after execution. */
  randomness(header: Header): Hash;
  /** What the protocol credits after the block's transactions (a mining reward, a withdrawn stake); often nothing. */
  rewards(block: Pick<Block, 'header' | 'payload'>): readonly Reward[];

  /** The newest block that is safe though not final yet, where the engine has such a notion (a justified checkpoint). */
  safe?(state: State): Hash | null;

  /**
   * Who makes the next block, where one node does until it fails or hands over; null while this node knows of none. What clients
   * send goes straight there, and not to all. Not to be answered where members may lie: all must hear of a transaction
   * then, or nobody would notice who leaves it out.
   */
  leader?(state: State): NodeId | null;

  /**
   * Whether this node's word is taken for what it has checked (who signed a transaction), because it is one of those who do
   * nothing worse than to crash. Nobody's is where this is missing.
   */
  believes?(state: State, node: NodeId): boolean;

  /** What the engine is now, where that may differ from `name`, `finality` and `faults`. */
  present?(state: State): Present;

  /**
   * How many things the state holds in each map and list that grows with what others send or with time, by name; every one has a bound.
   * For metrics: asked often, so it must be cheap.
   */
  sizes?(state: State): Readonly<Record<string, number>>;

  /** A picture of the state for people, dashboards and checkers. */
  inspect(state: State): Json;
}

/** An amount of wei that comes into being. */
export interface Reward {
  readonly to: Address;
  readonly amount: bigint;
}

/** An engine as the composition root and the simulator see it: the state and message types stay inside. */
// biome-ignore lint/suspicious/noExplicitAny: the driver never looks inside a state or a message; `unknown` would forbid calling step.
export type AnyEngine = Engine<any, any>;

/** Makes an engine for one network and one node. Throws UsageError when the genesis settings make no sense. */
export type EngineFactory = (params: ChainParams, node: NodeSettings, signatures: Signatures) => AnyEngine;

/** What this node, as opposed to the network, wants of its engine. */
export interface NodeSettings {
  readonly beneficiary: Address;
  /** Take part in making blocks from the start (mine, validate). */
  readonly produce: boolean;
  /** The keys of this node's validators or members; none where it only follows, or the engine needs none. */
  readonly signers: readonly Signer[];
  /** A block that the operator knows to be final; only for engines whose past can be forged later (proof-of-stake). */
  readonly checkpoint?: TrustedBlock;
}

export interface TrustedBlock {
  readonly hash: Hash;
  readonly number: number;
}
