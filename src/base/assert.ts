/** Assertions stay on in production: a node that broke an invariant must stop, not go on guessing. */
import { InternalError } from './errors.ts';

/** Where this is called very often, the invariant is a function, so that its text is made only when it is broken. */
export function assert(condition: boolean, invariant: string | (() => string)): asserts condition {
  if (condition) return;
  const text = typeof invariant === 'string' ? invariant : invariant();
  throw new InternalError(
    'internal/assertion',
    `Invariant broken: ${text}. This is a bug in synod (please report it), or in an engine of your own.`,
  );
}

/** The value, which the caller knows to be there. */
export function present<T>(value: T | undefined | null, what: string): T {
  assert(value !== undefined && value !== null, () => `${what} is present`);
  return value;
}

/** Closes an exhaustive switch: a new variant that is not handled is an error of the type checker. */
export function unreachable(value: never): never {
  throw new InternalError('internal/unreachable', `Unhandled variant: ${JSON.stringify(value)}`);
}
