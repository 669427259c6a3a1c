/**
 * Loaded into a node before anything else (`NODE_OPTIONS=--import`), it shifts the node's wall clock by as many
 * milliseconds as a file beside its datadir says, from then on when the file changes. Monotonic time, and so every
 * timer, is left alone, as with a system clock that is set. The same can be seen with `faketime`, where that is installed.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const POLL_INTERVAL_MS = 20;
const FLAG = '--datadir';

/** What a child needs in its environment, so that `shiftClock` has power over it. */
export const SHIFTED_CLOCK = { NODE_OPTIONS: `--import=${import.meta.url}` };

const offsetFile = (datadir: string): string => `${datadir}.clock`;

/** Sets the clock of the node with this datadir, whether it runs or is started later. */
export function shiftClock(datadir: string, offsetMs: number): void {
  writeFileSync(offsetFile(datadir), String(offsetMs));
}

function offsetOf(file: string): number {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    return 0;
  }
}

function shift(datadir: string): void {
  const file = offsetFile(datadir);
  const { now } = Date;
  let offsetMs = offsetOf(file);
  Date.now = () => now() + offsetMs;
  setInterval(() => {
    offsetMs = offsetOf(file);
  }, POLL_INTERVAL_MS).unref();
}

const flag = process.argv.indexOf(FLAG);
const datadir = flag < 0 ? undefined : process.argv[flag + 1];
if (datadir !== undefined) shift(datadir);
