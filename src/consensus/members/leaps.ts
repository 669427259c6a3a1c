/**
 * Numbers that only ascend (terms, epochs, rounds, ballots, heights) are used up one by one, and what a member hears it goes on
 * from. One message with a number near the end of all numbers would leave a network without any, so what leaps further than
 * a network can have gone while one member was away is refused.
 */
import { RuleError } from '../../base/errors.ts';

/** At a thousand a second it is fifty days, and two million such leaps are left. */
export const MAX_LEAP = 2 ** 32;

/** Throws RuleError `code` where `heard` is too far beyond `known`. */
export function checkLeap(code: string, what: string, known: number, heard: number): void {
  if (heard <= known + MAX_LEAP) return;
  throw new RuleError(code, `A message names ${what} ${heard} after ${known}; expected one that is not more than ${MAX_LEAP} later.`, {
    known,
    heard,
  });
}
