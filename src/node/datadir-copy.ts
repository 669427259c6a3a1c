/**
 * Copies of data directories: for snapshots of test networks and for backups. LevelDB never changes a table that is part of a database,
 * so a copy on the same file system shares it (a hard link) and costs neither time nor space; everything else, which is small, is copied.
 * Where there are no hard links, tables are copied as well.
 */
import { constants, copyFileSync, existsSync, linkSync, mkdirSync, readdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { StorageError, UsageError } from '../base/errors.ts';
import type { Hex } from '../base/types.ts';
import { CheckedDatabase } from '../storage/checked.ts';
import { datadirPaths } from '../storage/datadir.ts';
import { syncDirectory } from '../storage/durable-file.ts';
import { FORMAT_VERSION, readIdentity, writeIdentity } from '../storage/identity.ts';
import { TABLES } from '../storage/layout.ts';
import { openLevel, openLock } from '../storage/level.ts';
import { liveFiles } from '../storage/level-files.ts';
import { REMEDIES } from '../storage/remedies.ts';

/** Of the databases in a copy. */
export const DATABASE_FORMAT = FORMAT_VERSION;

export interface CopiedFile {
  /** Below the root of the copy, with slashes. */
  readonly path: string;
}

export interface MeasuredFile extends CopiedFile {
  readonly bytes: number;
  readonly crc32: number;
}

/** Below `synod`: the databases, which have rules of their own, and what holds only while a node runs or says whom it met. */
const LEFT_OUT = ['chaindata', 'consensus', 'chaindata.old', 'backup', 'lock', 'operator.json', 'peers.json'];
const UNFINISHED = /\.(?:tmp|new)$/;
const MAX_DEPTH = 8;
const READ_BYTES = 1024 * 1024;
/** What systems say where two names for one file cannot be. */
const NO_LINKS = ['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];

/**
 * The files of the data directory `root`/`path`, as paths below `root`. Nobody may write to them meanwhile. Throws UsageError
 * `datadir/empty` and StorageError `storage/corrupt`.
 */
export function datadirFiles(root: string, path: string): CopiedFile[] {
  const { identity, chain, consensus } = datadirPaths(path);
  if (!existsSync(join(root, identity))) {
    throw new UsageError('datadir/empty', `No node has ever been started in ${join(root, path)}, so it holds nothing to copy.`);
  }
  return [
    ...filesBelow(root, path),
    ...databaseFiles(root, chain, REMEDIES.chain),
    ...databaseFiles(root, consensus, REMEDIES.consensus),
  ].map((file) => ({ path: file }));
}

function databaseFiles(root: string, database: string, remedy: string): string[] {
  const { tables, changing } = liveFiles(join(root, database), remedy);
  return [...tables, ...changing].map((name) => `${database}/${name}`);
}

/** Symbolic links, sockets and the like are no part of it. */
function filesBelow(root: string, path: string, depth = 0): string[] {
  if (depth > MAX_DEPTH) throw new UsageError('datadir/depth', `${join(root, path)} lies deeper than a data directory goes.`);
  const isSynod = depth === 1 && path.endsWith('synod');
  return readdirSync(join(root, path), { withFileTypes: true }).flatMap((entry) => {
    if (UNFINISHED.test(entry.name) || (isSynod && LEFT_OUT.includes(entry.name))) return [];
    const below = path === '' ? entry.name : `${path}/${entry.name}`;
    if (entry.isDirectory()) return filesBelow(root, below, depth + 1);
    return entry.isFile() ? [below] : [];
  });
}

/** `to` must not have the files yet. At once, since nobody may write to them meanwhile; not synced. */
export function placeFiles(from: string, to: string, files: readonly CopiedFile[]): void {
  for (const folder of new Set(files.map(({ path }) => dirname(join(to, path))))) mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const { path } of files) {
    if (isTable(path)) share(join(from, path), join(to, path));
    else copy(join(from, path), join(to, path));
  }
}

/** Copies of files of one directory that share nothing with them. */
export function copyFiles(from: string, to: string, names: readonly string[]): void {
  for (const name of names) copy(join(from, name), join(to, name));
}

function isTable(path: string): boolean {
  return /\/\d+\.(?:ldb|sst)$/.test(path);
}

function share(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (error) {
    if (!NO_LINKS.includes(String((error as NodeJS.ErrnoException).code))) throw error;
    copy(from, to);
  }
}

function copy(from: string, to: string): void {
  copyFileSync(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
}

/** Brings files that were placed to the disk, with their directories, and says what they hold. */
export async function sealFiles(root: string, files: readonly CopiedFile[]): Promise<MeasuredFile[]> {
  const sealed: MeasuredFile[] = [];
  // One after the other: nodes go on meanwhile, and the disk is theirs.
  for (const { path } of files) sealed.push({ path, ...(await measure(join(root, path), true)) });
  for (const folder of foldersOf(files)) syncDirectory(join(root, folder));
  return sealed;
}

/** The first file that is not what was measured, with the reason; null for none. */
export async function findDamage(root: string, files: readonly MeasuredFile[]): Promise<{ path: string; reason: string } | null> {
  for (const { path, bytes, crc32: checksum } of files) {
    const found = await measure(join(root, path), false).catch((error: NodeJS.ErrnoException) => error);
    if (found instanceof Error) return { path, reason: `it cannot be read (${found.code ?? found.message})` };
    if (found.bytes !== bytes) return { path, reason: `it has ${found.bytes} bytes and had ${bytes}` };
    if (found.crc32 !== checksum) return { path, reason: 'its checksum does not match' };
  }
  return null;
}

async function measure(path: string, sync: boolean): Promise<{ readonly bytes: number; readonly crc32: number }> {
  const file = await open(path, 'r');
  try {
    if (sync) await file.sync();
    const chunk = Buffer.allocUnsafe(READ_BYTES);
    let [bytes, checksum] = [0, 0];
    for (;;) {
      const { bytesRead } = await file.read(chunk);
      if (bytesRead === 0) return { bytes, crc32: checksum };
      bytes += bytesRead;
      checksum = crc32(chunk.subarray(0, bytesRead), checksum);
    }
  } finally {
    await file.close();
  }
}

/** Every directory down to the files, the root (as '') with it. */
function foldersOf(files: readonly CopiedFile[]): Set<string> {
  const folders = new Set<string>(['']);
  for (const { path } of files) {
    for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) folders.add(folder);
  }
  return folders;
}

/** From now on a node of this data directory talks to nodes of the same fork only. Throws StorageError `storage/identity`. */
export function nameFork(datadir: string, fork: Hex): void {
  const { identity: path } = datadirPaths(datadir);
  const identity = readIdentity(path);
  if (identity === null) throw new StorageError('storage/identity', `${path} is missing.`, { path });
  writeIdentity(path, { ...identity, fork });
}

/** Runs `work` while no node can be started in these data directories. Throws StorageError `storage/locked` where one runs. */
export async function whileLocked<T>(datadirs: readonly string[], work: () => T | Promise<T>): Promise<T> {
  const locks: { close(): Promise<void> }[] = [];
  try {
    for (const datadir of datadirs) locks.push(await openLock(datadirPaths(datadir).lock));
    return await work();
  } finally {
    for (const lock of locks) await lock.close();
  }
}

/** Of a chain's database to which nobody else writes; null where it has no head. Throws StorageError. */
export async function heightIn(directory: string): Promise<number | null> {
  const database = await openLevel(directory, { create: false, remedy: REMEDIES.chain });
  try {
    const checked = new CheckedDatabase(database);
    const head = checked.get(TABLES.head, null);
    return head === undefined ? null : (checked.get(TABLES.number, head) ?? null);
  } finally {
    await database.close();
  }
}

/** Of a node that does not run. Null where it cannot be told: damage is for others to find. */
export async function heightOf(datadir: string): Promise<number | null> {
  try {
    return await heightIn(datadirPaths(datadir).chain);
  } catch (error) {
    if (error instanceof StorageError) return null;
    throw error;
  }
}
