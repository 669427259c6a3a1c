/**
 * Floods of votes: in May 2023 and December 2025 votes for old targets made clients compute states without end, and finality was lost.
 * Here they cost no more than a constant for each slot, and finality goes on.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Fault } from '../../src/simulator/faults.ts';
import { byzantine, EPOCH_MS, type Played, play, SLOTS, type Work } from './pos-play.ts';

/** Of real time, on a machine that is busy with much else. */
const LIMIT_MS = 180_000;
const BAD = 2;
const HONEST = [0, 1, 3, 4];
const EPOCHS = 42;
/** Two of five are away from epoch 18 to 34: nothing is final, and dozens of blocks are there to vote for. The floods begin in epoch 30. */
const AWAY: readonly Fault[] = [3, 4].map((node) => ({ fault: 'crash', node, atMs: 18 * EPOCH_MS, forMs: 16 * EPOCH_MS }));
const BACK_MS = 34 * EPOCH_MS;

/** With two keys each. */
function flooded(behaviour: string | null): Played {
  const schedule = behaviour === null ? AWAY : [byzantine(behaviour, BAD), ...AWAY];
  return play({ nodes: 5, stakes: [0, 1, 2, 3, 4].map(() => [32, 32]), schedule, epochs: EPOCHS, untilFaultsEnd: true, isCounted: true });
}

describe('a flood of', () => {
  let quiet: Work;
  beforeAll(() => {
    quiet = { ...flooded(null).work(0) };
  }, LIMIT_MS);

  it.each<[string, string, readonly string[]]>([
    ['votes for every block that is not final', 'oldTargets', []],
    ['votes of slots long gone', 'oldVotes', ['pos/attestation-slot']],
    ['votes of slots to come', 'futureVotes', ['pos/attestation-slot']],
    ['votes for blocks that do not exist', 'votesForNothing', []],
  ])(
    '%s holds nobody up',
    (_what, behaviour, codes) => {
      const played = flooded(behaviour);
      expect(played.unexpected).toEqual([]);
      for (const place of HONEST) {
        expect(played.of('finalized').filter(({ node, atMs }) => node === place && atMs > BACK_MS).length).toBeGreaterThan(2);
      }
      const slots = EPOCHS * SLOTS;
      expect(played.work(0).verified - quiet.verified).toBeLessThan(slots);
      expect(played.work(0).blockReads - quiet.blockReads).toBeLessThan(slots);
      for (const code of codes) expect(played.heldAgainst(BAD)).toContain(code);
    },
    LIMIT_MS,
  );
});
