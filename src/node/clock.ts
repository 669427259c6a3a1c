/** The system clock as the driver's port. Timers are monotonic: Node's own do not follow jumps of the wall clock. */
import type { ClockPort } from './ports.ts';

/** setTimeout turns longer delays into 1 ms, so they are cut; an engine that waits longer sets its timer again. */
const MAX_DELAY_MS = 2 ** 31 - 1;

export const systemClock: ClockPort = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer: (delayMs, callback) => setTimeout(callback, Math.min(delayMs, MAX_DELAY_MS)),
  cancelTimer: (handle) => clearTimeout(handle as NodeJS.Timeout),
};
