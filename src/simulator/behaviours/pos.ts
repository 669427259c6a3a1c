/** Validators who do not play by the rules, by name. */
import type { BehaviourFactory } from './behaviour.ts';
import { balancing, boostless, bouncing, reorganisingExAnte } from './pos-attacks.ts';
import { doubleProposing, doubleVoting, surroundVoting } from './pos-double.ts';
import { futureVotes, oldTargets, oldVotes, votesForNothing } from './pos-floods.ts';
import { lateProposing, lateVoting } from './pos-late.ts';
import { anyWrongBlocks } from './pos-wrong-blocks.ts';
import { falseEvidence, lateEvidence } from './pos-wrong-evidence.ts';
import { anyWrongVotes } from './pos-wrong-votes.ts';

export const POS_BEHAVIOURS: ReadonlyMap<string, BehaviourFactory> = new Map([
  ['doubleProposing', doubleProposing],
  ['doubleVoting', doubleVoting],
  ['surroundVoting', surroundVoting],
  ['lateProposing', lateProposing],
  ['lateVoting', lateVoting],
  ['wrongVotes', anyWrongVotes],
  ['wrongBlocks', anyWrongBlocks],
  ['falseEvidence', falseEvidence],
  ['lateEvidence', lateEvidence],
  ['oldVotes', oldVotes],
  ['futureVotes', futureVotes],
  ['oldTargets', oldTargets],
  ['votesForNothing', votesForNothing],
  ['reorganisingExAnte', reorganisingExAnte()],
  ['balancing', balancing],
  ['bouncing', bouncing],
  ['boostless', boostless],
]);
