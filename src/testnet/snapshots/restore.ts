/**
 * From a snapshot back to a network: in its place, or as another one beside it.
 *
 * Keys that have signed one future may sign another here, so the two must never meet. Therefore each network that comes from a snapshot
 * gets a name of its own (`fork` in identity.json), under which its nodes talk to each other only; see DECISIONS.md.
 *
 * In place, all nodes change or none: the network is built beside the old one, appears as `restored` when it is complete, and
 * from then on is moved to its place before anybody starts a node there (`finishRestore`).
 */
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toHex } from '../../base/bytes.ts';
import { UsageError } from '../../base/errors.ts';
import { findDamage, nameFork, placeFiles } from '../../node/datadir-copy.ts';
import { makeWhole } from '../../node/whole-directory.ts';
import { loadManifest, type Manifest, paths } from '../manifest.ts';
import { damaged, readDocument, type SnapshotDocument } from './document.ts';
import { existingSnapshot, type SnapshotSummary, summaryOf } from './store.ts';

const FORK_BYTES = 16;
const restored = (directory: string) => join(directory, 'restored');
const left = (directory: string) => join(directory, 'restored.old');

/**
 * Builds the network of a snapshot beside the one that is there, which may run meanwhile; `finishRestore` puts it in its place. Throws
 * `testnet/no-such-snapshot`, `testnet/snapshot-damaged`, `testnet/snapshot-version`, `testnet/snapshot-other` and StorageError.
 */
export async function stageRestore(directory: string, name: string): Promise<SnapshotSummary> {
  const snapshot = existingSnapshot(directory, name);
  const document = await checkedDocument(snapshot);
  for (const file of [paths.manifest, paths.genesis]) {
    if (readFileSync(file(snapshot), 'utf8') === readFileSync(file(directory), 'utf8')) continue;
    const advice = `Make a network of its own of it: synod testnet fork ${name} --from ${directory} --dir <another>`;
    throw new UsageError('testnet/snapshot-other', `The snapshot ${name} is of another network than the one in ${directory}. ${advice}`);
  }
  await makeWhole(restored(directory), 'restore the snapshot', (unfinished) => {
    build(snapshot, unfinished, document);
    setAside(directory);
  });
  return summaryOf(document);
}

/** What an interrupted restore left goes in one step: half of it would be taken for a whole one. */
function setAside(directory: string): void {
  if (!existsSync(restored(directory))) return;
  rmSync(left(directory), { recursive: true, force: true });
  renameSync(restored(directory), left(directory));
}

/**
 * Whether there was something to finish. To be called by the holder of the directory before anybody starts a node there, while none
 * runs. In one go; called again after an interruption it goes on.
 */
export function finishRestore(directory: string): boolean {
  const staged = restored(directory);
  if (!existsSync(staged)) return false;
  for (const { index } of loadManifest(directory)?.nodes ?? []) {
    const datadir = paths.datadir(directory, index);
    if (!existsSync(paths.datadir(staged, index))) continue;
    rmSync(left(directory), { recursive: true, force: true });
    if (existsSync(datadir)) renameSync(datadir, left(directory));
    renameSync(paths.datadir(staged, index), datadir);
  }
  for (const path of [staged, left(directory)]) rmSync(path, { recursive: true, force: true });
  return true;
}

/**
 * Makes another network of a snapshot in a directory that does not exist or is empty. `rpcPort`: of its node 0, unless a start says
 * otherwise. Throws like `stageRestore`, and `testnet/directory` when there is something already.
 */
export async function forkSnapshot(directory: string, name: string, target: string, rpcPort: number): Promise<SnapshotSummary> {
  const snapshot = existingSnapshot(directory, name);
  const document = await checkedDocument(snapshot);
  if (existsSync(target) && readdirSync(target).length > 0)
    throw new UsageError('testnet/directory', `${target} is not empty; name another --dir for the fork.`);
  await makeWhole(target, 'make the fork', (unfinished) => {
    const manifest = { ...build(snapshot, unfinished, document), rpcPort };
    writeFileSync(paths.manifest(unfinished), `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o600, flush: true });
  });
  return summaryOf(document);
}

/** Every file is what it was. */
async function checkedDocument(snapshot: string): Promise<SnapshotDocument> {
  const document = readDocument(snapshot);
  const damage = await findDamage(snapshot, document.files);
  if (damage !== null) throw damaged(join(snapshot, damage.path), damage.reason);
  return document;
}

/** The files and a new name. Not synced: the snapshot itself is, and can be restored again. */
function build(snapshot: string, target: string, { files }: SnapshotDocument): Manifest {
  placeFiles(snapshot, target, files);
  const manifest = loadManifest(target);
  if (manifest === null) throw damaged(paths.manifest(snapshot), 'it is missing');
  const fork = toHex(randomBytes(FORK_BYTES));
  for (const { index } of manifest.nodes) nameFork(paths.datadir(target, index), fork);
  return manifest;
}
