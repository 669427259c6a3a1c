import { describe, expect, it } from 'vitest';
import { CallQueue } from '../../src/execution/call-queue.ts';

interface Call {
  readonly client: string;
  readonly level: number;
  readonly name: string;
}

/** `a1`: the first call of client a; `a1+`: found to take long once, `a1++` twice. */
function call(name: string): Call {
  return { client: name.charAt(0), level: name.length - 2, name };
}

function filled(names: string, capacity = 100): CallQueue<Call> {
  const queue = new CallQueue<Call>(capacity);
  for (const name of names.split(' ')) queue.push(call(name));
  return queue;
}

function drained(queue: CallQueue<Call>): string {
  const names: string[] = [];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) names.push(next.name);
  return names.join(' ');
}

describe('calls that wait', () => {
  it('come in turns of the clients, each client’s own in order', () => {
    const queue = filled('a1 b1 c1');
    expect(drained(queue)).toBe('a1 c1 b1');
    for (const name of 'a1 a2 a3 a4 b1 b2 b3'.split(' ')) queue.push(call(name));
    expect(drained(queue)).toBe('b1 a1 b2 a2 b3 a3 a4');
  });

  it('give a newcomer every other turn, whatever crowd is there before', () => {
    const queue = filled('a1 b1 c1 d1 e1 f1 g1 h1');
    expect([queue.shift()?.name, queue.shift()?.name]).toEqual(['a1', 'h1']);
    queue.push(call('z1'));
    queue.push(call('z2'));
    // Those come from a thread, and were there before.
    queue.putBack([call('a1'), call('h1')]);
    expect(drained(queue)).toBe('a1 z1 h1 g1 b1 f1 c1 e1 d1 z2');
  });

  it('come before those that take longer', () => {
    const queue = filled('a1++ a2+ b1+ a3 c1++');
    expect(queue.level).toBe(0);
    expect(drained(queue)).toBe('a3 a2+ b1+ a1++ c1++');
    expect([queue.size, queue.level]).toEqual([0, null]);
  });

  it('come before short ones where it is the turn of those that take longer, whose levels take turns', () => {
    const queue = filled('a1 a2 b1+ c1+ b2++ d1++');
    expect(queue.hasLong).toBe(true);
    const longTurns = Array.from({ length: 4 }, () => queue.shift(true)?.name);
    expect(longTurns).toEqual(['b1+', 'b2++', 'c1+', 'd1++']);
    expect([queue.size, queue.hasLong]).toEqual([2, false]);
    expect(queue.shift(true)?.name).toBe('a1');
    expect(drained(queue)).toBe('a2');
    expect(queue.shift(true)).toBeUndefined();
  });

  it('come first of their client when they were put back, and find room', () => {
    const queue = filled('a3 b1', 2);
    queue.putBack(['a1', 'a2'].map(call));
    expect(queue.size).toBe(4);
    expect(drained(queue)).toBe('a1 b1 a2 a3');
    const turns = filled('a1+ b1+', 2);
    turns.putBehind(call('a2+'));
    expect(drained(turns)).toBe('a1+ b1+ a2+');
  });

  it('make room for others where one client has most of it', () => {
    const queue = filled('a1 a2+ a3', 3);
    expect(queue.push(call('b1'))?.name).toBe('a2+');
    expect(queue.push(call('b2'))?.name).toBe('b2');
    expect(queue.push(call('a4'))?.name).toBe('a4');
    expect(queue.push(call('c1'))?.name).toBe('a3');
    expect(queue.push(call('d1'))?.name).toBe('d1');
    expect(drained(queue)).toBe('a1 c1 b1');
  });

  it('make room for a newcomer where all have equally many, as long as any is known to take longer', () => {
    const queue = filled('a1++ b1++ c1+', 3);
    expect(queue.push(call('d1'))?.name).toBe('b1++');
    expect(queue.push(call('e1'))?.name).toBe('a1++');
    // What is interrupted comes back whether there is room or not.
    queue.putBehind(call('f1++'));
    expect(queue.push(call('d2'))?.name).toBe('d2');
    expect(queue.push(call('g1'))?.name).toBe('f1++');
    expect(drained(queue)).toBe('d1 g1 e1 c1+');
  });
});
