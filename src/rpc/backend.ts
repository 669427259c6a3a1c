/**
 * The node as RPC sees it, and nothing more. `node/` implements this over the chain store, the pool, the network and the
 * EVM workers; tests implement it over a few blocks in memory.
 *
 * Chain reads are synchronous and answer only what is durable, so that nothing a client was told can be lost in a
 * crash. State reads take the header whose state they read: a request resolves its block once, and a reorganisation in
 * between cannot mix two states. Methods may throw RuleError (the client's fault: its message is shown to the client),
 * and anything else is answered as an internal error without its text.
 */
import type { Address, Hash, Json, NodeId } from '../base/types.ts';
import type { Block } from '../chain/block.ts';
import type { Header } from '../chain/header.ts';
import type { ChainParams } from '../chain/params.ts';
import type { BlockStatus, HeaderNode } from '../chain/tree.ts';
import type { Reward } from '../consensus/engine.ts';
import type { AccessListResult, CallRequest, CallResult, EstimateResult } from '../execution/call-types.ts';
import type { SimulatedBlock, SimulationRequest } from '../execution/simulation-types.ts';
import type { AccountProof, AccountView } from '../execution/state-reader.ts';
import type { TestBlock, TestBlockRequest } from '../execution/test-block.ts';
import type { TraceRequest } from '../execution/tracing/trace-request.ts';
import type { AccessListEntry, Authorization, BlobFields } from '../execution/transaction-codec.ts';
import type { Receipt } from '../execution/types.ts';

export interface Backend {
  /** Such as `synod/v0.1.0/linux-x64/node24.21.0`. */
  readonly clientVersion: string;
  readonly chainId: number;
  /** Forks and what else the network agreed on. */
  readonly params: ChainParams;
  readonly chain: ChainAccess;
  readonly state: StateAccess;
  readonly evm: EvmAccess;
  readonly pool: PoolAccess;
  readonly network: NetworkAccess;
  /** Null under an engine that does not mine. */
  readonly miner: MinerControl | null;
  /** Present only on a network that was started for tests: without it the fault methods do not exist. */
  readonly faults: FaultControl | null;
  /** Null when the node is level with its peers. */
  syncing(): SyncProgress | null;
  /** 'pow', 'pos' and so on: some methods exist under one engine only. */
  readonly engineName: string;
  /** The engine's answer to one of its own commands (`AdminCommand`). Rejects with RuleError for what it refuses. */
  askEngine(name: string, values?: { readonly [key: string]: Json }): Promise<Json>;
  /** What `synod_status` answers: engine, head, peers, mining and whatever else the operator wants to see. */
  status(): Json;
  /** Of the last hour or so. */
  readonly history: History;
  /** After each durable change of head, in order. Answers the function that removes the listener. */
  onHead(listener: (change: HeadChange) => void): () => void;
  /** A transaction became executable in the pool. Answers the function that removes the listener. */
  onPendingTransaction(listener: (transaction: TransactionView) => void): () => void;
}

/** What only passing moments show. */
export interface History {
  readonly intervalMs: number;
  /** Oldest first, and bounded. */
  readonly moments: readonly Moment[];
}

export interface Moment {
  /** Since 1970. */
  readonly timeMs: number;
  /** Heights. */
  readonly head: number;
  readonly finalized: number;
  /** Of this node's miner; 0 where it does not mine. */
  readonly hashesPerSecond: number;
  /** Share of the stake that voted in the epoch before; null under other engines than proof-of-stake. */
  readonly participation: number | null;
}

/** Durable chain data. */
export interface ChainAccess {
  readonly genesis: HeaderNode;
  readonly head: HeaderNode;
  /** By the engine's proof, or by the depth policy under proof-of-work; genesis at first. */
  readonly safe: HeaderNode;
  readonly finalized: HeaderNode;
  header(hash: Hash): HeaderNode | undefined;
  /** The canonical block of this height. */
  canonical(number: number): Hash | undefined;
  block(hash: Hash): Block | undefined;
  /** Every block of this height that is stored, canonical or not, executed or not, at most so many. */
  blocksAt(number: number, limit: number): readonly KnownBlock[];
  /** The greatest height at which one is stored. */
  readonly highest: number;
  /** The canonical chain between two heights, both inclusive, as it is at the first step, whatever happens meanwhile. */
  blooms(from: number, to: number): AsyncIterable<CanonicalBloom>;
  /** The engine's proof that this block is final; undefined where there is none. */
  certificate(hash: Hash): Uint8Array | undefined;
  /** In the order of the block's transactions; undefined for a block that was never executed. */
  receipts(hash: Hash): readonly Receipt[] | undefined;
  /** Where a canonical transaction stands. */
  transaction(hash: Hash): TransactionLocation | undefined;
  /** Decodes a transaction of a stored block and recovers its sender; the implementation keeps a bounded cache of senders. */
  decode(bytes: Uint8Array): TransactionView;
  /** Only the fees of a transaction of a stored block, without the cost of recovering its sender. */
  fees(bytes: Uint8Array): Pick<TransactionView, 'maxFeePerGas' | 'maxPriorityFeePerGas'>;
  /** What the engine adds to balances at the end of this block. */
  rewards(block: Pick<Block, 'header' | 'payload'>): readonly Reward[];
  /** The base fee of the block after this one, in wei; undefined where the fork has none. */
  nextBaseFee(parent: Header): bigint | undefined;
}

export interface KnownBlock {
  readonly node: HeaderNode;
  readonly status: BlockStatus;
}

export interface CanonicalBloom {
  readonly hash: Hash;
  /** Of the logs of the block: 256 bytes, or none where it has no logs. */
  readonly bloom: Uint8Array;
}

export interface TransactionLocation {
  readonly blockHash: Hash;
  readonly blockNumber: number;
  readonly index: number;
}

/** A decoded transaction. `Tx` of `execution/transaction.ts` is one. */
export interface TransactionView {
  readonly hash: Hash;
  /** EIP-2718 type; 0 for legacy. */
  readonly type: number;
  /** Null for a legacy transaction without replay protection. */
  readonly chainId: bigint | null;
  readonly sender: Address;
  readonly nonce: bigint;
  readonly gasLimit: bigint;
  /** Wei; null for a transaction that has a maximum fee instead. */
  readonly gasPrice: bigint | null;
  /** Wei; both are the gas price where the transaction has only that. */
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
  readonly to: Address | null;
  readonly value: bigint;
  readonly data: Uint8Array;
  readonly accessList: readonly AccessListEntry[];
  readonly authorizationList: readonly Authorization[];
  /** Of type 3 only. */
  readonly blobs?: BlobFields;
  /** As it stands in the encoding: 27, 28 or EIP-155's for legacy, else the parity. */
  readonly v: bigint;
  readonly yParity: number;
  readonly r: bigint;
  readonly s: bigint;
  /** The EIP-2718 form (a legacy transaction as its RLP list). */
  readonly bytes: Uint8Array;
}

export interface HeadChange {
  readonly oldHead: HeaderNode;
  readonly newHead: HeaderNode;
  /** The branch that was left, tip first. Its blocks and receipts stay readable. */
  readonly removed: readonly HeaderNode[];
  /** The branch that was taken, oldest first. */
  readonly added: readonly HeaderNode[];
}

/** Reads of the state after a block. All throw RuleError `state/missing` when that state is not kept. */
export interface StateAccess {
  /** Undefined when there is no such account. */
  account(header: Header, address: Address): Awaitable<AccountView | undefined>;
  /** 32 bytes; zero when empty. */
  storage(header: Header, address: Address, slot: Hash): Awaitable<Hash>;
  /** Empty when there is none. */
  code(header: Header, address: Address): Awaitable<Uint8Array>;
  proof(header: Header, address: Address, slots: readonly Hash[]): Awaitable<AccountProof>;
}

export type Awaitable<T> = T | Promise<T>;

/**
 * EVM calls, run in workers with a gas cap and a time limit. They reject with RuleError for what no execution was
 * started for, or was cut short: `evm/timeout`, insufficient funds, a nonce or a fee that cannot be, intrinsic gas. `client`
 * is who asks: where many calls wait, clients take turns.
 */
export interface EvmAccess {
  call(request: CallRequest, client: string): Promise<CallResult>;
  /** The least gas limit with which the call succeeds, or why it fails with any. */
  estimateGas(request: CallRequest, client: string): Promise<EstimateResult>;
  createAccessList(request: CallRequest, client: string): Promise<AccessListResult>;
  simulate(request: SimulationRequest, client: string): Promise<readonly SimulatedBlock[]>;
  buildTestBlock(request: TestBlockRequest, client: string): Promise<TestBlock>;
  /** JSON text. Also rejects with `trace/timeout` and `trace/too-large`. */
  trace(request: TraceRequest, client: string): Promise<string>;
}

export interface PoolAccess {
  /** The least priority fee that the pool takes, in wei. */
  readonly minTip: bigint;
  /** Takes a transaction in its EIP-2718 form. Throws RuleError with geth's sentence when it is refused. */
  add(bytes: Uint8Array): Awaitable<Hash>;
  get(hash: Hash): TransactionView | undefined;
  /** The nonce after the sender's executable transactions. */
  pendingNonce(address: Address): bigint;
  status(): { readonly pending: number; readonly queued: number };
  /** Each sender's transactions by ascending nonce; of one sender only, when given. */
  content(sender?: Address): PoolContent;
}

export interface PoolContent {
  readonly pending: ReadonlyMap<Address, readonly TransactionView[]>;
  readonly queued: ReadonlyMap<Address, readonly TransactionView[]>;
}

export interface NetworkAccess {
  readonly listening: boolean;
  readonly self: { readonly id: NodeId; readonly addresses: readonly string[] };
  peers(): readonly PeerView[];
  /** Keeps a connection to this multiaddr. Throws RuleError when it is not one; answers before the connection stands. */
  addPeer(address: string): Awaitable<void>;
  /** Disconnects, and no longer keeps the connection. False when there was none. */
  removePeer(peer: string): Awaitable<boolean>;
}

export interface PeerView {
  readonly id: NodeId;
  readonly agent: string;
  readonly remoteAddress: string;
  readonly inbound: boolean;
  /** Its head as it last told us. */
  readonly head: { readonly number: number; readonly hash: Hash } | null;
}

export interface MinerControl {
  /** `hashrate` in hashes a second over the last seconds. */
  status(): { readonly mining: boolean; readonly threads: number; readonly hashrate: number; readonly beneficiary: Address };
  /** `threads` absent: as many as configured. */
  start(threads?: number): Awaitable<void>;
  stop(): Awaitable<void>;
  setBeneficiary(address: Address): Awaitable<void>;
}

/** What is wrong with a node of a test network, all of it at once. */
export interface NodeFaults {
  /** The peers that it may talk to; null for all. */
  readonly allowed: readonly NodeId[] | null;
  /** What becomes of messages from these peers (`network/link-faults.ts`). `loss` is a share, from 0 to 1. */
  readonly links: readonly {
    readonly from: NodeId;
    readonly isCut: boolean;
    readonly delayMs: number;
    readonly jitterMs: number;
    readonly loss: number;
  }[];
  /** How far its wall clock is ahead. */
  readonly clockOffsetMs: number;
  /** Makes no blocks, and under proof-of-stake casts no votes. */
  readonly isIdle: boolean;
  /** Keeps the blocks that it makes to itself until it is told otherwise. */
  readonly isWithholding: boolean;
}

/** Faults inside the node itself, for test networks. */
export interface FaultControl {
  /** Instead of those there are. */
  set(faults: NodeFaults): Awaitable<void>;
  /** Says one thing twice, at the next opportunity. Throws RuleError `fault/...` where that cannot be. */
  equivocate(what: 'proposal' | 'vote'): void;
  /** From now on talk to these peers only. */
  partition(allowed: readonly NodeId[]): Awaitable<void>;
  /** Ends all of it. */
  heal(): Awaitable<void>;
}

/** Heights. */
export interface SyncProgress {
  readonly startingBlock: number;
  readonly currentBlock: number;
  readonly highestBlock: number;
}

/** Where the server reports its own trouble; never given secrets or request bodies. */
export interface RpcLogger {
  info(message: string, fields?: { readonly [key: string]: Json }): void;
  warn(message: string, fields?: { readonly [key: string]: Json }): void;
  error(message: string, fields?: { readonly [key: string]: Json }): void;
}

export const SILENT: RpcLogger = { info: () => {}, warn: () => {}, error: () => {} };
