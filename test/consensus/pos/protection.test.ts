import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Hash } from '../../../src/base/types.ts';
import { isSlashable } from '../../../src/consensus/pos/detector.ts';
import { type History, mayPropose, mayVote, noteProposal, noteSigned, noteVote, signedBy } from '../../../src/consensus/pos/protection.ts';
import type { AttestationData } from '../../../src/consensus/pos/types.ts';

const key = `0x${'ab'.repeat(48)}` as const;
const root = (n: number): Hash => `0x${n.toString(16).padStart(64, '0')}` as Hash;

describe('slashing protection', () => {
  it('lets a slot be proposed once, and none below it', () => {
    const history: History = new Map();
    expect(mayPropose(history, key, 0)).toBe(true);
    noteProposal(history, key, 5);
    expect([4, 5, 6].map((slot) => mayPropose(history, key, slot))).toEqual([false, false, true]);
    expect(mayPropose(history, `0x${'cd'.repeat(48)}`, 1)).toBe(true);
  });

  it('lets targets ascend and sources not go back', () => {
    const history: History = new Map();
    noteVote(history, key, 2, 3);
    const cases = [
      [2, 3],
      [3, 3],
      [1, 4],
      [2, 2],
      [2, 4],
      [4, 5],
      [5, 4],
    ] as const;
    expect(cases.map(([source, target]) => mayVote(history, key, source, target))).toEqual([false, false, false, false, true, true, false]);
  });

  it('never goes back by what it is told', () => {
    const history: History = new Map();
    noteSigned(history, key, { slot: 9, source: 3, target: 4 });
    noteSigned(history, key, { slot: 7, source: 1, target: 6 });
    expect(signedBy(history, key)).toEqual({ slot: 9, source: 3, target: 6 });
  });

  it('whatever it allows, in any order of asking, is not slashable', () => {
    const link = fc.tuple(fc.nat(6), fc.nat(6));
    fc.assert(
      fc.property(fc.array(link, { maxLength: 20 }), (links) => {
        const history: History = new Map();
        const signed: AttestationData[] = [];
        for (const [i, [source, target]] of links.entries()) {
          if (!mayVote(history, key, source, target)) continue;
          noteVote(history, key, source, target);
          signed.push({
            slot: i,
            committee: 0,
            head: root(i),
            source: { epoch: source, root: root(0) },
            target: { epoch: target, root: root(0) },
          });
        }
        for (const [i, a] of signed.entries()) for (const b of signed.slice(i + 1)) expect(isSlashable(a, b)).toBe(false);
      }),
    );
  });
});
