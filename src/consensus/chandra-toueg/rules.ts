/** The rules of blocks, which are those of all permissioned engines. The number of a proposal (the header's nonce) is the round in which it was built. */
import { type Council, rulesOf } from '../members/council.ts';

type Rules = ReturnType<typeof rulesOf>;

const made = new WeakMap<Council, Rules>();

export function rulesFor(council: Council): Rules {
  const known = made.get(council) ?? rulesOf(council);
  made.set(council, known);
  return known;
}
