/**
 * Makes a chain that is damaged one that a node can start with, and loses no more than it must: first the files (LevelDB's own repair, if
 * it cannot be opened), then the rows. The chain is cut back to the highest block such that it and all below it are whole, and all of its
 * state is there; peers send what was above again. A copy is made before anything is changed (reliability rule g).
 *
 * What a node has signed is never repaired: see `remedies.ts`.
 */
import { existsSync, readdirSync } from 'node:fs';
import { StorageError, UsageError } from '../../base/errors.ts';
import type { Hash } from '../../base/types.ts';
import { checkBlock, damageOf, forgetAbove, forgetBlock } from '../../storage/chain-check.ts';
import { CheckedDatabase, putOperation, readValue } from '../../storage/checked.ts';
import type { BatchOperation } from '../../storage/database.ts';
import { type BlockId, numberOfKey, TABLES } from '../../storage/layout.ts';
import { openLevel, repairLevel } from '../../storage/level.ts';
import { REMEDIES } from '../../storage/remedies.ts';
import { copyFiles, whileLocked } from '../datadir-copy.ts';
import { makeWhole } from '../whole-directory.ts';
import { walkState } from './state-walk.ts';
import { ALL_KEYS, existingDatadir, tableOf } from './stopped.ts';
import { stateSource } from './verify.ts';

export interface RepairPlan {
  /** What LevelDB could not open, in its words; null for nothing. */
  readonly files: string | null;
  /** Where the canonical chain ends, and where it will; null when the files have to be repaired before that can be told. */
  readonly head: number | null;
  readonly keeps: number | null;
  /** The first thing that is wrong above what is kept. */
  readonly reason: string | null;
  /** Rows that cannot be read; those of no use go. */
  readonly damagedRows: number;
}

export interface Repaired extends RepairPlan {
  readonly keeps: number;
  /** Where the copy is. */
  readonly copy: string;
}

const MAX_COPIES = 100;
/** About 1 GB of what need not be read again. */
const MAX_SEEN = 8_000_000;

/** Looks, and changes nothing. Throws what `openStopped` throws but for damage to the chain's files, and `repair/hopeless`. */
export async function planRepair(root: string): Promise<RepairPlan> {
  const { paths } = existingDatadir(root);
  return await whileLocked([root], async () => {
    try {
      return await withChain(paths.chain, planRows);
    } catch (error) {
      if (!isDamage(error)) throw error;
      return { files: error.message, head: null, keeps: null, reason: null, damagedRows: 0 };
    }
  });
}

/** Whether there is nothing to do. */
export function isSound({ files, reason, damagedRows }: RepairPlan): boolean {
  return files === null && reason === null && damagedRows === 0;
}

/** Throws what `planRepair` throws. */
export async function repairChain(root: string): Promise<Repaired> {
  const { paths } = existingDatadir(root);
  return await whileLocked([root], async () => {
    const copy = await copyAside(paths.chain);
    const files = await repairFiles(paths.chain);
    return await withChain(paths.chain, async (chain) => {
      const plan = await planRows(chain);
      await chain.database.write(await mend(chain, plan.keeps, plan.head));
      return { ...plan, files, copy };
    });
  });
}

async function repairFiles(directory: string): Promise<string | null> {
  try {
    await withChain(directory, async () => undefined);
    return null;
  } catch (error) {
    if (!isDamage(error)) throw error;
    await repairLevel(directory);
    return error.message;
  }
}

async function withChain<T>(directory: string, work: (chain: CheckedDatabase) => Promise<T>): Promise<T> {
  const database = await openLevel(directory, { create: false, remedy: REMEDIES.chain });
  try {
    return await work(new CheckedDatabase(database));
  } finally {
    await database.close();
  }
}

function isDamage(error: unknown): error is StorageError {
  return error instanceof StorageError && error.code === 'storage/corrupt';
}

interface RowsPlan extends RepairPlan {
  readonly head: number;
  readonly keeps: number;
}

async function planRows(chain: CheckedDatabase): Promise<RowsPlan> {
  const damagedRows = (await damagedKeys(chain)).length;
  const head = await highestCanonical(chain);
  const { sound, reason } = lastSound(chain, head);
  const lastKnown = damageOf(() => {
    if (chain.get(TABLES.head, null) !== head.hash)
      throw new StorageError('storage/missing', 'The head is not the end of the canonical chain.');
    const final = chain.get(TABLES.finalized, null);
    if (final === undefined || chain.get(TABLES.number, final) === undefined)
      throw new StorageError('storage/missing', 'The finalized block is not there.');
  });
  if (sound < 0) throw hopeless(reason);
  const branches = mendBranches(chain, topOf(chain, sound, head.number)).length === 0 ? undefined : 'A side branch has lost a part.';
  return { files: null, head: head.number, keeps: sound, reason: (reason ?? lastKnown)?.message ?? branches ?? null, damagedRows };
}

async function damagedKeys(chain: CheckedDatabase): Promise<Uint8Array[]> {
  const keys: Uint8Array[] = [];
  for await (const [key, stored] of chain.database.entries(ALL_KEYS)) {
    const table = tableOf('chain', key);
    if (table === undefined || damageOf(() => readValue(table, key, stored)) !== null) keys.push(key);
  }
  return keys;
}

/** The head's own row may be what is damaged. */
async function highestCanonical(chain: CheckedDatabase): Promise<BlockId> {
  const range = { from: TABLES.canonical.key(0), to: TABLES.canonical.key(Number.MAX_SAFE_INTEGER), reverse: true };
  for await (const [key, stored] of chain.database.entries(range)) {
    const number = numberOfKey(key);
    const hash = readable(() => readValue(TABLES.canonical, key, stored).hash);
    if (hash !== undefined) return { number, hash };
  }
  throw hopeless(null);
}

/** The blocks from below, since each stands on all that is under it; then down again, as far as the state is not whole. */
function lastSound(chain: CheckedDatabase, head: BlockId): { readonly sound: number; readonly reason: StorageError | null } {
  let reason: StorageError | null = null;
  let sound = -1;
  while (sound < head.number && reason === null) {
    reason = damageOf(() => checkBlock(chain, sound + 1, head));
    if (reason === null) sound++;
  }
  const lost = damageOf(() => checkWholeState(chain, sound));
  return lost === null ? { sound, reason } : { sound: lastWholeState(chain, sound), reason: reason ?? lost };
}

/**
 * Below a block whose state is not whole. A part that is lost was written at some block, and the states from then on have it: so in
 * growing steps down to one that is whole, and from there up again by halves. Each step reads a state.
 */
function lastWholeState(chain: CheckedDatabase, damaged: number): number {
  const isWhole = (number: number) => number < 0 || damageOf(() => checkWholeState(chain, number)) === null;
  let high = damaged;
  let low = damaged - 1;
  for (let step = 1; !isWhole(low); step *= 2) {
    high = low;
    low = Math.max(-1, low - step);
  }
  while (high - low > 1) {
    const middle = low + Math.floor((high - low) / 2);
    if (isWhole(middle)) low = middle;
    else high = middle;
  }
  return low;
}

function checkWholeState(chain: CheckedDatabase, number: number): void {
  const hash = chain.get(TABLES.canonical, number)?.hash;
  const header = hash === undefined ? undefined : chain.get(TABLES.header, { number, hash })?.header;
  if (header === undefined) throw new StorageError('storage/missing', `Block ${number} is missing.`);
  walkState(stateSource(chain), header.stateRoot, {
    seen: new Set(),
    onDamage: (error) => {
      throw error;
    },
  });
}

/** One batch: the chain up to `keeps`, with nothing above it, no row that cannot be read, and no branch that has lost a part. */
async function mend(chain: CheckedDatabase, keeps: number, head: number): Promise<BatchOperation[]> {
  const operations: BatchOperation[] = (await damagedKeys(chain)).map((key) => ({ type: 'delete', key }));
  operations.push(...mendBranches(chain, topOf(chain, keeps, head)));
  if (keeps < head) operations.push(...forgetAbove(chain, keeps, { number: head, hash: canonicalAt(chain, head) }));
  else
    operations.push(
      putOperation(TABLES.head, null, canonicalAt(chain, keeps)),
      putOperation(TABLES.maxHeight, null, topOf(chain, keeps, head)),
    );
  if (finalNumber(chain) > keeps) operations.push(putOperation(TABLES.finalized, null, canonicalAt(chain, highestCertified(chain, keeps))));
  return operations;
}

/** A block that is known but not there would end a node that is asked for it; so would one whose parent or state is gone. */
function mendBranches(chain: CheckedDatabase, top: number): BatchOperation[] {
  const operations: BatchOperation[] = [];
  const gone = new Set<Hash>();
  const seen = new Set<Hash>();
  for (let number = 0; number <= top; number++) {
    const canonical = readable(() => chain.get(TABLES.canonical, number)?.hash);
    const listed = readable(() => chain.get(TABLES.siblings, number)) ?? null;
    const isWhole = (hash: Hash) => isWholeBlock(chain, { number, hash }, gone) && hasWholeState(chain, { number, hash }, seen);
    const broken = (listed ?? []).filter((hash) => hash !== canonical && !isWhole(hash));
    for (const hash of broken) gone.add(hash);
    operations.push(...broken.flatMap((hash) => forgetBlock(chain, { number, hash })));
    const kept = listed?.filter((hash) => !gone.has(hash)) ?? (canonical === undefined ? [] : [canonical]);
    if (broken.length > 0 || (listed === null && kept.length > 0)) operations.push(putOperation(TABLES.siblings, number, kept));
  }
  return operations;
}

function isWholeBlock(chain: CheckedDatabase, id: BlockId, gone: ReadonlySet<Hash>): boolean {
  const parent = readable(() => chain.get(TABLES.header, id))?.header.parentHash;
  const status = readable(() => chain.get(TABLES.status, id));
  if (parent === undefined || gone.has(parent) || status === undefined) return false;
  if (readable(() => chain.get(TABLES.number, parent)) !== id.number - 1) return false;
  if (readable(() => chain.get(TABLES.number, id.hash)) !== id.number) return false;
  if (readable(() => chain.get(TABLES.body, id)) === undefined) return false;
  return status !== 'executed' || readable(() => chain.get(TABLES.receipts, id)) !== undefined;
}

/** `seen` has parts of whole states only. */
function hasWholeState(chain: CheckedDatabase, id: BlockId, seen: Set<Hash>): boolean {
  if (chain.get(TABLES.status, id) !== 'executed') return true;
  const root = chain.get(TABLES.header, id)?.header.stateRoot;
  const isWhole = root !== undefined && walkState(stateSource(chain), root, { seen, onDamage: () => false });
  if (!isWhole || seen.size > MAX_SEEN) seen.clear();
  return isWhole;
}

/** Up to where branches stay: those above the end of the chain go with what is cut off it. */
function topOf(chain: CheckedDatabase, keeps: number, head: number): number {
  return keeps < head ? keeps : Math.max(head, readMax(chain));
}

function readMax(chain: CheckedDatabase): number {
  return readable(() => chain.get(TABLES.maxHeight, null)) ?? 0;
}

/** Infinity when it cannot be told. */
function finalNumber(chain: CheckedDatabase): number {
  const final = readable(() => chain.get(TABLES.finalized, null));
  const number = final === undefined ? undefined : readable(() => chain.get(TABLES.number, final));
  return number ?? Number.POSITIVE_INFINITY;
}

/** A block that was final has its certificate; without one it is genesis that everybody agrees on. */
function highestCertified(chain: CheckedDatabase, from: number): number {
  for (let number = from; number > 0; number--) {
    const id = { number, hash: canonicalAt(chain, number) };
    if (readable(() => chain.get(TABLES.certificate, id)) !== undefined) return number;
  }
  return 0;
}

function canonicalAt(chain: CheckedDatabase, number: number): Hash {
  const hash = chain.get(TABLES.canonical, number)?.hash;
  if (hash === undefined) throw hopeless(null);
  return hash;
}

function readable<Value>(read: () => Value | undefined): Value | undefined {
  let value: Value | undefined;
  damageOf(() => {
    value = read();
  });
  return value;
}

/** Beside the database, on the same file system, with all of its files. */
async function copyAside(directory: string): Promise<string> {
  for (let attempt = 1; attempt <= MAX_COPIES; attempt++) {
    const copy = `${directory}.damaged-${attempt}`;
    if (existsSync(copy)) continue;
    await makeWhole(copy, 'copy the database before its repair', (unfinished) => {
      const names = readdirSync(directory, { withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [entry.name] : []));
      copyFiles(directory, unfinished, names);
    });
    return copy;
  }
  throw new UsageError(
    'repair/copies',
    `There are ${MAX_COPIES} copies of ${directory} from earlier repairs; remove those that you do not need.`,
  );
}

function hopeless(cause: StorageError | null): UsageError {
  const message =
    'No block of the chain is whole from genesis on, so there is nothing to keep. Start the node once with --resync to fetch it again';
  return new UsageError('repair/hopeless', cause === null ? `${message}.` : message, {}, cause ?? undefined);
}
