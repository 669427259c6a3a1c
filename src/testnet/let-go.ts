/**
 * Processes that are held still (SIGSTOP) cannot notice that whoever holds them has died, and would stand there for good. So a shell
 * watches: it reads from a pipe of ours, which the kernel closes however we end, by SIGKILL as well, and then sends them SIGCONT.
 */
import { spawn } from 'node:child_process';

const WATCH = 'read -r _; kill -CONT "$@"';

/**
 * To be called before these processes are held still. Answers what ends the watch, for when they were let go on or have ended: their ids
 * may be others' from then on. Where there is no POSIX shell nobody watches.
 */
export function letGoWhenWeEnd(pids: readonly number[]): () => void {
  // A session of its own: what a terminal sends to all of ours (Ctrl-C, its end) is not for it.
  const watcher = spawn('/bin/sh', ['-c', WATCH, 'sh', ...pids.map(String)], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  watcher.on('error', () => undefined);
  // There is none where the system has no more processes or files to give.
  watcher.stdin?.on('error', () => undefined);
  watcher.unref();
  // SIGKILL, and not the end of the pipe: it must not let go on what is held still again by then.
  return () => void watcher.kill('SIGKILL');
}
