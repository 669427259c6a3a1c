/**
 * Holds processes still for a moment (SIGSTOP), so that their files can be copied as they are: what a copy then has is what a crash of all
 * of them at this instant would leave, and that the nodes bear (reliability.md). Stopping and starting them would take seconds instead.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { UsageError } from '../../base/errors.ts';
import { letGoWhenWeEnd } from '../let-go.ts';

const PROC = '/proc/self/task';
const POLL_MS = 1;
/** A thread in the middle of a write stops when that is done. */
const STOP_TIMEOUT_MS = 5_000;
/** Where the system does not show the state of threads. */
const BLIND_WAIT_MS = 200;

/** Processes that somebody starts, ends, holds still and lets go on, also while they are being held still here. */
export interface Processes {
  /** Those that there are now. What it throws is thrown. */
  pids(): readonly number[];
  /** Whether somebody else wants it to stand still. */
  isHeld(pid: number): boolean;
}

/**
 * Runs `work`, in one go, while all these processes stand still, and answers for how long they did (milliseconds). One that somebody
 * else holds still stays so. Throws `testnet/pause` for a process that cannot be stopped, and where one came, went or was let go on
 * before all stood still, or one was let go on during the work: then what that did is of no use.
 */
export async function whilePaused(processes: Processes, work: () => void): Promise<number> {
  const pids = processes.pids();
  const running = pids.filter((pid) => !isStopped(pid));
  const unwatch = letGoWhenWeEnd(running);
  const startedMs = performance.now();
  try {
    for (const pid of running) signal(pid, 'SIGSTOP');
    await untilStopped(running);
    // Nothing else runs here from this look to the end of the work, so whoever starts them or lets them go on comes after it.
    checkUnchanged(pids, processes.pids());
    work();
    // Somebody in another process may have held it still first (a backup, another snapshot), and be done sooner.
    checkStill(pids);
  } finally {
    for (const pid of running) if (!processes.isHeld(pid)) resume(pid);
    unwatch();
  }
  return performance.now() - startedMs;
}

function checkUnchanged(before: readonly number[], now: readonly number[]): void {
  const other = before.find((pid) => !now.includes(pid)) ?? now.find((pid) => !before.includes(pid));
  if (other !== undefined) throw cannotPause(other, 'it was started or ended meanwhile');
  checkStill(now);
}

function checkStill(pids: readonly number[]): void {
  const awake = existsSync(PROC) ? pids.find((pid) => !isStopped(pid)) : undefined;
  if (awake !== undefined) throw cannotPause(awake, 'somebody let it go on meanwhile');
}

async function untilStopped(pids: readonly number[]): Promise<void> {
  if (!existsSync(PROC)) {
    await delay(BLIND_WAIT_MS);
    return;
  }
  const deadlineMs = performance.now() + STOP_TIMEOUT_MS;
  for (const pid of pids) {
    while (!isStopped(pid)) {
      if (performance.now() > deadlineMs) throw cannotPause(pid, `it did not stand still within ${STOP_TIMEOUT_MS / 1_000} s`);
      await delay(POLL_MS);
    }
  }
}

/** proc(5): every thread of it, since LevelDB writes in threads of its own. False where the system does not say. */
function isStopped(pid: number): boolean {
  try {
    const tasks = `/proc/${pid}/task`;
    return readdirSync(tasks).every((task) => {
      const text = readFileSync(`${tasks}/${task}/stat`, 'latin1');
      return text.charAt(text.lastIndexOf(')') + 2) === 'T';
    });
  } catch {
    return false;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (cause) {
    throw cannotPause(pid, 'it is gone', cause);
  }
}

function resume(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT');
  } catch {
    // It has ended meanwhile, and its supervisor has heard of it.
  }
}

function cannotPause(pid: number, why: string, cause?: unknown): UsageError {
  return new UsageError('testnet/pause', `Cannot hold the node with process ${pid} still: ${why}. Try again.`, { pid }, cause);
}
