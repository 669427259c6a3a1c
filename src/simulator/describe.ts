/**
 * An error in one line, with the place of its origin when it is not one that was thrown on purpose. It may be anything that an
 * engine throws: what is without end, or does not want to be looked at, is described all the same.
 */
import { SynodError } from '../base/errors.ts';

const MAX_CHARACTERS = 2_000;
const MAX_CAUSES = 8;

export function describe(error: unknown): string {
  try {
    const causes = causesOf(error);
    const text = causes.map((cause) => (cause instanceof Error ? String(cause.message) : String(cause))).join(': ');
    const short = text.length > MAX_CHARACTERS ? `${text.slice(0, MAX_CHARACTERS)}... (${text.length} characters)` : text;
    // The innermost that nobody meant to throw knows best where things went wrong.
    const origin = causes.findLast((cause) => cause instanceof Error && !(cause instanceof SynodError));
    const place = origin instanceof Error ? placeOf(origin) : null;
    return place === null ? short : `${short} (${place})`;
  } catch {
    return 'something was thrown that cannot be described';
  }
}

/** The error, its cause, the cause of that, and so on; each once. */
function causesOf(error: unknown): unknown[] {
  const causes = [error];
  for (let last = error; last instanceof Error && last.cause !== undefined && causes.length < MAX_CAUSES; ) {
    last = last.cause;
    if (causes.includes(last)) break;
    causes.push(last);
  }
  return causes;
}

function placeOf({ stack }: Error): string | null {
  const lines = String(stack)
    .split('\n')
    .map((line) => line.trim());
  return lines.find((line) => line.startsWith('at ')) ?? null;
}
