/**
 * What differs between the tiers of the simulator: the ledger with its pool, and what keeps it. In the light tier
 * (`light-tier.ts`) a state is an array of numbers and executing costs nothing but virtual time; in the real tier
 * (`real/`) both are the node's own parts. Driver, engines, sync, network, disk, faults and most checkers are the same.
 */
import type { RuleError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import type { Address, Hash, Lsn } from '../base/types.ts';
import type { Block } from '../chain/block.ts';
import type { ChainParams } from '../chain/params.ts';
import type { ChainView, HeaderNode } from '../chain/tree.ts';
import type { AdminCommand, AnyEngine, Certificate } from '../consensus/engine.ts';
import type { AdminReply } from '../node/driver.ts';
import type { ClockPort, LedgerPort, LogPort } from '../node/ports.ts';
import type { ServedChain } from '../sync/serve.ts';
import type { CheckerFactory } from './checkers/checker.ts';
import type { Disk } from './disk.ts';
import type { MarkRule } from './marks.ts';
import type { Observe } from './observations.ts';
import type { Options } from './options.ts';
import type { Subject } from './subject.ts';
import type { Keys } from './tags.ts';
import type { Balances } from './transfers.ts';
import type { World } from './world.ts';

export const TIER_NAMES = ['light', 'real'] as const;
export type TierName = (typeof TIER_NAMES)[number];

export interface Tier {
  readonly params: ChainParams;
  readonly genesis: Block;
  readonly keys: Keys;
  /** What must hold in this tier, besides what must hold in both. */
  readonly checkers: readonly CheckerFactory[];
  readonly marks: readonly MarkRule[];
  /** Who is paid for the blocks of the node with this identity. */
  beneficiaryOf(identity: number): Address;
  /** Throws RuleError unless transactions and payload are those that the header commits to. */
  checkBody(block: Block): void;
  bodyMatches(block: Block): boolean;
  newStore(place: number, disk: Disk, genesis: HeaderNode): Store;
  newClients(nodes: readonly ClientNode[], observe: Observe): Clients;
}

export type TierFactory = (world: World, subject: Subject, options: Options) => Tier;

/** What of a node's ledger outlives its crashes. */
export interface Store {
  /** What the disk has, as the node's last life knows it. */
  readonly durable: DurableView;
  /** Begins a life on what the disk has; `opened` follows, at once or later. */
  open(life: StoreLife): void;
  /** After a block, where a ledger keeps accounts in this form; else null. */
  accounts(hash: Hash): Balances | null;
}

export interface StoreLife {
  readonly engine: AnyEngine;
  readonly clock: ClockPort;
  readonly random: Random;
  /** Virtual time for one block. */
  readonly executionUs: () => number;
  /** Calls back while this life lasts. */
  readonly after: (delayUs: number, action: () => void) => void;
  readonly opened: (ledger: OpenLedger) => void;
  /** The node stops. */
  readonly fatal: (error: unknown) => void;
}

/** A ledger at work, from a start of the node to its crash. */
export interface OpenLedger {
  /** The engine's. */
  readonly view: ChainView;
  /** What is on the disk: all that others are shown. */
  readonly durable: DurableView;
  readonly pool: PoolPort;
  /** What the consensus log had. */
  readonly recovered: { readonly incarnation: number; readonly records: readonly Uint8Array[]; readonly lsn: Lsn };
  /** To be called once. Answers come as events of the world, never from within a promise. */
  ledger(events: LedgerEvents): LedgerPort;
  /** To be called once. */
  log(onDurable: (lsn: Lsn) => void): LogPort;
}

export interface DurableView extends ServedChain {
  readonly finalized: HeaderNode;
  certificate(hash: Hash): Certificate | undefined;
}

/** Transactions that wait for a block. */
export interface PoolPort {
  readonly size: number;
  /** True when it is new and was taken. Throws RuleError for gossip that no pool could ever take. */
  add(transaction: Uint8Array, origin: 'local' | 'gossip'): boolean;
  /** Some that another pool can take, in an order in which it can. */
  some(limit: number): readonly Uint8Array[];
}

export interface HeadChange {
  readonly oldHead: HeaderNode;
  readonly newHead: HeaderNode;
  /** Tip first. */
  readonly removed: readonly HeaderNode[];
  /** Oldest first. */
  readonly added: readonly HeaderNode[];
}

export interface LedgerEvents {
  readonly onBuilt: (block: Block) => void;
  /** Only for a block that was not known. */
  readonly onInserted: (block: Block) => void;
  readonly onChecked: (hash: Hash, error: RuleError | null) => void;
  /** In the view, and not yet on the disk. */
  readonly onHead: (change: Pick<HeadChange, 'oldHead' | 'newHead' | 'removed'>) => void;
  readonly onDurable: (head: HeaderNode) => void;
  readonly onFinalized: (block: HeaderNode, certificate: Certificate) => void;
  readonly onFinalDurable: (block: HeaderNode) => void;
  /** A transaction of an abandoned block waits again, and others should know. */
  readonly onReturned: (transaction: Uint8Array) => void;
}

/** A node, as its clients see it. */
export interface ClientNode {
  readonly place: number;
  readonly life: {
    submit(transaction: Uint8Array): boolean;
    admin(command: AdminCommand, reply: AdminReply): void;
  } | null;
}

export interface Clients {
  start(): void;
  /** Gives a transaction to a node. True when the node took it. */
  submit(node: ClientNode, transaction: Uint8Array): boolean;
}
