/** Bugs of going from one engine to another: when a phase ends, and what shows of it beyond its end. */
import type { Mutant } from './mutant.ts';

/** The change comes soon, and little has to be done until then. */
const QUICK = { nodes: 4, faultsMs: 90_000, latencyMs: 2, jitterMs: 1, diskWriteMs: 2, executionMs: 2, transfersPerMinute: 120 } as const;

export const PHASES_MUTANTS: readonly Mutant[] = [
  {
    name: 'phases/next-before-final',
    story:
      'The next engine begins on the block at its height as soon as that is the head. It may not be the last word: nodes begin on different blocks, and never agree again.',
    source:
      'Lamport, Malkhi, Zhou, "Reconfiguring a State Machine", section 3: the next instance begins when the stopping command is chosen',
    file: 'consensus/phases/step.ts',
    edits: [{ find: 'endWhenFinal(turn, event.finalized);', replace: 'endWhenFinal(turn, event.head);' }],
    engine: 'pos-to-pbft',
    options: { ...QUICK, faultsMs: 120_000 },
    faults: ['partition'],
    finders: ['Agreement', 'Termination', 'Durability'],
    maxSeeds: 20,
  },
  {
    name: 'phases/old-blocks-above-the-end',
    story:
      'Blocks of the engine that is over are taken above its last one: some nodes go on with them, others with the next engine, and each blames the others for it.',
    source: 'Lamport, Malkhi, Zhou, "Reconfiguring a State Machine", section 3: nothing is executed after the stopping command',
    file: 'consensus/phases/running.ts',
    edits: [
      { find: 'const isCarrier = anchorUpTo(turn, phase, parent) !== null;', replace: 'const isCarrier = false;' },
      {
        find: "phase.engine.finality === 'instant' ? anchorUpTo(turn, phase, effect.hash) : null;",
        replace: 'null as ReturnType<typeof anchorUpTo>;',
      },
      { find: 'anchorUpTo(turn, phase, effect.hash) ?? chain.get(effect.hash);', replace: 'chain.get(effect.hash);' },
    ],
    engine: 'raft-to-pbft',
    // The leader has the next block before the last one has its proof.
    options: { ...QUICK, latencyMs: 50, transfersPerMinute: 240 },
    faults: ['crash', 'partition'],
    finders: ['Agreement', 'Termination', 'Durability', 'NoHonestBlamed'],
    maxSeeds: 30,
  },
];
