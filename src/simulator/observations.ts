/**
 * What can be seen of a run from outside: the only thing that checkers, coverage marks and the workload know. Nodes are
 * named by their places (indices); blocks by their nodes in the header tree.
 */
import type { RuleError } from '../base/errors.ts';
import type { Hash, Json, Lsn } from '../base/types.ts';
import type { Block } from '../chain/block.ts';
import type { ChainView, HeaderNode } from '../chain/tree.ts';
import type { Certificate, Effect, Event } from '../consensus/engine.ts';
import type { Torn } from './disk.ts';
import type { Fault } from './faults.ts';
import type { Recovery } from './recovery.ts';
import type { ReadKind } from './workload.ts';

export type Observation =
  /** A life began; the chain is what the disk had. */
  | { readonly type: 'started'; readonly node: number; readonly incarnation: number; readonly chain: ChainView; readonly lsn: Lsn }
  /** A life ended: by the schedule, or (`error`) because the driver gave up. What that made of writes under way. */
  | { readonly type: 'stopped'; readonly node: number; readonly error: unknown; readonly torn?: Torn }
  /** The ledger built a block; it has no proof yet. */
  | { readonly type: 'built'; readonly node: number; readonly block: Block }
  | { readonly type: 'inserted'; readonly node: number; readonly block: Block; readonly hash: Hash }
  | { readonly type: 'checked'; readonly node: number; readonly hash: Hash; readonly error: RuleError | null }
  /** The engine chose a head: in the working view, not yet on disk. */
  | {
      readonly type: 'head';
      readonly node: number;
      readonly head: HeaderNode;
      readonly old: HeaderNode;
      readonly removed: readonly HeaderNode[];
    }
  /** The head is on disk, and clients and peers may know. */
  | { readonly type: 'durable'; readonly node: number; readonly head: HeaderNode }
  | { readonly type: 'finalized'; readonly node: number; readonly block: HeaderNode; readonly certificate: Certificate }
  | { readonly type: 'finalDurable'; readonly node: number; readonly block: HeaderNode }
  /** Records of the consensus log were acknowledged. */
  | { readonly type: 'persisted'; readonly node: number; readonly lsn: Lsn }
  /** What came by the network broke a rule, or came too early. */
  | { readonly type: 'refused'; readonly node: number; readonly from: number; readonly error: RuleError }
  | { readonly type: 'offence'; readonly node: number; readonly against: number; readonly error: RuleError }
  /** The engine took a step: what it was told and what it answered, none of which is carried out yet. */
  | {
      readonly type: 'step';
      readonly node: number;
      readonly event: Event<unknown>;
      readonly effects: readonly Effect<unknown>[];
    }
  /** The driver lets a message of the engine leave, or a block. */
  | { readonly type: 'sending'; readonly node: number; readonly message: unknown }
  | { readonly type: 'announced'; readonly node: number; readonly block: Block }
  | { readonly type: 'engine'; readonly node: number; readonly name: string; readonly data: { readonly [key: string]: Json } }
  | { readonly type: 'fault'; readonly fault: Fault; readonly active: boolean }
  /** A client gave a transfer to a node. */
  | { readonly type: 'submitted'; readonly node: number; readonly transaction: Uint8Array }
  /** A client was shown an account, as of a block: balance and nonce. It had asked at `callMs`. */
  | {
      readonly type: 'read';
      readonly node: number;
      readonly kind: ReadKind;
      readonly block: HeaderNode;
      readonly account: number;
      readonly callMs: number;
      readonly seen: readonly [balance: number, nonce: number];
    }
  /** From now on the survivors have no faults, and may owe progress. */
  | { readonly type: 'calm'; readonly recovery: Recovery };

export type OfNode = Extract<Observation, { readonly node: number }>;

/** All but those of the whole world. By type, which is several times as quick as to look for the field in so many shapes. */
export function isOfNode(observation: Observation): observation is OfNode {
  return observation.type !== 'fault' && observation.type !== 'calm';
}

export type Observe = (observation: Observation) => void;
