/** An error in one line, with the place of its origin when it is not one that was thrown on purpose. */
import { explain, SynodError } from '../base/errors.ts';

export function describe(error: unknown): string {
  const origin = originOf(error);
  return origin === null ? explain(error) : `${explain(error)} (${origin})`;
}

/** The innermost cause that nobody meant to throw knows best where things went wrong. */
function originOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  const deeper = originOf(error.cause);
  if (deeper !== null || error instanceof SynodError) return deeper;
  const lines = (error.stack ?? '').split('\n').map((line) => line.trim());
  return lines.find((line) => line.startsWith('at ')) ?? null;
}
