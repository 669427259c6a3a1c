/**
 * Backups of a node's chain: a directory with the database and what network it is of. What the node has signed is left out on purpose: an
 * older copy of that would let it sign the opposite. So a backup never harms, and gives a node back what would take long to fetch.
 */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { z } from 'zod';
import { StorageError, UsageError } from '../../base/errors.ts';
import { Hash } from '../../base/types.ts';
import { datadirPaths } from '../../storage/datadir.ts';
import { syncDirectory } from '../../storage/durable-file.ts';
import { checkNetwork, FORMAT_VERSION, networkHashOf, writeIdentity } from '../../storage/identity.ts';
import { openLock } from '../../storage/level.ts';
import { liveFiles } from '../../storage/level-files.ts';
import { REMEDIES } from '../../storage/remedies.ts';
import { type CopiedFile, findDamage, heightIn, heightOf, placeFiles, sealFiles, whileLocked } from '../datadir-copy.ts';
import { genesisFile } from '../genesis-file.ts';
import { makeWhole } from '../whole-directory.ts';
import { existingDatadir, networkAdvice } from './stopped.ts';

const DOCUMENT = 'backup.json';
const GENESIS = 'genesis.json';
const MAX_DOCUMENT_BYTES = 16 * 1024 * 1024;
const Count = z.int().min(0);
const HashText = z.string().regex(/^0x[0-9a-f]{64}$/);
const FileName = z.string().regex(/^(?:genesis\.json|chaindata\/[\w-]+(?:\.\w+)?)$/);

const Backup = z.object({
  version: z.literal(1),
  /** Of the database. */
  format: z.literal(FORMAT_VERSION),
  genesisHash: HashText,
  network: HashText,
  chainId: Count,
  engine: z.string(),
  height: Count.nullable(),
  createdMs: Count,
  files: z.array(z.object({ path: FileName, bytes: Count, crc32: Count })),
});

export type BackupDocument = z.infer<typeof Backup>;

export interface Restored extends BackupDocument {
  /** Where the chain is that was in the place of the backup's; null where there was none. */
  readonly setAside: string | null;
}

/** Runs `copy`, in one go, while nobody writes to the node's files. */
export type Quietly = (copy: () => void) => Promise<unknown>;

/**
 * Of a node that does not run. `target` must not exist or be empty. Throws UsageError `datadir/empty`, `backup/inside` and `backup/exists`, StorageError
 * `storage/locked` while the node runs, and others of storage/io-errors.ts; then there is no backup.
 */
export async function backupChain(root: string, target: string, nowMs: number): Promise<BackupDocument> {
  checkTarget(root, target);
  return await whileLocked([root], async () => {
    const height = await heightOf(root);
    return await makeBackup(root, target, nowMs, async (unfinished) => {
      const from = join(root, 'synod');
      placeFiles(from, unfinished, chainFiles(from));
      return height;
    });
  });
}

/**
 * The same of a node that runs and stands still for a moment (`quietly`): as long as links to its tables take, and copies of what else its
 * database has, some MB. The copy is what a crash at this instant would leave; it is opened once, which brings it in order. Throws what
 * `backupChain` and `quietly` throw, and UsageError `backup/busy` while another is being made.
 */
export async function backupRunning(root: string, target: string, nowMs: number, quietly: Quietly): Promise<BackupDocument> {
  checkTarget(root, target);
  const from = join(root, 'synod');
  return await makeBackup(root, target, nowMs, async (unfinished) => {
    await whileStaging(root, async (staged) => {
      await quietly(() => placeFiles(from, staged, chainFiles(from)));
      placeFiles(staged, unfinished, chainFiles(staged));
    });
    const height = await heightIn(join(unfinished, 'chaindata'));
    const live = new Set(chainFiles(unfinished).map(({ path }) => path));
    for (const name of readdirSync(join(unfinished, 'chaindata'))) {
      if (!live.has(`chaindata/${name}`)) rmSync(join(unfinished, 'chaindata', name), { recursive: true });
    }
    return height;
  });
}

/** Where a backup of a node that runs gathers its files, and the lock of who does. */
const stagingPlaces = (root: string) => {
  const place = join(root, 'synod', 'backup');
  return { staged: join(place, 'unfinished'), lockDirectory: join(place, 'lock') };
};

/**
 * Removes what a backup that was killed has left, since its links keep tables on the disk that the node has given up; leaves alone what
 * one that goes on has. Never throws: a node starts as well without, and the next backup says what is wrong with the files.
 */
export async function removeKilledBackup(root: string): Promise<void> {
  const { staged, lockDirectory } = stagingPlaces(root);
  if (!existsSync(staged)) return;
  const lock = await openLock(lockDirectory).catch(() => null);
  if (lock === null) return;
  try {
    rmSync(staged, { recursive: true, force: true });
  } catch {
    // As above.
  } finally {
    await lock.close().catch(() => {});
  }
}

/**
 * Gives `work` a place on the file system of the node, where links cost nothing; the way to the target may be long. One at a time: each
 * would remove the other's files. What a backup that was killed left there goes with the next one, or when the node starts again.
 */
async function whileStaging(root: string, work: (staged: string) => Promise<void>): Promise<void> {
  const { staged, lockDirectory } = stagingPlaces(root);
  const lock = await openLock(lockDirectory).catch((error: unknown) => {
    if (!(error instanceof StorageError) || error.code !== 'storage/locked') throw error;
    throw new UsageError('backup/busy', `Another backup of the node in ${root} is being made. Try again when it is done.`, { root });
  });
  try {
    rmSync(staged, { recursive: true, force: true });
    await work(staged);
  } finally {
    rmSync(staged, { recursive: true, force: true });
    await lock.close();
  }
}

function checkTarget(root: string, target: string): void {
  existingDatadir(root);
  const below = relative(root, target);
  if (below !== '..' && !below.startsWith(`..${sep}`) && !isAbsolute(below))
    throw new UsageError(
      'backup/inside',
      `${target} is inside the data directory ${root}, and would be lost with it; name a directory elsewhere.`,
    );
  if (existsSync(target)) throw new UsageError('backup/exists', `There is a ${target} already; name another directory for the backup.`);
}

/** `place` puts the database into the directory that it is given, and says how high its chain is. */
async function makeBackup(
  root: string,
  target: string,
  nowMs: number,
  place: (unfinished: string) => Promise<number | null>,
): Promise<BackupDocument> {
  const { identity } = existingDatadir(root);
  const { genesisHash, chainId, engine } = identity;
  const about = { version: 1, format: FORMAT_VERSION, genesisHash, network: networkHashOf(identity), chainId, engine } as const;
  let document: BackupDocument = { ...about, height: null, createdMs: nowMs, files: [] };
  await makeWhole(target, 'make the backup', async (unfinished) => {
    const height = await place(unfinished);
    const documents = existsSync(genesisFile(root)) ? [{ path: GENESIS }] : [];
    placeFiles(root, unfinished, documents);
    document = { ...document, height, files: await sealFiles(unfinished, [...documents, ...chainFiles(unfinished)]) };
    writeFileSync(join(unfinished, DOCUMENT), `${JSON.stringify(document, null, 2)}\n`, { mode: 0o600, flush: true });
  });
  return document;
}

/** Of the database `chaindata` in this directory, to which nobody writes at the moment. */
function chainFiles(directory: string): CopiedFile[] {
  const { tables, changing } = liveFiles(join(directory, 'chaindata'), REMEDIES.chain);
  return [...tables, ...changing].map((name) => ({ path: `chaindata/${name}` }));
}

/**
 * Puts a backup in the place of a node's chain, which is kept as `chaindata.old` if it has more than its genesis block; what the node
 * signed stays as it is. A directory without a node is made one by the backup's genesis file. Throws UsageError `backup/none`,
 * `backup/damaged`, `backup/version`, `storage/wrong-genesis` for another network's, and what `backupChain` throws.
 */
export async function restoreBackup(root: string, source: string): Promise<Restored> {
  const document = await readBackup(source);
  const paths = datadirPaths(root);
  const isNew = networkAdvice(root) === null && !existsSync(paths.identity) && document.files.some(({ path }) => path === GENESIS);
  const { network, chainId, engine } = document;
  const its = { genesisHash: Hash(document.genesisHash), chainId, engine };
  const identity = isNew ? { formatVersion: FORMAT_VERSION, ...its, complete: [] } : existingDatadir(root).identity;
  checkNetwork(identity, its, root);
  if (network !== networkHashOf(identity))
    throw new UsageError('storage/wrong-network', `The backup is of another fork of the network than the data directory ${root}.`);
  return await whileLocked([root], async () => {
    const fresh = `${paths.chain}.restored`;
    // Of a restore that was interrupted.
    rmSync(fresh, { recursive: true, force: true });
    await makeWhole(fresh, 'restore the backup', async (unfinished) => {
      const files = document.files.flatMap(({ path }) => (path.startsWith('chaindata/') ? [{ path }] : []));
      placeFiles(source, unfinished, files);
      await sealFiles(unfinished, files);
    });
    if (isNew) {
      writeIdentity(paths.identity, identity);
      if (!existsSync(genesisFile(root))) placeFiles(source, root, [{ path: GENESIS }]);
    }
    const setAside = await clearPlace(root);
    renameSync(join(fresh, 'chaindata'), paths.chain);
    syncDirectory(dirname(paths.chain));
    rmSync(fresh, { recursive: true, force: true });
    if (!identity.complete.includes('chain')) writeIdentity(paths.identity, { ...identity, complete: [...identity.complete, 'chain'] });
    return { ...document, setAside };
  });
}

/** Where the chain from before is kept; null for one that holds nothing: its copy would only be in the way. */
async function clearPlace(root: string): Promise<string | null> {
  const { chain } = datadirPaths(root);
  if (!existsSync(chain)) return null;
  if ((await heightOf(root)) === 0) {
    rmSync(chain, { recursive: true });
    return null;
  }
  const old = `${chain}.old`;
  rmSync(old, { recursive: true, force: true });
  renameSync(chain, old);
  return old;
}

async function readBackup(source: string): Promise<BackupDocument> {
  const file = join(source, DOCUMENT);
  const damaged = (reason: string, cause?: unknown) =>
    new UsageError('backup/damaged', `${source} is no whole backup: ${reason}`, { path: source }, cause);
  if (!existsSync(source)) throw new UsageError('backup/none', `There is no ${source}. Name the directory of a backup.`);
  if (!existsSync(file))
    throw new UsageError('backup/none', `${source} is no backup: it has no ${DOCUMENT}. Name a directory that \`synod db backup\` made.`);
  let value: unknown;
  try {
    if (statSync(file).size > MAX_DOCUMENT_BYTES) throw new StorageError('storage/io', 'it is too large');
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw damaged(`${DOCUMENT} cannot be read`, cause);
  }
  const result = Backup.safeParse(value);
  if (!result.success) {
    const { version, format } = (value ?? {}) as { version?: unknown; format?: unknown };
    if (version !== 1 || format !== FORMAT_VERSION) {
      const message = `${file} is of version ${version} with a database of format ${format}; this synod knows version 1 and format ${FORMAT_VERSION}. Use the synod that made it.`;
      throw new UsageError('backup/version', message);
    }
    throw damaged(`${DOCUMENT}: ${result.error.issues[0]?.path.join('.')}: ${result.error.issues[0]?.message}.`);
  }
  const damage = await findDamage(source, result.data.files);
  if (damage !== null) throw damaged(`${damage.path}: ${damage.reason}.`);
  return result.data;
}
