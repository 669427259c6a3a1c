/**
 * Looks at LevelDB's files before it does, because it opens damaged ones as if nothing were wrong: one flipped bit in a
 * log made up to 110 acknowledged records vanish, and a missing CURRENT makes it delete the tables (measured).
 *
 * Checked at each opening: that the files which the manifest names are there with their sizes; that the logs are whole
 * and without gaps; the blocks of the newest tables up to `MAX_CHECKED_BYTES` (values in older ones still have their own
 * checksums); and after an orderly end, which leaves a list of sizes behind, that no file has become shorter.
 * A log that a crash cut off is in order. The caller holds the lock of the data directory.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { StorageError } from '../base/errors.ts';
import { removeDurably, writeDurably } from './durable-file.ts';
import { batchSequence, checkTable, type Fail, logRecords, readManifest, type Version } from './level-format.ts';

/** About half a second of reading and checking. */
const MAX_CHECKED_BYTES = 512 * 1024 * 1024;
const CURRENT = 'CURRENT';
/** Not a name that LevelDB knows, so it leaves the file alone. */
const CLOSED = 'CLOSED.json';
const LOG_NAME = /^(\d+)\.log$/;
const TABLE_NAME = /^(\d+)\.(?:ldb|sst)$/;

/**
 * Throws StorageError `storage/corrupt` that names the file and ends in `remedy`. A directory without a database is in
 * order when `create` is true.
 */
export function checkFiles(directory: string, create: boolean, remedy: string): void {
  const damaged = damagedIn(directory, remedy);
  const names = namesIn(directory);
  if (!names.includes(CURRENT)) {
    if (create && !names.some((name) => LOG_NAME.test(name) || TABLE_NAME.test(name))) return;
    damaged(CURRENT, 'it is missing, although the database was made before');
  }
  checkSizes(directory, names, damaged);
  const read = readerOf(directory, damaged);
  const { version } = readVersion(directory, names, read, damaged);
  checkLogs(names, version, read);
  checkTables(directory, names, version, read, damaged);
  // From here on LevelDB changes the files.
  if (names.includes(CLOSED)) removeDurably(join(directory, CLOSED));
}

/** What a copy of a database consists of. */
export interface LiveFiles {
  /** Never written to once they are there, so that a copy may share them. */
  readonly tables: readonly string[];
  /** The others, which have to be copied. */
  readonly changing: readonly string[];
}

/**
 * The files of a database to which nobody writes at the moment; none where there is no database. Left out is what LevelDB would remove
 * at its next opening: a table that is no part of the database yet might be written to again under the same name. Throws like `checkFiles`.
 */
export function liveFiles(directory: string, remedy: string): LiveFiles {
  const names = namesIn(directory);
  if (!names.includes(CURRENT)) return { tables: [], changing: [] };
  const damaged = damagedIn(directory, remedy);
  const { manifest, version } = readVersion(directory, names, readerOf(directory, damaged), damaged);
  const tables = names.filter((name) => version.tables.has(numberIn(TABLE_NAME, name)));
  if (tables.length !== version.tables.size)
    damaged(manifest, `it names ${version.tables.size} tables, of which ${tables.length} are there`);
  return { tables, changing: [CURRENT, manifest, ...logsOf(names, version).map(({ name }) => name)] };
}

/** After the database was closed in order: lets the next opening notice a file that lost its end. */
export function markClosed(directory: string): void {
  const names = readdirSync(directory).filter((name) => name !== CLOSED && !name.startsWith('LO'));
  const sizes = names.map((name) => [name, statSync(join(directory, name)).size]);
  writeDurably(join(directory, CLOSED), `${JSON.stringify(Object.fromEntries(sizes))}\n`);
}

type Damaged = (name: string, what: string, offset?: number) => never;
type Read = (name: string) => { file: Uint8Array; fail: Fail };

function namesIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

function damagedIn(directory: string, remedy: string): Damaged {
  return (name, what, offset) => {
    const at = offset === undefined ? '' : ` at byte ${offset}`;
    const message = `The file ${join(directory, name)} is damaged${at}: ${what}. ${remedy}`;
    throw new StorageError('storage/corrupt', message, { file: join(directory, name), offset: offset ?? null });
  };
}

function readerOf(directory: string, damaged: Damaged): Read {
  return (name) => ({ file: readFileSync(join(directory, name)), fail: (offset, what) => damaged(name, what, offset) });
}

function readVersion(
  directory: string,
  names: readonly string[],
  read: Read,
  damaged: Damaged,
): { readonly manifest: string; readonly version: Version } {
  const manifest = readFileSync(join(directory, CURRENT), 'latin1').trimEnd();
  if (!/^MANIFEST-\d+$/.test(manifest)) damaged(CURRENT, 'it does not name a manifest');
  if (!names.includes(manifest)) damaged(manifest, 'it is missing');
  const { file, fail } = read(manifest);
  return { manifest, version: readManifest(file, fail) };
}

function checkSizes(directory: string, names: readonly string[], damaged: Damaged): void {
  if (!names.includes(CLOSED)) return;
  for (const [name, size] of closedSizes(join(directory, CLOSED), damaged)) {
    if (!names.includes(name)) damaged(name, 'it is missing');
    const found = statSync(join(directory, name)).size;
    if (found !== size) damaged(name, `it has ${found} bytes and had ${size} when the node stopped`);
  }
}

function closedSizes(path: string, damaged: Damaged): [string, unknown][] {
  try {
    return Object.entries(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return damaged(CLOSED, 'it is not a list of sizes');
  }
}

/** The logs that LevelDB will replay: each whole, and their batches numbered without a gap. */
function checkLogs(names: readonly string[], version: Version, read: Read): void {
  let next: number | null = null;
  for (const { name } of logsOf(names, version)) {
    const { file, fail } = read(name);
    for (const record of logRecords(file, fail)) {
      const { first, count } = batchSequence(record);
      const gap = next === null ? first > version.lastSequence + 1 : first !== next;
      if (gap) fail(record.offset, `write ${first} follows write ${(next ?? version.lastSequence + 1) - 1}: others are lost`);
      next = first + count;
    }
  }
}

/** In the order in which they were written. */
function logsOf(names: readonly string[], version: Version): { readonly name: string; readonly number: number }[] {
  return names
    .map((name) => ({ name, number: numberIn(LOG_NAME, name) }))
    .filter(({ number }) => number >= version.logNumber || (number > 0 && number === version.previousLogNumber))
    .sort((a, b) => a.number - b.number);
}

function checkTables(directory: string, names: readonly string[], version: Version, read: Read, damaged: Damaged): void {
  const files = new Map(names.map((name) => [numberIn(TABLE_NAME, name), name]));
  let checkedBytes = 0;
  for (const [number, size] of [...version.tables].sort(([a], [b]) => b - a)) {
    const name = files.get(number);
    if (name === undefined) return damaged(`${String(number).padStart(6, '0')}.ldb`, 'it is missing');
    const found = statSync(join(directory, name)).size;
    if (found !== size) damaged(name, `it has ${found} bytes and should have ${size}`);
    checkedBytes += size;
    if (checkedBytes > MAX_CHECKED_BYTES) continue;
    const { file, fail } = read(name);
    checkTable(file, fail);
  }
}

/** The number in a file's name, or -1. */
function numberIn(pattern: RegExp, name: string): number {
  return Number(pattern.exec(name)?.[1] ?? -1);
}
