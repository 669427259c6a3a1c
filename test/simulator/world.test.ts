/** Virtual time and seeded randomness. */
import { describe, expect, it } from 'vitest';
import { MAX_EVENTS_WITHOUT_TIME, World } from '../../src/simulator/world.ts';

/** Times and names of what happens until then. */
function run(world: World, untilUs: number): void {
  while (world.step(untilUs));
}

describe('World: time', () => {
  it('jumps from event to event, and to the end when nothing is due', () => {
    const world = new World(1);
    const seen: [string, number, number][] = [];
    world.after(2_500, () => seen.push(['second', world.nowUs, world.nowMs]));
    world.after(1_000, () => seen.push(['first', world.nowUs, world.nowMs]));
    run(world, 10_000);
    expect(seen).toEqual([
      ['first', 1_000, 1],
      ['second', 2_500, 2.5],
    ]);
    expect(world.nowUs).toBe(10_000);
    expect(world.events).toBe(2);
  });

  it('does one event a step, and says whether there was one', () => {
    const world = new World(1);
    world.after(5, () => undefined);
    expect(world.step(4)).toBe(false);
    expect(world.nowUs).toBe(4);
    expect(world.step(5)).toBe(true);
    expect(world.step(5)).toBe(false);
  });

  it('never goes back', () => {
    const world = new World(1);
    world.step(100);
    world.step(50);
    expect(world.nowUs).toBe(100);
  });

  it('takes whole microseconds, rounded up, so that nothing happens early', () => {
    const world = new World(1);
    const seen: number[] = [];
    world.after(0.1, () => seen.push(world.nowUs));
    world.after(1, () => seen.push(world.nowUs));
    run(world, 10);
    expect(seen).toEqual([1, 1]);
  });

  it('lets what an event schedules for the same moment come after what waits already', () => {
    const world = new World(1);
    const seen: string[] = [];
    world.after(1, () => {
      seen.push('first');
      world.after(0, () => seen.push('third'));
    });
    world.after(1, () => seen.push('second'));
    run(world, 1);
    expect(seen).toEqual(['first', 'second', 'third']);
  });

  it('forgets what is cancelled, before and after its time', () => {
    const world = new World(1);
    const seen: string[] = [];
    const event = world.after(1, () => seen.push('cancelled'));
    const done = world.after(2, () => seen.push('done'));
    world.cancel(event);
    run(world, 5);
    world.cancel(done);
    run(world, 9);
    expect(seen).toEqual(['done']);
    expect(world.events).toBe(1);
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('refuses an event in %s us', (delayUs) => {
    expect(() => new World(1).after(delayUs, () => undefined)).toThrowError(expect.objectContaining({ code: 'internal/assertion' }));
  });

  it('finds out when time stands still', () => {
    const world = new World(1);
    const again = (): void => void world.after(0, again);
    world.after(1_000, again);
    expect(() => run(world, 2_000)).toThrowError(expect.objectContaining({ code: 'simulator/no-progress', fields: { atMs: 1 } }));
  });

  it('bears many events in one moment, as long as the next moment comes', () => {
    const world = new World(1);
    for (const atUs of [1, 2]) for (let i = 0; i < MAX_EVENTS_WITHOUT_TIME; i++) world.after(atUs, () => undefined);
    run(world, 10);
    expect(world.events).toBe(2 * MAX_EVENTS_WITHOUT_TIME);
  });
});

describe('World: streams', () => {
  const draws = (world: World, purpose: string, count = 20) => {
    const stream = world.stream(purpose);
    return Array.from({ length: count }, () => stream.uint32());
  };

  it('gives the same numbers for the same seed and purpose', () => {
    expect(draws(new World('7'), 'disk/0')).toEqual(draws(new World('7'), 'disk/0'));
    expect(draws(new World(7), 'disk/0')).toEqual(draws(new World('7'), 'disk/0'));
  });

  it('gives other numbers for another seed, and for another purpose', () => {
    const one = draws(new World('7'), 'disk/0');
    expect(draws(new World('8'), 'disk/0')).not.toEqual(one);
    expect(draws(new World('7'), 'disk/1')).not.toEqual(one);
  });

  it('lets draws of one stream change nothing in another, nor in one that is made later', () => {
    const quiet = new World('7');
    const busy = new World('7');
    const early = busy.stream('link/0/1');
    draws(busy, 'link/1/0', 1_000);
    expect(Array.from({ length: 20 }, () => early.uint32())).toEqual(draws(quiet, 'link/0/1'));
    expect(draws(busy, 'sessions')).toEqual(draws(quiet, 'sessions'));
  });
});
