import { describe, expect, it } from 'vitest';
import { BoundedMap, BoundedQueue } from '../../src/base/bounded.ts';

describe('base/bounded map', () => {
  it('forgets the least recently used entry when it is full, and says which', () => {
    const gone: [string, number][] = [];
    const map = new BoundedMap<string, number>(2, (key, value) => gone.push([key, value]));
    map.set('a', 1);
    map.set('b', 2);
    expect(map.get('a')).toBe(1);
    map.set('c', 3);
    expect(gone).toEqual([['b', 2]]);
    expect([...map.keys()]).toEqual(['a', 'c']);
    expect(map.size).toBe(2);
  });

  it('counts a key that is set again once, as the newest', () => {
    const map = new BoundedMap<string, number>(2);
    map.set('a', 1);
    map.set('b', 2);
    map.set('a', 3);
    map.set('c', 4);
    expect([...map.entries()]).toEqual([
      ['a', 3],
      ['c', 4],
    ]);
    expect(map.has('b')).toBe(false);
    expect(map.delete('a')).toBe(true);
    map.clear();
    expect(map.size).toBe(0);
  });
});

describe('base/bounded queue', () => {
  it('hands out in order and refuses what does not fit', () => {
    const queue = new BoundedQueue<number>(2);
    expect(queue.push(1)).toBe(true);
    expect(queue.push(2)).toBe(true);
    expect(queue.push(3)).toBe(false);
    expect(queue.shift()).toBe(1);
    expect(queue.push(3)).toBe(true);
    expect([queue.shift(), queue.shift(), queue.shift()]).toEqual([2, 3, undefined]);
    expect(queue.size).toBe(0);
  });

  it('keeps its order over many more items than it holds at once', () => {
    const queue = new BoundedQueue<number>(3_000);
    let pushed = 0;
    let taken = 0;
    for (let round = 0; round < 10; round++) {
      while (queue.push(pushed)) pushed++;
      for (let i = 0; i < 2_500; i++) expect(queue.shift()).toBe(taken++);
    }
    expect(queue.size).toBe(pushed - taken);
  });
});
