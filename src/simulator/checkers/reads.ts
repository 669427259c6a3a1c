/**
 * Consistency of what clients read, by the finality of the engine. That a value is the state of a replay from genesis as of
 * the block that it is said to be of is for Validity to see; here it is about blocks. Reads may be stale, unless they are
 * called linearizable (`linearizable.ts`). What is claimed of others:
 *
 *   finality        read of 'latest'                                     read of 'finalized'
 *   probabilistic   nothing besides: the head may be given up            nothing: depth is the operator's policy
 *   gadget          nothing besides: the head may be given up            PrefixOfOne, MonotonicReads
 *   instant         PrefixOfOne, MonotonicReads: the head is final       PrefixOfOne, MonotonicReads
 *
 * PrefixOfOne: no two correct nodes ever show different blocks of one height. MonotonicReads: no node ever shows an older
 * block than it has shown before, crashes and restarts included.
 */
import type { HeaderNode } from '../../chain/tree.ts';
import { type CheckerFactory, nameOf } from './checker.ts';

export const reads: CheckerFactory = ({ engine, isCorrect, report }) => {
  const shown = new Map<number, { readonly block: HeaderNode; readonly node: number }>();
  /** By node and kind of read. */
  const last = new Map<string, HeaderNode>();
  return {
    name: 'Reads',
    sees: ['read'],
    observe(observation) {
      if (observation.type !== 'read' || !isCorrect(observation.node)) return;
      const { node, kind, block } = observation;
      const isFinal = engine.finality === 'instant' || (engine.finality === 'gadget' && kind === 'finalized');
      if (!isFinal) return;
      const { number } = block.header;
      const first = shown.get(number);
      if (first === undefined) shown.set(number, { block, node });
      else if (first.block.hash !== block.hash) {
        report({ node, message: `Shows ${nameOf(block)} as ${kind}; node ${first.node} has shown ${nameOf(first.block)} of that height.` });
      }
      const before = last.get(`${node}/${kind}`);
      last.set(`${node}/${kind}`, block);
      if (before !== undefined && number < before.header.number) {
        report({ node, message: `Shows ${nameOf(block)} as ${kind} after it has shown ${nameOf(before)}.` });
      }
    },
  };
};
