/**
 * Agreement. Where blocks are finalized: no two correct nodes finalize different blocks of one height, ever, crashes and
 * restarts included. (Uniform: what a node finalized before it died counts as well.) More liars than the engine bears may bring it about:
 * then it is reported as what was to be expected.
 */
import type { Hash } from '../../base/types.ts';
import type { CheckerFactory } from './checker.ts';

export const agreement: CheckerFactory = ({ isCorrect, isOverwhelmed, report }) => {
  const decided = new Map<number, { readonly hash: Hash; readonly node: number }>();
  return {
    name: 'Agreement',
    sees: ['finalized'],
    observe(observation) {
      if (observation.type !== 'finalized' || !isCorrect(observation.node)) return;
      const { node, block } = observation;
      const { number } = block.header;
      const first = decided.get(number);
      if (first === undefined) decided.set(number, { hash: block.hash, node });
      else if (first.hash !== block.hash) {
        const message = `Finalized ${block.hash} at height ${number}; node ${first.node} had finalized ${first.hash}.`;
        report({ node, message, expected: isOverwhelmed });
      }
    },
  };
};
