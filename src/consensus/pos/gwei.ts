/** Arithmetic of amounts, which JavaScript's own functions do for `number` only. */
import { assert } from '../../base/assert.ts';
import type { Gwei } from './types.ts';

export function larger(a: Gwei, b: Gwei): Gwei {
  return a > b ? a : b;
}

export function smaller(a: Gwei, b: Gwei): Gwei {
  return a < b ? a : b;
}

/** A balance after a loss, which cannot take more than there is ("decrease_balance"). */
export function less(balance: Gwei, loss: Gwei): Gwei {
  return balance > loss ? balance - loss : 0n;
}

/** "integer_squareroot": the largest integer whose square is not above `value`. Newton's method, from above. */
export function integerSquareRoot(value: bigint): bigint {
  assert(value >= 0n, 'a square root is of a number that is not negative');
  let root = value;
  for (let next = (value + 1n) / 2n; next < root; next = (root + value / root) / 2n) root = next;
  return root;
}
