import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { integerSquareRoot, larger, less, smaller } from '../../../src/consensus/pos/gwei.ts';

const amounts = fc.bigInt({ min: 0n, max: 2n ** 90n });

describe('consensus/pos gwei', () => {
  it('finds the largest integer whose square is not above the value', () => {
    fc.assert(
      fc.property(amounts, (value) => {
        const root = integerSquareRoot(value);
        expect(root * root <= value && value < (root + 1n) * (root + 1n)).toBe(true);
      }),
    );
    expect([0n, 1n, 2n, 3n, 4n, 8n, 9n].map(integerSquareRoot)).toEqual([0n, 1n, 1n, 1n, 2n, 2n, 3n]);
    expect(() => integerSquareRoot(-1n)).toThrow(/Invariant broken/);
  });

  it('takes no more from a balance than there is', () => {
    fc.assert(fc.property(amounts, amounts, (balance, loss) => less(balance, loss) === balance - smaller(balance, loss)));
    expect([larger(1n, 2n), larger(2n, 1n), smaller(1n, 2n), smaller(2n, 1n)]).toEqual([2n, 2n, 1n, 1n]);
  });
});
