/**
 * The batch of proof-of-work: some 20,000 events for each seed. Faults happen for 19,000 of them, whatever the network is like; what
 * is owed after them takes about a thousand more. One seed alone: synod simulate --duration 14400 --events 19000 --seed 7
 */
import { powSubject } from '../../src/simulator/subjects/pow.ts';
import { testSeeds } from './seed-batch.ts';

/** Long enough for the smallest and slowest network to have so many events. */
const FAULTS_MS = 4 * 3_600_000;

testSeeds({
  subject: powSubject,
  title: 'proof-of-work',
  options: { faultsMs: FAULTS_MS },
  faultEvents: 19_000,
  minEvents: 19_000,
});
