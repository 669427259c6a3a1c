/**
 * The snapshots of a network: taken, listed, removed. Each is a directory of its own below `snapshots`, which appears there whole or not
 * at all.
 */
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { UsageError } from '../../base/errors.ts';
import { type CopiedFile, datadirFiles, type MeasuredFile, placeFiles, sealFiles } from '../../node/datadir-copy.ts';
import { makeWhole } from '../../node/whole-directory.ts';
import { type Manifest, paths } from '../manifest.ts';
import { checkName, readDocument, type SnapshotContent, snapshotPaths, writeDocument } from './document.ts';

/** A network of which a snapshot is taken, running or not. */
export interface Subject {
  readonly directory: string;
  readonly manifest: Manifest;
  /** The height of each node's head, as far as it is known. */
  heads(): Promise<readonly (number | null)[]>;
  /** By how much each node's wall clock is set wrong. */
  readonly clocksMs: readonly number[];
  /** Runs `copy` while no node writes anything. */
  quietly(copy: () => void): Promise<void>;
}

export interface SnapshotSummary {
  readonly name: string;
  readonly engine: string;
  /** Of the highest head; null when none was known. */
  readonly height: number | null;
  readonly nodes: number;
  /** Of all files; those that the network still has as well take no space of their own. */
  readonly bytes: number;
  readonly createdMs: number;
  /** By how much each node's wall clock was set wrong. */
  readonly clocksMs: readonly number[];
}

/** One that cannot be used is listed as well, with the reason. */
export type SnapshotListing = SnapshotSummary | { readonly name: string; readonly damaged: string };

/**
 * Throws `testnet/snapshot-name`, `testnet/snapshot-exists`, `datadir/empty` for a node that was never started, what the subject throws,
 * and StorageError. Then nothing is left of it.
 */
export async function takeSnapshot(subject: Subject, name: string, nowMs: number): Promise<SnapshotSummary> {
  const { directory, manifest, clocksMs } = subject;
  const snapshot = snapshotPaths.one(directory, checkName(name));
  if (existsSync(snapshot)) {
    const advice = `Choose another name, or remove it first: synod testnet snapshot --remove ${name} --dir ${directory}`;
    throw new UsageError('testnet/snapshot-exists', `There is a snapshot ${name} already. ${advice}`, { name });
  }
  removeLeftovers(directory);
  const heads = await subject.heads();
  const about = { name, createdMs: nowMs, engine: manifest.options.engine, heads, clocksMs };
  let files: readonly MeasuredFile[] = [];
  await makeWhole(snapshot, 'take the snapshot', async (unfinished) => {
    let placed: readonly CopiedFile[] = [];
    await subject.quietly(() => {
      placed = networkFiles(directory, manifest);
      placeFiles(directory, unfinished, placed);
    });
    files = await sealFiles(unfinished, placed);
    writeDocument(unfinished, { ...about, files });
  });
  return summaryOf({ ...about, files });
}

/** Without the nodes' logs, and without where they listened. */
function networkFiles(directory: string, { nodes }: Manifest): CopiedFile[] {
  const documents = [paths.manifest(''), paths.genesis('')].map((path) => ({ path }));
  return [...documents, ...nodes.flatMap(({ index }) => datadirFiles(directory, paths.datadir('', index)))];
}

/** Oldest first; those that are damaged last. */
export function listSnapshots(directory: string): SnapshotListing[] {
  const listings = namesIn(directory).map((name): SnapshotListing => {
    try {
      return summaryOf(readDocument(snapshotPaths.one(directory, name)));
    } catch (error) {
      if (error instanceof UsageError) return { name, damaged: error.message };
      throw error;
    }
  });
  const age = (listing: SnapshotListing) => ('damaged' in listing ? Number.POSITIVE_INFINITY : listing.createdMs);
  return listings.sort((a, b) => age(a) - age(b) || (a.name < b.name ? -1 : 1));
}

/** Throws `testnet/snapshot-name` and `testnet/no-such-snapshot`. */
export function removeSnapshot(directory: string, name: string): void {
  const snapshot = existingSnapshot(directory, name);
  // Out of sight first: half of one is none.
  const leaving = snapshotPaths.one(directory, `.${name}.removed`);
  rmSync(leaving, { recursive: true, force: true });
  renameSync(snapshot, leaving);
  rmSync(leaving, { recursive: true, force: true });
}

/** Where it is. Throws `testnet/snapshot-name` and `testnet/no-such-snapshot`. */
export function existingSnapshot(directory: string, name: string): string {
  const path = snapshotPaths.one(directory, checkName(name));
  if (existsSync(path)) return path;
  const names = namesIn(directory);
  const message =
    names.length === 0
      ? `The network in ${directory} has no snapshots yet, and so none named ${name}.`
      : `There is no snapshot ${name} of the network in ${directory}; there are: ${names.join(', ')}.`;
  throw new UsageError('testnet/no-such-snapshot', message, { name });
}

export function hasSnapshots(directory: string): boolean {
  return namesIn(directory).length > 0;
}

export function summaryOf({ name, engine, heads, files, createdMs, clocksMs }: SnapshotContent): SnapshotSummary {
  const known = heads.filter((height) => height !== null);
  const height = known.length === 0 ? null : Math.max(...known);
  return { name, engine, height, nodes: heads.length, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0), createdMs, clocksMs };
}

/** What a process that was killed left. Only the one that holds the network comes here. */
function removeLeftovers(directory: string): void {
  const all = snapshotPaths.all(directory);
  if (!existsSync(all)) return;
  for (const name of readdirSync(all))
    if (name.startsWith('.')) rmSync(snapshotPaths.one(directory, name), { recursive: true, force: true });
}

function namesIn(directory: string): string[] {
  const all = snapshotPaths.all(directory);
  return existsSync(all) ? readdirSync(all).filter((name) => !name.startsWith('.')) : [];
}
