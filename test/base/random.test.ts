import { describe, expect, it } from 'vitest';
import { nextWord, Random } from '../../src/base/random.ts';

describe('base/random', () => {
  it('gives the published numbers of xoshiro128** from the state 1, 2, 3, 4', () => {
    const words = Int32Array.of(1, 2, 3, 4);
    const drawn = Array.from({ length: 10 }, () => nextWord(words));
    expect(drawn).toEqual([11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804]);
  });

  it('repeats itself for the same seed and differs for another', () => {
    const take = (random: Random) => Array.from({ length: 8 }, () => random.uint32());
    expect(take(new Random('a'))).toEqual(take(new Random('a')));
    expect(take(new Random(1))).toEqual(take(new Random('1')));
    expect(take(new Random(1))).not.toEqual(take(new Random(2)));
  });

  it('gives a named stream that does not depend on what was drawn before', () => {
    const fresh = new Random(7);
    const used = new Random(7);
    for (let i = 0; i < 100; i++) used.uint32();
    expect(used.stream('link/1').uint32()).toBe(fresh.stream('link/1').uint32());
    expect(fresh.stream('link/1').uint32()).not.toBe(fresh.stream('link/2').uint32());
  });

  it('draws floats in [0, 1) with the mean of a uniform distribution', () => {
    const { float } = new Random('floats');
    const drawn = Array.from({ length: 20_000 }, () => float());
    expect(drawn.every((x) => x >= 0 && x < 1)).toBe(true);
    const mean = drawn.reduce((sum, x) => sum + x, 0) / drawn.length;
    expect(mean).toBeGreaterThan(0.49);
    expect(mean).toBeLessThan(0.51);
  });

  it('draws integers below a limit about equally often', () => {
    const random = new Random('dice');
    const seen = [0, 0, 0, 0, 0, 0];
    for (let i = 0; i < 12_000; i++) {
      const face = random.below(6);
      seen[face] = (seen[face] ?? 0) + 1;
    }
    for (const count of seen) expect(Math.abs(count - 2_000)).toBeLessThan(200);
    expect(random.below(1)).toBe(0);
    expect(() => random.below(0)).toThrow(expect.objectContaining({ code: 'internal/assertion' }));
    expect(() => random.below(1.5)).toThrow(expect.objectContaining({ code: 'internal/assertion' }));
  });

  it('shuffles into a permutation and leaves the input alone', () => {
    const items = Array.from({ length: 50 }, (_, i) => i);
    const shuffled = new Random('cards').shuffle(items);
    expect(shuffled).not.toEqual(items);
    expect([...shuffled].sort((a, b) => a - b)).toEqual(items);
    expect(items[0]).toBe(0);
  });

  it('puts every item in every place about equally often', () => {
    const random = new Random('places');
    const firsts = new Map<string, number>();
    for (let i = 0; i < 3_000; i++) {
      const first = random.shuffle(['a', 'b', 'c'])[0] ?? '';
      firsts.set(first, (firsts.get(first) ?? 0) + 1);
    }
    for (const count of firsts.values()) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });

  it('waits as long on average as it was told', () => {
    const random = new Random('waiting');
    let sum = 0;
    for (let i = 0; i < 20_000; i++) sum += random.waiting(10);
    expect(sum / 20_000).toBeGreaterThan(9.6);
    expect(sum / 20_000).toBeLessThan(10.4);
  });
});
