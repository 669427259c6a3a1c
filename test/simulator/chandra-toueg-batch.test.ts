/** The batch of Chandra-Toueg. One seed alone: synod simulate --engine chandra-toueg --events 1500 --pace 10 --seed 7 */
import { chandraTouegSubject } from '../../src/simulator/subjects/chandra-toueg.ts';
import { CRASHES_ONLY, SELDOM_BLAMED, testSeeds } from './seed-batch.ts';

testSeeds({
  subject: chandraTouegSubject,
  title: 'Chandra-Toueg',
  faultEvents: 1_500,
  pace: 10,
  minEvents: 2_500,
  never: CRASHES_ONLY,
  rare: [SELDOM_BLAMED],
});
