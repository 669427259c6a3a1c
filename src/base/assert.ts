/** Assertions stay on in production: a node that broke an invariant must stop, not go on guessing. */
import { InternalError } from './errors.ts';

export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition)
    throw new InternalError('internal/assertion', `Invariant broken: ${invariant}. This is a bug in synod; please report it.`);
}

/** The value, which the caller knows to be there. */
export function present<T>(value: T | undefined | null, what: string): T {
  assert(value !== undefined && value !== null, `${what} is present`);
  return value;
}

/** Closes an exhaustive switch: a new variant that is not handled is an error of the type checker. */
export function unreachable(value: never): never {
  throw new InternalError('internal/unreachable', `Unhandled variant: ${JSON.stringify(value)}`);
}
