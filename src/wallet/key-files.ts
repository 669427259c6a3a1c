/**
 * Files that hold keys under a password, and the directories of them: what those of accounts and those of validators
 * have in common.
 *
 * Files have mode 0600 in a directory of mode 0700. A file appears whole or not at all: it is written under another
 * name, synced, and renamed.
 */
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../base/errors.ts';

/** A key file has about 500 bytes. */
export const MAX_KEY_FILE_BYTES = 64 * 1024;
const MAX_FILES = 10_000;

/** In order; none when the directory does not exist. Throws `wallet/keystore-io`. */
export async function keyFileNames(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    // Editors' backups and our own unfinished files are no key files.
    const names = entries.filter((entry) => !entry.isDirectory() && !/^\.|~$/.test(entry.name)).map((entry) => entry.name);
    if (names.length > MAX_FILES)
      throw new UsageError('wallet/keystore-io', `${directory} holds ${names.length} files, more than ${MAX_FILES}; is it a keystore?`, {
        directory,
      });
    return names.sort();
  } catch (error) {
    if (isAbsent(error)) return [];
    throw ioError(`Cannot read the keystore directory ${directory}`, directory, error);
  }
}

/** Throws `wallet/keystore-io`. */
export async function readKeyFile(path: string): Promise<string> {
  try {
    const about = await stat(path);
    // Opening a pipe would wait for somebody to write.
    if (!about.isFile() || about.size > MAX_KEY_FILE_BYTES)
      throw new UsageError('wallet/keystore-io', `${path} is not a file of at most ${MAX_KEY_FILE_BYTES} bytes, so it is no key file.`, {
        path,
      });
    await using file = await open(path);
    return await file.readFile('utf8');
  } catch (error) {
    throw ioError(`Cannot read the key file ${path}`, path, error);
  }
}

/** Into the directory, which is made when it is absent. Durable when it returns. Throws `wallet/keystore-io`. */
export async function writeKeyFile(directory: string, name: string, text: string): Promise<string> {
  await ensureDirectory(directory);
  const path = join(directory, name);
  const unfinished = join(directory, `.unfinished-${randomUUID()}`);
  try {
    {
      await using file = await open(unfinished, 'wx', 0o600);
      await file.writeFile(text);
      await file.sync();
    }
    await rename(unfinished, path);
    // The new name is durable only once its directory is.
    await using parent = await open(directory);
    await parent.sync();
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => undefined);
    throw ioError(`Cannot write the key file ${path}; no key was added`, path, error);
  }
  return path;
}

async function ensureDirectory(directory: string): Promise<void> {
  try {
    const created = await mkdir(directory, { recursive: true, mode: 0o700 });
    // The mode of mkdir is subject to the umask; that of a directory which was there before is its owner's business.
    if (created !== undefined) await chmod(directory, 0o700);
  } catch (error) {
    throw ioError(`Cannot create the keystore directory ${directory}`, directory, error);
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function ioError(message: string, path: string, error: unknown): UsageError {
  return error instanceof UsageError ? error : new UsageError('wallet/keystore-io', message, { path }, error);
}
