/** Which process has a data directory: the one that has its lock file open. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { datadirPaths } from '../../storage/datadir.ts';

const PROC = '/proc';

/**
 * Null where nobody is seen who does: a process of another user or in another container, a system without /proc (proc(5)), and this
 * process itself.
 */
export function holderOf(root: string): number | null {
  const lock = fileId(join(datadirPaths(root).lock, 'LOCK'));
  if (lock === null) return null;
  const pids = namesIn(PROC).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const holder = pids.find((pid) => namesIn(`${PROC}/${pid}/fd`).some((fd) => fileId(`${PROC}/${pid}/fd/${fd}`) === lock));
  return holder === undefined ? null : Number(holder);
}

/** The same for the same file, whatever path leads to it. */
function fileId(path: string): string | null {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return null;
  }
}

/** None where this user may not look, or the process has gone. */
function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
