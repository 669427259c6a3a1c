/** The book of a load, and the figures that come of it. */
import { describe, expect, it } from 'vitest';
import { LoadBook } from '../../src/compare/book.ts';
import { figuresOf, quantile } from '../../src/compare/figures.ts';

function bookOf(
  ...entries: readonly (readonly [sent: number, included: number | null, final: number | null, side?: 'minority'])[]
): LoadBook {
  const book = new LoadBook();
  for (const [i, [sent, included, final, side = 'majority']] of entries.entries()) {
    book.sent(String(i), side, sent);
    if (included !== null) book.included(String(i), included);
    if (final !== null) book.final(String(i), final);
  }
  return book;
}

describe('the book of a load', () => {
  it('counts what came into a block and became final, when it came into the block', () => {
    const book = bookOf([0, 100, 900], [0, 1_500, 9_000], [0, 1_600, null], [500, null, null]);
    expect(book.bySecond(2)).toEqual([
      { majority: 1, minority: 0 },
      { majority: 1, minority: 0 },
    ]);
    expect(book.taken({ fromMs: 0, toMs: 1_500 })).toBe(1);
    expect(book.taken({ fromMs: 0, toMs: 1_501 })).toBe(2);
    expect(book.unfinished).toBe(2);
  });

  it('takes what is final for included, keeps the first of each time, and forgets what nobody sent', () => {
    const book = bookOf([10, null, 60]);
    book.sent('0', 'minority', 50);
    book.included('0', 20);
    book.final('0', 100);
    book.final('nobody', 1);
    expect([...book.entries()]).toEqual([{ key: '0', side: 'majority', sentMs: 10, includedMs: 60, finalMs: 60 }]);
    expect(book.unfinished).toBe(0);
  });

  it('knows the latencies of what was sent within a window, however late it became final', () => {
    const book = bookOf([0, 1, 30_000], [999, 1_000, 1_010], [1_000, 1_001, 1_002]);
    expect(book.latencies({ fromMs: 0, toMs: 1_000 })).toEqual([11, 30_000]);
  });

  it('finds the longest pause of the majority, also before the first and after the last', () => {
    const book = bookOf([0, 3_100, 3_100], [0, 5_600, 5_600], [0, 4_000, 4_000, 'minority'], [0, 5_700, 5_700]);
    expect(book.longestPauseMs({ fromMs: 3_000, toMs: 6_000 })).toBe(2_500);
    expect(book.longestPauseMs({ fromMs: 3_000, toMs: 10_000 })).toBe(4_300);
    expect(new LoadBook().longestPauseMs({ fromMs: 3_000, toMs: 10_000 })).toBe(7_000);
  });
});

describe('figures', () => {
  const given = { seconds: 10, hit: [1], traffic: null, broken: [] } as const;

  it('tell the side that is cut off from the other while the fault is there', () => {
    const book = bookOf([0, 3_500, 3_500], [0, 6_999, 6_999], [0, 7_000, 7_000], [0, 4_000, 8_000, 'minority']);
    const figures = figuresOf({ ...given, name: 'partition', book });
    expect(figures).toMatchObject({ fault: { fromMs: 3_000, toMs: 7_000 }, perSecond: 0.4, perSecondInFault: 0.5, perSecondCutOff: 0.25 });
  });

  it('say of a case without a fault nothing about one', () => {
    const figures = figuresOf({ ...given, name: 'calm', book: bookOf([0, 10, 20], [0, 10, 40]) });
    expect(figures).toMatchObject({ fault: null, perSecondInFault: null, perSecondCutOff: null, pauseMs: 7_000, p50Ms: 20, p99Ms: 40 });
  });

  it('are no numbers where nothing became final', () => {
    const figures = figuresOf({ ...given, name: 'crash', book: bookOf([0, null, null]) });
    expect(figures).toMatchObject({ perSecond: 0, unfinished: 1, p50Ms: Number.NaN, pauseMs: 7_000 });
  });

  it('take quantiles by the nearest rank', () => {
    expect(quantile([1, 2, 3, 4], 0.5)).toBe(2);
    expect(quantile([1, 2, 3, 4], 0.99)).toBe(4);
    expect(quantile([7], 0)).toBe(7);
    expect(quantile([], 0.5)).toBeNaN();
  });
});
