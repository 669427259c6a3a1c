/** The batch of Zab. One seed alone: synod simulate --engine zab --events 1500 --pace 10 --seed 7 */
import { zabSubject } from '../../src/simulator/subjects/zab.ts';
import { CRASHES_ONLY, SELDOM_BLAMED, testSeeds } from './seed-batch.ts';

testSeeds({
  subject: zabSubject,
  title: 'Zab',
  faultEvents: 1_500,
  pace: 10,
  minEvents: 2_500,
  never: CRASHES_ONLY,
  rare: [
    SELDOM_BLAMED,
    'a leader gave up, since a follower had a better history',
    'a leader gave up, since a follower had accepted a later epoch',
  ],
});
