/** A directory that appears whole or not at all, whatever interrupts its making. */
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { syncDirectory } from '../storage/durable-file.ts';
import { onFiles } from '../storage/io-errors.ts';

/**
 * `fill` gets an empty directory beside the place, which it fills and syncs as far as that matters; it is renamed last. `directory` must
 * not exist or be empty. When `fill` throws, or the process is killed and this runs again, nothing is left of it. `doing` completes
 * "Could not ...". Throws StorageError `storage/full` and others of storage/io-errors.ts, and errors of ours that `fill` throws.
 */
export async function makeWhole(directory: string, doing: string, fill: (unfinished: string) => void | Promise<void>): Promise<void> {
  const parent = dirname(directory);
  const unfinished = join(parent, `.${basename(directory)}.unfinished`);
  await onFiles(directory, doing, 'Nothing was changed.', async () => {
    mkdirSync(parent, { recursive: true, mode: 0o700 });
    rmSync(unfinished, { recursive: true, force: true });
    try {
      mkdirSync(unfinished, { mode: 0o700 });
      await fill(unfinished);
      syncDirectory(unfinished);
      renameSync(unfinished, directory);
      syncDirectory(parent);
    } catch (error) {
      rmSync(unfinished, { recursive: true, force: true });
      throw error;
    }
  });
}
