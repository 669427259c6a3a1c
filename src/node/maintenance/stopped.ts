/** The databases of a node that does not run, for those who look after them: no genesis document, no engine, no check at start. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { CheckedDatabase } from '../../storage/checked.ts';
import { type DatadirPaths, datadirPaths } from '../../storage/datadir.ts';
import { type Identity, readIdentity } from '../../storage/identity.ts';
import { TABLES, type Table } from '../../storage/layout.ts';
import { openLevel, openLock } from '../../storage/level.ts';
import { MemoryDatabase } from '../../storage/memory.ts';
import { type DatabaseName, REMEDIES } from '../../storage/remedies.ts';

export interface StoppedNode {
  readonly paths: DatadirPaths;
  readonly identity: Identity;
  readonly databases: Readonly<Record<DatabaseName, CheckedDatabase>>;
  close(): Promise<void>;
}

export const DATABASES: readonly DatabaseName[] = ['chain', 'consensus'];
/** Every key; none begins with it. */
export const ALL_KEYS = { from: Uint8Array.of(0), to: Uint8Array.of(0xff) };
/** Whose database is read, by prefix. */
const BY_PREFIX = new Map(Object.values(TABLES).map((table) => [`${table.database}${table.prefix}`, table as Table<never, unknown>]));

/** Undefined for a row of no table that this version knows. */
export function tableOf(database: DatabaseName, key: Uint8Array): Table<never, unknown> | undefined {
  return BY_PREFIX.get(`${database}${String.fromCharCode(key[0] ?? 0)}`);
}

/** What to say of the directory of a test network, which holds a data directory for each node; null for any other. */
export function networkAdvice(root: string): string | null {
  if (!existsSync(join(root, 'testnet.json'))) return null;
  return `${root} is the directory of a test network; name that of one of its nodes, such as ${join(root, 'node-0')}.`;
}

/** Throws UsageError `datadir/empty`. */
export function existingDatadir(root: string): { readonly paths: DatadirPaths; readonly identity: Identity } {
  const paths = datadirPaths(root);
  const identity = existsSync(paths.identity) ? readIdentity(paths.identity) : null;
  if (identity !== null) return { paths, identity };
  const message = networkAdvice(root) ?? `No node has ever been started in ${root}. Name the datadir of one with --datadir.`;
  throw new UsageError('datadir/empty', message, { root });
}

/**
 * Locked until `close`. Throws UsageError `datadir/empty`, StorageError `storage/locked` while a node runs there, `storage/format` for
 * the directory of another version, `storage/corrupt` that names a damaged file, and others of storage/io-errors.ts.
 */
export async function openStopped(root: string): Promise<StoppedNode> {
  const { paths, identity } = existingDatadir(root);
  const opened: { close(): Promise<void> }[] = [await openLock(paths.lock)];
  const close = async () => {
    for (const each of opened.reverse()) await each.close();
  };
  try {
    const open = async (name: DatabaseName) => {
      // One that was never completed is as good as empty, and is left for a node to make.
      const isThere = identity.complete.includes(name);
      const database = isThere ? await openLevel(paths[name], { create: false, remedy: REMEDIES[name] }) : new MemoryDatabase();
      opened.push(database);
      return new CheckedDatabase(database);
    };
    return { paths, identity, databases: { consensus: await open('consensus'), chain: await open('chain') }, close };
  } catch (error) {
    await close();
    throw error;
  }
}
