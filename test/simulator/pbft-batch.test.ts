/**
 * The batch of PBFT: seeds with whatever faults they draw, and for each way in which a member of PBFT can misbehave one run with
 * such a member and little else; among seven, which bear two, a primary that equivocates and a silent member at once. One seed alone: synod simulate --engine pbft --events 1500 --pace 10 --seed 7
 */
import { PBFT_BEHAVIOURS } from '../../src/simulator/behaviours/pbft.ts';
import type { Fault } from '../../src/simulator/faults.ts';
import { FOR_EVER_MS } from '../../src/simulator/schedule.ts';
import { pbftSubject } from '../../src/simulator/subjects/pbft.ts';
import { NO_REORGANISATION, testSeeds } from './seed-batch.ts';

const ROLE_EVENTS = 3_000;
const LIAR = 3;

const liars = [...PBFT_BEHAVIOURS.keys()].map((behaviour) => {
  const schedule: Fault[] = [
    { fault: 'byzantine', node: LIAR, behaviour, atMs: 0, forMs: FOR_EVER_MS },
    // So that the others have to change views, and the liar gets its turn.
    { fault: 'crash', node: 0, atMs: 20_000, forMs: 15_000 },
    { fault: 'noise', loss: 0.1, duplicate: 0.1, reorder: 0.1, atMs: 0, forMs: 60_000 },
  ];
  return { seed: behaviour, options: { nodes: 4, survivors: [0, 1, 2, 3] }, schedule, limits: { faultEvents: ROLE_EVENTS } };
});

const LYING_AND_SILENT: readonly Fault[] = [
  { fault: 'byzantine', node: 0, behaviour: 'equivocating', atMs: 0, forMs: FOR_EVER_MS },
  { fault: 'byzantine', node: 3, behaviour: 'silent', atMs: 0, forMs: FOR_EVER_MS },
];
const among7 = {
  seed: 'equivocating and silent',
  options: { nodes: 7, survivors: [0, 1, 2, 3, 4, 5, 6] },
  schedule: LYING_AND_SILENT,
  limits: { faultEvents: ROLE_EVENTS },
};

testSeeds({
  subject: pbftSubject,
  title: 'PBFT, and each way to misbehave',
  faultEvents: 1_500,
  pace: 10,
  others: [...liars, among7],
  minEvents: 2_000,
  never: NO_REORGANISATION,
});
