/** The rows that blocks, their execution and a new head put into the chain database; see `layout.ts`. */
import { assert } from '../base/assert.ts';
import { StorageError } from '../base/errors.ts';
import type { Hash } from '../base/types.ts';
import type { Block } from '../chain/block.ts';
import { hashHeader } from '../chain/header.ts';
import type { BlockStatus, Facts, HeaderNode } from '../chain/tree.ts';
import type { Execution } from '../execution/types.ts';
import { type CheckedDatabase, missing } from './checked.ts';
import type { Database } from './database.ts';
import { type BlockId, TABLES } from './layout.ts';
import { canonicalRecordOf } from './records.ts';
import { type RowWriter, Staging } from './staging.ts';
import { transactionHash } from './transaction-hash.ts';

/** The first block of a network with what its allocation produces. */
export interface GenesisState {
  readonly block: Block;
  readonly facts: Facts;
  readonly execution: Execution;
}

/** Blocks of one height beyond these are kept but not listed: a height with so many is an attack. */
export const MAX_SIBLINGS = 1_024;

export function idOf(node: HeaderNode): BlockId {
  return { number: node.header.number, hash: node.hash };
}

/** `siblings`: what is stored of the block's height so far. */
export function stageBlock(
  writer: RowWriter,
  hash: Hash,
  block: Block,
  facts: Facts,
  status: BlockStatus,
  siblings: readonly Hash[],
): void {
  const { header, seal, transactions, payload } = block;
  const id = { number: header.number, hash };
  writer.put(TABLES.number, hash, header.number);
  writer.put(TABLES.header, id, { header, seal, facts });
  writer.put(TABLES.body, id, { transactions, payload });
  writer.put(TABLES.status, id, status);
  if (siblings.length < MAX_SIBLINGS) writer.put(TABLES.siblings, header.number, [...siblings, hash]);
}

export function stageExecution(writer: RowWriter, id: BlockId, execution: Execution): void {
  writer.put(TABLES.receipts, id, execution.receipts);
  writer.put(TABLES.status, id, 'executed');
  for (const [hash, node] of execution.nodes) writer.put(TABLES.node, hash, node);
  for (const [hash, code] of execution.codes) writer.put(TABLES.code, hash, code);
}

/** A new head, and the branch that leads to it from where it leaves the old one. */
export interface Move {
  readonly oldHead: HeaderNode;
  readonly newHead: HeaderNode;
  /** The highest block of both. */
  readonly fork: HeaderNode;
  /** From above the fork to the new head, oldest first. */
  readonly added: readonly HeaderNode[];
}

/** All that the working view shows of a new head: one row for each height that changes. */
export function stageHead(writer: RowWriter, { oldHead, newHead, added }: Move): void {
  const oldHeight = oldHead.header.number;
  for (const { hash, header } of added) {
    const method = header.number > oldHeight ? 'put' : 'replace';
    writer[method](TABLES.canonical, header.number, canonicalRecordOf(hash, header));
  }
  for (let number = newHead.header.number + 1; number <= oldHeight; number++) writer.delete(TABLES.canonical, number);
  writer.put(TABLES.head, null, newHead.hash);
}

/**
 * The places of an added block's transactions, one for each step. Those of removed blocks stay, since nobody is shown a
 * place in a block that is not canonical; so where nothing is removed, no place from before is of use, which saves a read.
 */
export function* stagePlaces(
  writer: RowWriter,
  { oldHead, fork }: Move,
  { hash, header }: HeaderNode,
  transactions: readonly Uint8Array[],
): Generator<void> {
  const method = oldHead.hash === fork.hash ? 'put' : 'replace';
  for (const [index, transaction] of transactions.entries()) {
    writer[method](TABLES.transaction, transactionHash(transaction), { blockNumber: header.number, blockHash: hash, index });
    yield;
  }
}

export async function writeGenesis(checked: CheckedDatabase, { block, facts, execution }: GenesisState): Promise<void> {
  const staging = new Staging(checked);
  const hash = hashHeader(block.header);
  const { number } = block.header;
  assert(number === 0, 'the genesis block has height 0');
  staging.stage((writer) => {
    stageBlock(writer, hash, block, facts, 'stored', []);
    stageExecution(writer, { number, hash }, execution);
    writer.put(TABLES.canonical, number, canonicalRecordOf(hash, block.header));
    writer.put(TABLES.head, null, hash);
    writer.put(TABLES.finalized, null, hash);
    writer.put(TABLES.maxHeight, null, number);
  });
  await staging.submit(() => undefined);
}

/** A store without a head has nothing else in it either, unless something was lost. */
export async function assertEmpty(database: Database, mayCreate: boolean): Promise<void> {
  const all = { from: Uint8Array.of(0), to: Uint8Array.of(0xff), limit: 1 };
  let empty = true;
  for await (const _ of database.entries(all)) empty = false;
  if (empty && mayCreate) return;
  throw missing(TABLES.head, 'the chain');
}

/** Throws StorageError `storage/wrong-genesis`. */
export function assertGenesis(checked: CheckedDatabase, expected: Hash): void {
  const stored = checked.get(TABLES.canonical, 0)?.hash;
  if (stored === undefined) throw missing(TABLES.canonical, 'height 0');
  if (stored === expected) return;
  throw new StorageError(
    'storage/wrong-genesis',
    `The stored chain begins with block ${stored}, but this network's genesis block is ${expected}. Use another --datadir.`,
    { stored, expected },
  );
}
