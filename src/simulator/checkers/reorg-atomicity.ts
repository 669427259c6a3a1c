/**
 * ReorgAtomicity. A reorganisation is done whole: in the moment in which a node has a new head, the canonical chain is the
 * way from that head to the fork and nothing else, every block on it is executed, and none of the branch that was left
 * shines through, neither below the head nor above it.
 */
import { type CheckerFactory, nameOf } from './checker.ts';

export const reorgAtomicity: CheckerFactory = ({ isCorrect, chainOf, report }) => ({
  name: 'ReorgAtomicity',
  sees: ['head'],
  observe(observation) {
    if (observation.type !== 'head' || observation.removed.length === 0 || !isCorrect(observation.node)) return;
    const { node, head, old, removed } = observation;
    const chain = chainOf(node);
    const lowest = removed.at(-1)?.header.number;
    if (chain === null || lowest === undefined) return;
    const what = `After the reorganisation from ${nameOf(old)} to ${nameOf(head)}`;
    let expected = head;
    while (expected.header.number >= lowest) {
      const { number, parentHash } = expected.header;
      if (chain.canonical(number) !== expected.hash) {
        return report({ node, message: `${what} the canonical block of height ${number} is ${chain.canonical(number)}.` });
      }
      const status = chain.status(expected.hash);
      if (status !== 'executed') return report({ node, message: `${what} block ${nameOf(expected)} is ${status}, not executed.` });
      const parent = chain.get(parentHash);
      if (parent === undefined) return report({ node, message: `${what} the parent of block ${nameOf(expected)} is unknown.` });
      expected = parent;
    }
    for (let number = head.header.number + 1; number <= old.header.number; number++) {
      const left = chain.canonical(number);
      if (left !== undefined) return report({ node, message: `${what} block ${left} of height ${number} is still canonical.` });
    }
  },
});
