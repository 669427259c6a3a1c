/**
 * No correct node is held to have broken a rule by another correct node: else a network bans itself to pieces. Silence is
 * exempt, because the network of a simulation loses messages; so is having relayed a block whose body turned out bad.
 */
import { mayBeRelayed } from '../../network/reputation.ts';
import type { CheckerFactory } from './checker.ts';

const EXEMPT = ['sync/unresponsive', 'sync/withheld'];

export const blame: CheckerFactory = ({ isCorrect, badShare, report }) => ({
  name: 'NoHonestBlamed',
  sees: ['offence'],
  observe(observation) {
    if (observation.type !== 'offence') return;
    const { node, against, error } = observation;
    if (!isCorrect(node) || !isCorrect(against) || EXEMPT.includes(error.code)) return;
    if (mayBeRelayed(error) && badShare > 0) return;
    report({ node, message: `Blames node ${against}, which follows the protocol: ${error.message} [${error.code}]` });
  },
});
