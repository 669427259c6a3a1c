/** The batch of Multi-Paxos. One seed alone: synod simulate --engine paxos --events 1500 --pace 10 --seed 7 */
import { paxosSubject } from '../../src/simulator/subjects/paxos.ts';
import { CRASHES_ONLY, SELDOM_BLAMED, testSeeds } from './seed-batch.ts';

testSeeds({
  subject: paxosSubject,
  title: 'Multi-Paxos',
  faultEvents: 1_500,
  pace: 10,
  minEvents: 2_500,
  never: CRASHES_ONLY,
  rare: [SELDOM_BLAMED, 'phase 1 showed values that had lost'],
});
