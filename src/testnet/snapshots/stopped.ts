/** Snapshots of a network that does not run. Whoever calls holds its directory (`takeControl`). */
import { heightOf, whileLocked } from '../../node/datadir-copy.ts';
import { type Manifest, paths } from '../manifest.ts';
import { finishRestore, stageRestore } from './restore.ts';
import { type SnapshotSummary, takeSnapshot } from './store.ts';

/** Throws what `takeSnapshot` throws, and StorageError `storage/locked` when a node was started there by hand. */
export async function takeStopped(directory: string, manifest: Manifest, name: string): Promise<SnapshotSummary> {
  finishRestore(directory);
  const datadirs = datadirsOf(directory, manifest);
  return await whileLocked(datadirs, () =>
    takeSnapshot(
      {
        directory,
        manifest,
        clocksMs: datadirs.map(() => 0),
        heads: () => Promise.all(datadirs.map(heightOf)),
        quietly: async (copy) => copy(),
      },
      name,
      Date.now(),
    ),
  );
}

/** Throws what `stageRestore` throws, and StorageError `storage/locked`. */
export async function restoreStopped(directory: string, manifest: Manifest, name: string): Promise<SnapshotSummary> {
  finishRestore(directory);
  // Nobody may run there; and no lock may be open while the directories change places.
  await whileLocked(datadirsOf(directory, manifest), () => undefined);
  const summary = await stageRestore(directory, name);
  finishRestore(directory);
  return summary;
}

function datadirsOf(directory: string, { nodes }: Manifest): string[] {
  return nodes.map(({ index }) => paths.datadir(directory, index));
}
