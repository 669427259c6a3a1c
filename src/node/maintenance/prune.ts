/**
 * Gives up what a node need not keep: blocks of branches that lost, and, where the operator wants it, states of old blocks. Blocks, receipts
 * and transactions of the canonical chain stay. A node that has given up a state says so when it is asked for it (`state/missing`).
 *
 * What is kept of states is marked by walking them, and the rest is swept. The roots go first: a state without its root is one that is not
 * kept, whatever else of it an interruption leaves.
 */
import { UsageError } from '../../base/errors.ts';
import type { Hash } from '../../base/types.ts';
import { EMPTY_TRIE_ROOT } from '../../chain/header.ts';
import { forgetBlock } from '../../storage/chain-check.ts';
import { type CheckedDatabase, deleteOperation, missing, putOperation } from '../../storage/checked.ts';
import type { BatchOperation } from '../../storage/database.ts';
import { type BlockId, TABLES, type Table } from '../../storage/layout.ts';
import { compactLevel } from '../../storage/level.ts';
import { walkState } from './state-walk.ts';
import { openStopped } from './stopped.ts';
import { stateSource } from './verify.ts';

export interface PruneOptions {
  /** Side branches are kept as far as so many blocks below the head, but none that stands on a state that is not kept. */
  readonly branchBlocks: number;
  /** States are kept as far down; null keeps all. Those above the finalized block are kept in any case, where there is one. */
  readonly stateBlocks: number | null;
  readonly onProgress: (phase: 'branches' | 'marking' | 'sweeping', done: number) => void;
}

export interface Pruned {
  /** Blocks that are not canonical. */
  readonly blocks: number;
  /** States of canonical blocks, and the nodes and code that no kept state has. */
  readonly states: number;
  readonly stateParts: number;
}

const BATCH_OPERATIONS = 10_000;
/** About 1 GB of marks. */
const MAX_MARKED = 8_000_000;

/** Throws what `openStopped` throws, StorageError for damage that it meets, and UsageError `datadir/too-large`. */
export async function pruneDatabases(root: string, options: PruneOptions): Promise<Pruned> {
  const node = await openStopped(root);
  let pruned: Pruned;
  try {
    const { chain } = node.databases;
    const head = headOf(chain);
    const lowest = options.stateBlocks === null ? null : lowestState(chain, head, options.stateBlocks);
    const blocks = await pruneBranches(chain, { head, lowest }, options);
    const states = lowest === null ? { states: 0, stateParts: 0 } : await pruneStates(chain, { head, lowest }, options);
    pruned = { blocks, ...states };
  } finally {
    await node.close();
  }
  // LevelDB keeps the space of what was deleted until it merges the tables.
  if (pruned.blocks + pruned.stateParts > 0) await compactLevel(node.paths.chain);
  return pruned;
}

function headOf(chain: CheckedDatabase): number {
  return numberOf(chain, need(chain, TABLES.head, null));
}

/** Of the canonical blocks whose state is kept. */
function lowestState(chain: CheckedDatabase, head: number, stateBlocks: number): number {
  const final = numberOf(chain, need(chain, TABLES.finalized, null));
  // Where nothing is ever final, as under proof-of-work, the genesis block is called so.
  return Math.max(0, Math.min(head - stateBlocks + 1, final === 0 ? head : final));
}

interface Heights {
  readonly head: number;
  /** Of the canonical blocks whose state is kept; null where all are. */
  readonly lowest: number | null;
}

/** Whole branches: a block without its parent, or one that is to stand on a state that is not kept, would end a node that goes on with it. */
async function pruneBranches(chain: CheckedDatabase, { head, lowest }: Heights, options: PruneOptions): Promise<number> {
  const gone = new Set<Hash>();
  let operations: BatchOperation[] = [];
  const from = Math.max(head - options.branchBlocks, lowest ?? 0);
  const isLost = (id: BlockId) => {
    const { parentHash, stateRoot } = need(chain, TABLES.header, id).header;
    if (id.number < from || gone.has(parentHash)) return true;
    const status = need(chain, TABLES.status, id);
    return status === 'executed' ? !hasRoot(chain, stateRoot) : status === 'stored' && id.number === lowest;
  };
  for await (const [number, siblings] of chain.rows(TABLES.siblings, 0, need(chain, TABLES.maxHeight, null) + 1)) {
    const canonical = chain.get(TABLES.canonical, number)?.hash;
    const lost = siblings.filter((hash) => hash !== canonical && isLost({ number, hash }));
    options.onProgress('branches', number);
    if (lost.length === 0) continue;
    for (const hash of lost) gone.add(hash);
    const kept = siblings.filter((hash) => !gone.has(hash));
    operations.push(...lost.flatMap((hash) => forgetBlock(chain, { number, hash })), putOperation(TABLES.siblings, number, kept));
    operations = await writeWhenMany(chain, operations);
  }
  await chain.database.write(operations);
  return gone.size;
}

async function pruneStates(
  chain: CheckedDatabase,
  { head, lowest }: { readonly head: number; readonly lowest: number },
  { onProgress }: PruneOptions,
): Promise<{ states: number; stateParts: number }> {
  const kept = mark(chain, rootsToKeep(chain, lowest, head), (count) => onProgress('marking', count));
  const roots = await rootsBelow(chain, lowest, kept);
  await chain.database.write(roots.map((hash) => deleteOperation(TABLES.node, hash)));
  let stateParts = roots.length;
  for (const table of [TABLES.node, TABLES.code]) stateParts += await sweep(chain, table, kept, (count) => onProgress('sweeping', count));
  return { states: roots.length, stateParts };
}

/** Of canonical blocks, and of others that were executed: a block that comes later may stand on one. */
function* rootsToKeep(chain: CheckedDatabase, from: number, head: number): Generator<Hash> {
  for (let number = need(chain, TABLES.maxHeight, null); number >= from; number--) {
    if (number <= head) yield stateRootOf(chain, number);
    for (const hash of chain.get(TABLES.siblings, number) ?? []) {
      const id = { number, hash };
      if (need(chain, TABLES.status, id) === 'executed') yield need(chain, TABLES.header, id).header.stateRoot;
    }
  }
}

function mark(chain: CheckedDatabase, roots: Iterable<Hash>, onProgress: (count: number) => void): ReadonlySet<Hash> {
  const kept = new Set<Hash>();
  for (const root of roots) {
    walkState(stateSource(chain), root, {
      seen: kept,
      onNode: () => {
        if (kept.size > MAX_MARKED) throw tooLarge();
        onProgress(kept.size);
      },
      onDamage: (error) => {
        throw error;
      },
    });
  }
  return kept;
}

/** Each once, though many blocks may have it. */
async function rootsBelow(chain: CheckedDatabase, below: number, kept: ReadonlySet<Hash>): Promise<Hash[]> {
  const roots = new Set<Hash>();
  for (let number = 0; number < below; number++) {
    const root = stateRootOf(chain, number);
    if (!kept.has(root) && !roots.has(root) && chain.get(TABLES.node, root) !== undefined) roots.add(root);
  }
  return [...roots];
}

async function sweep(
  chain: CheckedDatabase,
  table: Table<Hash, Uint8Array>,
  kept: ReadonlySet<Hash>,
  onProgress: (count: number) => void,
): Promise<number> {
  let [swept, seen] = [0, 0];
  let operations: BatchOperation[] = [];
  const prefix = table.prefix.charCodeAt(0);
  for await (const [key] of chain.database.entries({ from: Uint8Array.of(prefix), to: Uint8Array.of(prefix + 1) })) {
    onProgress(++seen);
    if (kept.has(`0x${Buffer.from(key.subarray(1)).toString('hex')}` as Hash)) continue;
    swept += 1;
    operations.push({ type: 'delete', key });
    operations = await writeWhenMany(chain, operations);
  }
  await chain.database.write(operations);
  return swept;
}

async function writeWhenMany(chain: CheckedDatabase, operations: BatchOperation[]): Promise<BatchOperation[]> {
  if (operations.length < BATCH_OPERATIONS) return operations;
  await chain.database.write(operations);
  return [];
}

function hasRoot(chain: CheckedDatabase, root: Hash): boolean {
  return root === EMPTY_TRIE_ROOT || chain.get(TABLES.node, root) !== undefined;
}

function stateRootOf(chain: CheckedDatabase, number: number): Hash {
  const { hash } = need(chain, TABLES.canonical, number);
  return need(chain, TABLES.header, { number, hash }).header.stateRoot;
}

function numberOf(chain: CheckedDatabase, hash: Hash): number {
  return need(chain, TABLES.number, hash);
}

function need<Key, Value>(chain: CheckedDatabase, table: Table<Key, Value>, key: Key): Value {
  const value = chain.get(table, key);
  if (value === undefined) throw missing(table, 'the chain');
  return value;
}

function tooLarge(): UsageError {
  const message = `The states to keep have more than ${MAX_MARKED} nodes, which do not fit into memory here. Keep fewer blocks with --states, or start with --resync.`;
  return new UsageError('datadir/too-large', message);
}
