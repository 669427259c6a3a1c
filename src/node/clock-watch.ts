/**
 * Notices jumps of the wall clock by comparing it with the monotonic one. Time-outs do not care; timestamps of blocks do:
 * a clock that is behind makes others' blocks look early, one that is ahead makes ours refused.
 */
import type { ClockPort } from './ports.ts';

const INTERVAL_MS = 10_000;
/** Slewing by a time service stays far below this. */
const JUMP_MS = 2_000;

/** Calls back with each jump (milliseconds, negative for backwards) until the returned function is called. */
export function watchClock(clock: ClockPort, onJump: (jumpMs: number) => void): () => void {
  let offsetMs = clock.wallMs() - clock.nowMs();
  let handle: unknown;
  const check = () => {
    const nextMs = clock.wallMs() - clock.nowMs();
    if (Math.abs(nextMs - offsetMs) >= JUMP_MS) onJump(Math.round(nextMs - offsetMs));
    offsetMs = nextMs;
    handle = clock.setTimer(INTERVAL_MS, check);
  };
  handle = clock.setTimer(INTERVAL_MS, check);
  return () => clock.cancelTimer(handle);
}
