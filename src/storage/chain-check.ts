/**
 * The check of the stored chain at start (reliability rule f), and the rewind that follows when its top is not sound.
 *
 * The last 128 canonical blocks must be there in full: header under its own hash, parent links, body, receipts, status,
 * place in the index of every transaction; and the head's state root must be there. If some are not, the head goes back
 * to the last block that is sound and has its state, and everything above is forgotten, so that peers send it again.
 * What is finalized is never given up: then, and when nothing sound is left in the window, the store is refused.
 */
import { StorageError } from '../base/errors.ts';
import type { Hash } from '../base/types.ts';
import { EMPTY_TRIE_ROOT, hashHeader } from '../chain/header.ts';
import { type CheckedDatabase, deleteOperation, missing, putOperation } from './checked.ts';
import type { BatchOperation } from './database.ts';
import { type BlockId, TABLES, type Table } from './layout.ts';
import { REMEDIES } from './remedies.ts';
import { transactionHash } from './transaction-hash.ts';

export const CHECKED_BLOCKS = 128;

/** The head was moved back at start. */
export interface Recovery {
  readonly from: number;
  readonly to: number;
  readonly reason: StorageError;
}

/** Null when all is well. Throws StorageError `storage/unsound` when no sound block is left that may be the head. */
export async function checkChain(checked: CheckedDatabase): Promise<Recovery | null> {
  const head = blockIdOf(checked, need(checked, TABLES.head, null, 'the chain'));
  const finalized = blockIdOf(checked, need(checked, TABLES.finalized, null, 'the chain'));
  const lowest = Math.max(0, head.number - CHECKED_BLOCKS + 1);
  const { sound, reason } = lastSound(checked, head, lowest);
  if (reason === null) return null;
  if (sound < lowest || sound < finalized.number || !isCanonical(checked, finalized)) {
    const kept = sound < lowest ? `none of the last ${CHECKED_BLOCKS} blocks is sound` : `block ${finalized.number} is final`;
    throw new StorageError(
      'storage/unsound',
      `The stored chain is damaged below what a rewind can mend: ${kept}. ${REMEDIES.chain}`,
      {},
      reason,
    );
  }
  await checked.database.write(forgetAbove(checked, sound, head));
  return { from: head.number, to: sound, reason };
}

/** The highest block such that it and all below it in the window are sound and its state is there. */
function lastSound(checked: CheckedDatabase, head: BlockId, lowest: number): { sound: number; reason: StorageError | null } {
  let reason: StorageError | null = null;
  let sound = lowest - 1;
  while (sound < head.number && reason === null) {
    reason = damageOf(() => checkBlock(checked, sound + 1, head));
    if (reason === null) sound++;
  }
  for (; sound >= lowest; sound--) {
    const lost = damageOf(() => checkState(checked, sound));
    if (lost === null) break;
    reason ??= lost;
  }
  return { sound, reason };
}

/** What is wrong by this check; null when nothing is. Other errors go through. */
export function damageOf(check: () => void): StorageError | null {
  try {
    check();
    return null;
  } catch (error) {
    if (error instanceof StorageError) return error;
    throw error;
  }
}

/** All that the store has of a canonical block agrees with itself. Throws StorageError `storage/missing`, `storage/inconsistent` and `storage/corrupt`. */
export function checkBlock(checked: CheckedDatabase, number: number, head: BlockId): void {
  const name = `block ${number}`;
  const { hash } = need(checked, TABLES.canonical, number, name);
  if (number === head.number) agree(hash === head.hash, `the canonical chain ends in ${hash}, not in the head ${head.hash}`);
  const id = { number, hash };
  const { header } = need(checked, TABLES.header, id, name);
  agree(hashHeader(header) === hash && header.number === number, `the header stored as ${hash} of ${name} is another one`);
  if (number > 0) {
    const parent = need(checked, TABLES.canonical, number - 1, `block ${number - 1}`);
    agree(header.parentHash === parent.hash, `${name} has the parent ${header.parentHash}, but the chain has ${parent.hash}`);
  }
  agree(need(checked, TABLES.number, hash, name) === number, `${hash} is indexed at another height than ${number}`);
  agree(need(checked, TABLES.status, id, name) === 'executed', `${name} is canonical, but was not executed`);
  const { transactions } = need(checked, TABLES.body, id, name);
  const receipts = need(checked, TABLES.receipts, id, name);
  agree(receipts.length === transactions.length, `${name} has ${transactions.length} transactions and ${receipts.length} receipts`);
  transactions.forEach((transaction, index) => {
    const place = need(checked, TABLES.transaction, transactionHash(transaction), `transaction ${index} of ${name}`);
    agree(place.blockHash === hash && place.index === index, `transaction ${index} of ${name} is indexed elsewhere`);
  });
}

function checkState(checked: CheckedDatabase, number: number): void {
  const name = `block ${number}`;
  const { hash } = need(checked, TABLES.canonical, number, name);
  const { stateRoot } = need(checked, TABLES.header, { number, hash }, name).header;
  if (stateRoot !== EMPTY_TRIE_ROOT) need(checked, TABLES.node, stateRoot, `the state root of ${name}`);
}

function isCanonical(checked: CheckedDatabase, { number, hash }: BlockId): boolean {
  return checked.get(TABLES.canonical, number)?.hash === hash;
}

/** One batch: everything above `sound` goes, whatever branch it is on, so that no block is left without its parent. */
export function forgetAbove(checked: CheckedDatabase, sound: number, head: BlockId): BatchOperation[] {
  const operations: BatchOperation[] = [];
  const top = Math.max(head.number, readable(() => checked.get(TABLES.maxHeight, null)) ?? 0);
  for (let number = sound + 1; number <= top; number++) {
    const canonical = readable(() => checked.get(TABLES.canonical, number)?.hash);
    const siblings = readable(() => checked.get(TABLES.siblings, number)) ?? [];
    for (const hash of new Set([...siblings, ...(canonical === undefined ? [] : [canonical])])) {
      operations.push(...forgetBlock(checked, { number, hash }));
    }
    operations.push(deleteOperation(TABLES.siblings, number), deleteOperation(TABLES.canonical, number));
  }
  operations.push(putOperation(TABLES.head, null, need(checked, TABLES.canonical, sound, `block ${sound}`).hash));
  operations.push(putOperation(TABLES.maxHeight, null, sound));
  return operations;
}

/** What the store has of a block, of which nothing that is needed hangs. */
export function forgetBlock(checked: CheckedDatabase, id: BlockId): BatchOperation[] {
  // The places of a body that cannot be read stay behind; readers skip a place whose block is not canonical.
  const body = readable(() => checked.get(TABLES.body, id));
  const hashes = (body?.transactions ?? []).map(transactionHash);
  const placed = hashes.filter((hash) => readable(() => checked.get(TABLES.transaction, hash))?.blockHash === id.hash);
  return [
    ...[TABLES.header, TABLES.body, TABLES.receipts, TABLES.status, TABLES.certificate].map((table) => deleteOperation(table, id)),
    deleteOperation(TABLES.number, id.hash),
    ...placed.map((hash) => deleteOperation(TABLES.transaction, hash)),
  ];
}

function readable<Value>(read: () => Value | undefined): Value | undefined {
  let value: Value | undefined;
  damageOf(() => {
    value = read();
  });
  return value;
}

function blockIdOf(checked: CheckedDatabase, hash: Hash): BlockId {
  return { number: need(checked, TABLES.number, hash, `block ${hash}`), hash };
}

function need<Key, Value>(checked: CheckedDatabase, table: Table<Key, Value>, key: Key, name: string): Value {
  const value = checked.get(table, key);
  if (value === undefined) throw missing(table, name);
  return value;
}

function agree(condition: boolean, otherwise: string): void {
  if (!condition) throw new StorageError('storage/inconsistent', `The stored chain contradicts itself: ${otherwise}. ${REMEDIES.chain}`);
}
