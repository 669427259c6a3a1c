/** Three short runs of operators who change the members of Raft while nodes fail. Many seeds of it: synod simulate --engine members-of-raft --seeds 1..50 */
import { expect, it } from 'vitest';
import { present } from '../../src/base/assert.ts';
import { run } from '../../src/simulator/run.ts';
import { knownSubject } from '../../src/simulator/subjects/registry.ts';

const subject = present(knownSubject('members-of-raft'), 'a subject');
const REACHED = ['a joint membership came into force', 'a learner came', 'a leader that was removed left its office'];

it('nothing that must hold stops while members come and go', () => {
  const marks = new Set<string>();
  for (const seed of ['6', '7', '11']) {
    const result = run({ subject, seed, options: { faultsMs: 240_000 } });
    expect(result.violations).toEqual([]);
    for (const mark of result.marks) marks.add(mark);
  }
  expect([...marks]).toEqual(expect.arrayContaining(REACHED));
});
