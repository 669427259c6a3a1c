/**
 * Integrity. The head and its chain are what they pretend to be: executed blocks, each the child of the one before; no
 * head leaves a finalized block behind; each node finalizes each height once, in ascending order.
 */
import type { Hash } from '../../base/types.ts';
import { isOfNode } from '../observations.ts';
import { type CheckerFactory, nameOf } from './checker.ts';

export const integrity: CheckerFactory = ({ nodes, isCorrect, chainOf, report }) => {
  const finalizedHeight = new Map<number, number>();
  /** By node and height: the chain that was found whole so far. At a start only what is above it is looked at; all, in the end. */
  const whole = new Map<number, Hash[]>();

  function checkChain(node: number, known: Hash[]): void {
    const chain = chainOf(node);
    if (chain === null) return;
    let { hash } = chain.head;
    known.length = Math.min(known.length, chain.head.header.number + 1);
    for (let number = chain.head.header.number; number >= 0 && known[number] !== hash; number--) {
      const block = chain.get(hash);
      if (chain.canonical(number) !== hash || block === undefined || chain.status(hash) !== 'executed') {
        return report({
          node,
          message: `The canonical chain is broken at height ${number}: ${chain.canonical(number)} is not the executed block ${hash}.`,
        });
      }
      known[number] = hash;
      hash = block.header.parentHash;
    }
    if (chain.canonical(chain.finalized.header.number) !== chain.finalized.hash) {
      report({ node, message: `The finalized block ${nameOf(chain.finalized)} is not in the chain of the head ${nameOf(chain.head)}.` });
    }
  }

  return {
    name: 'Integrity',
    sees: ['started', 'head', 'finalized'],
    observe(observation) {
      if (!isOfNode(observation) || !isCorrect(observation.node)) return;
      const { node } = observation;
      if (observation.type === 'started') {
        finalizedHeight.set(node, observation.chain.finalized.header.number);
        const known = whole.get(node) ?? [];
        whole.set(node, known);
        checkChain(node, known);
      }
      if (observation.type === 'head') {
        const { head } = observation;
        const chain = chainOf(node);
        const stands = head.header.number === 0 || chain?.get(head.header.parentHash) !== undefined;
        if (chain === null || !stands || chain.status(head.hash) !== 'executed') {
          report({ node, message: `The head ${nameOf(head)} is not an executed block on a known parent.` });
        }
      }
      if (observation.type === 'finalized') {
        const { number } = observation.block.header;
        const last = finalizedHeight.get(node) ?? 0;
        if (number <= last) report({ node, message: `Finalized height ${number} after height ${last}.` });
        finalizedHeight.set(node, number);
      }
    },
    end() {
      for (let node = 0; node < nodes; node++) if (isCorrect(node)) checkChain(node, []);
    },
  };
};
