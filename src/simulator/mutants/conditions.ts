import type { Fault } from '../faults.ts';

/** Conditions under which mutants are hunted, where what a seed draws would do but take longer. */
export const POW = { engine: 'pow' } as const;
/** For bugs of nodes that come together again, and find that some went over to the branch of others. */
export const REJOINING = {
  engine: 'pow',
  options: { nodes: 7, faultsMs: 900_000, engine: { blockTimeSeconds: 2, minimumDifficulty: 50, blockRewardWei: 5 } },
  faults: ['partition', 'noise', 'crash'],
} as const;
/** For bugs that only time shows: less of it, so that a seed takes a fraction of a second. */
export const SHORT = {
  engine: 'pow',
  options: { nodes: 4, faultsMs: 600_000, engine: { blockTimeSeconds: 5, minimumDifficulty: 50, blockRewardWei: 5 } },
} as const;
/** For bugs of what is written before it is sent: with an engine that signs. */
export const SIGNING = { engine: 'pos', options: { nodes: 4, faultsMs: 300_000 } } as const;
/** Small networks of stake that do not run for long. */
export const POS = { engine: 'pos', options: { nodes: 4, faultsMs: 200_000 } } as const;
/** The same, where clients call the staking contract all the time. */
export const STAKING = { engine: 'pos', options: { nodes: 4, faultsMs: 300_000, transfersPerMinute: 60 } } as const;
/** Where a clock is wrong and nobody is there to say so. */
export const ALONE = { engine: 'pos', options: { nodes: 2, faultsMs: 600_000 }, faults: ['clock', 'partition'] } as const;

/** One node after the other is cut off for `forMs`, one every `everyMs`. */
export function turns(nodes: number, forMs: number, everyMs: number, untilMs: number): Fault[] {
  const count = Math.floor(untilMs / everyMs);
  return Array.from({ length: count }, (_, i) => ({
    fault: 'partition',
    side: [i % nodes],
    direction: 'both',
    atMs: (i + 1) * everyMs,
    forMs,
  }));
}
