/** What engines say of how much they hold: numbers under names that stay, and something of each after a little trouble. */
import { expect, it } from 'vitest';
import { ENGINE_NAMES } from '../../src/consensus/registry.ts';
import { run } from '../../src/simulator/run.ts';
import type { Subject } from '../../src/simulator/subject.ts';
import { knownSubject } from '../../src/simulator/subjects/registry.ts';

const OPTIONS = { faultsMs: 2_000 };
/** More than any of them may hold in a few seconds. */
const MOST = 2_000;
const MEMBERS = ['decidedBlocks', 'checking', 'proofs', 'claims', 'reads'];
const OWN: Readonly<Record<string, readonly string[]>> = {
  pow: ['candidates', 'orphans', 'fetches', 'early'],
  pos: ['blocks', 'orphans', 'waitingVotes', 'votedSlots', 'offences'],
  pbft: ['rounds', 'waiting', 'viewChanges', 'evidence', ...MEMBERS],
  raft: ['log', 'attestations', ...MEMBERS],
  paxos: ['log', 'attestations', ...MEMBERS],
  zab: ['history', 'attestations', ...MEMBERS],
  'chandra-toueg': ['notes', 'recent', 'attestations', ...MEMBERS],
};

it.each(ENGINE_NAMES)('%s says how much it holds', (name) => {
  const subject = knownSubject(name);
  if (subject === undefined) return expect.unreachable();
  const most = new Map<string, number>();
  const watched: Subject = {
    ...subject,
    create(...values) {
      const engine = subject.create(...values);
      const step: typeof engine.step = (state, event, context) => {
        const effects = engine.step(state, event, context);
        for (const [each, size] of Object.entries(engine.sizes?.(state) ?? {})) {
          if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`${each} is ${size}`);
          most.set(each, Math.max(size, most.get(each) ?? 0));
        }
        return effects;
      };
      return { ...engine, step };
    },
  };
  expect(run({ subject: watched, seed: '7', options: OPTIONS }).violations).toEqual([]);
  expect([...most.keys()].sort()).toEqual([...(OWN[name] ?? [])].sort());
  const sizes = [...most.values()];
  expect(Math.max(...sizes)).toBeGreaterThan(0);
  expect(Math.max(...sizes)).toBeLessThan(MOST);
});
