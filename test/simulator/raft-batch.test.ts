/** The batch of Raft. One seed alone: synod simulate --engine raft --events 1500 --pace 10 --seed 7 */
import { raftSubject } from '../../src/simulator/subjects/raft.ts';
import { CRASHES_ONLY, SELDOM_BLAMED, testSeeds } from './seed-batch.ts';

testSeeds({
  subject: raftSubject,
  title: 'Raft',
  faultEvents: 1_500,
  pace: 10,
  minEvents: 2_000,
  never: CRASHES_ONLY,
  rare: [SELDOM_BLAMED],
});
