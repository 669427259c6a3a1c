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
import { Staging } from './staging.ts';
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

export function stageBlock(staging: Staging, hash: Hash, block: Block, facts: Facts, status: BlockStatus): void {
  const { header, seal, transactions, payload } = block;
  const id = { number: header.number, hash };
  staging.put(TABLES.number, hash, header.number);
  staging.put(TABLES.header, id, { header, seal, facts });
  staging.put(TABLES.body, id, { transactions, payload });
  staging.put(TABLES.status, id, status);
  const siblings = staging.get(TABLES.siblings, header.number) ?? [];
  if (siblings.length < MAX_SIBLINGS) staging.put(TABLES.siblings, header.number, [...siblings, hash]);
}

export function stageExecution(staging: Staging, id: BlockId, execution: Execution): void {
  staging.put(TABLES.receipts, id, execution.receipts);
  staging.put(TABLES.status, id, 'executed');
  for (const [hash, node] of execution.nodes) staging.put(TABLES.node, hash, node);
  for (const [hash, code] of execution.codes) staging.put(TABLES.code, hash, code);
}

/** The block is no longer canonical. Staged before what is added, so that a transaction of both ends up in its new place. */
export function stageRemoved(staging: Staging, node: HeaderNode, transactions: readonly Uint8Array[]): void {
  staging.delete(TABLES.canonical, node.header.number);
  for (const transaction of transactions) staging.delete(TABLES.transaction, transactionHash(transaction));
}

/** The block is canonical. `extends`: nothing was removed, so its rows are new, which saves a read for each of them. */
export function stageAdded(staging: Staging, node: HeaderNode, transactions: readonly Uint8Array[], how: 'extends' | 'replaces'): void {
  const { hash, header } = node;
  const method = how === 'extends' ? 'put' : 'replace';
  staging[method](TABLES.canonical, header.number, canonicalRecordOf(hash, header));
  transactions.forEach((transaction, index) => {
    staging[method](TABLES.transaction, transactionHash(transaction), { blockNumber: header.number, blockHash: hash, index });
  });
}

export async function writeGenesis(checked: CheckedDatabase, { block, facts, execution }: GenesisState): Promise<void> {
  const staging = new Staging(checked);
  const hash = hashHeader(block.header);
  const { number } = block.header;
  assert(number === 0, 'the genesis block has height 0');
  stageBlock(staging, hash, block, facts, 'stored');
  stageExecution(staging, { number, hash }, execution);
  staging.put(TABLES.canonical, number, canonicalRecordOf(hash, block.header));
  staging.put(TABLES.head, null, hash);
  staging.put(TABLES.finalized, null, hash);
  staging.put(TABLES.maxHeight, null, number);
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
