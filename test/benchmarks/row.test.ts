import { describe, expect, it } from 'vitest';
import { interleave, median, ratioOf } from './row.ts';

describe('the tools of the benchmarks', () => {
  it('take the middle of odd and even numbers of measures', () => {
    expect(median([5])).toBe(5);
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });

  it('take turns, and leave the warm-up out', async () => {
    const order: string[] = [];
    const counting = (name: string, values: number[]) => () => {
      order.push(name);
      return values.shift() ?? Number.NaN;
    };
    const medians = await interleave({ a: counting('a', [1_000, 1, 2, 3]), b: counting('b', [0, 30, 10, 20]) }, 3);
    expect(medians).toEqual({ a: 2, b: 20 });
    expect(order.join('')).toBe('abababab');
  });

  it('say what a ratio is against', () => {
    expect(ratioOf(5, 2, 'the other')).toBe('2.50 x the other');
  });
});
