/**
 * An error in one line, with the place of its origin when it is not one that was thrown on purpose. It may be anything that an
 * engine throws: what is not to be described, or without end, is described all the same.
 */
import { explain, SynodError } from '../base/errors.ts';

const MAX_CHARACTERS = 2_000;

export function describe(error: unknown): string {
  try {
    const origin = originOf(error);
    const text = explain(error);
    const short = text.length > MAX_CHARACTERS ? `${text.slice(0, MAX_CHARACTERS)}... (${text.length} characters)` : text;
    return origin === null ? short : `${short} (${origin})`;
  } catch {
    // It throws when it is looked at, or is its own cause.
    return 'something was thrown that cannot be described';
  }
}

/** The innermost cause that nobody meant to throw knows best where things went wrong. */
function originOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  const deeper = originOf(error.cause);
  if (deeper !== null || error instanceof SynodError) return deeper;
  const lines = String(error.stack)
    .split('\n')
    .map((line) => line.trim());
  return lines.find((line) => line.startsWith('at ')) ?? null;
}
