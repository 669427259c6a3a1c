/** The event queue: due order, ties in the order of scheduling, cancelled events never, against a model that sorts. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventQueue, type Scheduled } from '../../src/simulator/event-queue.ts';

const FOR_EVER = Number.MAX_SAFE_INTEGER;
const nothing = () => undefined;

/** All that is left, in the order in which it comes. */
function drain(queue: EventQueue, untilUs = FOR_EVER): Scheduled[] {
  const popped: Scheduled[] = [];
  for (let next = queue.pop(untilUs); next !== undefined; next = queue.pop(untilUs)) popped.push(next);
  return popped;
}

describe('EventQueue', () => {
  it('gives events by time, and those of one time in the order of their coming', () => {
    const queue = new EventQueue();
    const [late, first, second, early] = [30, 20, 20, 10].map((atUs) => queue.push(atUs, nothing));
    expect(drain(queue)).toEqual([early, first, second, late]);
    expect(queue.size).toBe(0);
  });

  it('keeps what is due later than asked for', () => {
    const queue = new EventQueue();
    const due = queue.push(10, nothing);
    const later = queue.push(11, nothing);
    expect(drain(queue, 10)).toEqual([due]);
    expect(queue.size).toBe(1);
    expect(queue.pop(11)).toBe(later);
  });

  it('has nothing when it is empty', () => expect(new EventQueue().pop(FOR_EVER)).toBeUndefined());

  it('never gives a cancelled event, and does not stop at one', () => {
    const queue = new EventQueue();
    const cancelled = queue.push(1, nothing);
    const kept = queue.push(2, nothing);
    cancelled.action = null;
    expect(drain(queue)).toEqual([kept]);
  });

  it('is a sorted list, whatever is pushed, popped and cancelled in whatever order', () => {
    const command = fc.oneof(
      fc.record({ type: fc.constant('push' as const), atUs: fc.nat(20) }),
      fc.record({ type: fc.constant('pop' as const), untilUs: fc.nat(20) }),
      fc.record({ type: fc.constant('cancel' as const), index: fc.nat(20) }),
    );
    fc.assert(
      fc.property(fc.array(command, { maxLength: 120 }), (commands) => {
        const queue = new EventQueue();
        let model: Scheduled[] = [];
        for (const one of commands) {
          if (one.type === 'push') {
            model.push(queue.push(one.atUs, nothing));
          } else if (one.type === 'cancel') {
            const [event] = model.splice(one.index, 1);
            if (event !== undefined) event.action = null;
          } else {
            // The model is in the order of pushing, and sorting is stable.
            const expected = model.toSorted((a, b) => a.atUs - b.atUs).find(({ atUs }) => atUs <= one.untilUs);
            expect(queue.pop(one.untilUs)).toBe(expected);
            model = model.filter((event) => event !== expected);
          }
        }
        expect(drain(queue)).toEqual(model.toSorted((a, b) => a.atUs - b.atUs));
      }),
      { seed: 1, numRuns: 300 },
    );
  });
});
