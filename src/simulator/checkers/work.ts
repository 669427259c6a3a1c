/**
 * Proof-of-work's own invariants. WorkMonotone: a head never has less work than the one before it, in one life, nor after
 * a crash less than what was durable. HeadIsMaxWork: in the end each correct node's head is as heavy as any block that a
 * correct node knows to be valid.
 */
import type { ChainView, HeaderNode } from '../../chain/tree.ts';
import { isOfNode } from '../observations.ts';
import { type CheckerFactory, nameOf } from './checker.ts';

/** More blocks of one height than any run has. */
const MAX_SIBLINGS = 10_000;

export const workMonotone: CheckerFactory = ({ isCorrect, report }) => {
  const durable = new Map<number, HeaderNode>();
  return {
    name: 'WorkMonotone',
    sees: ['durable', 'started', 'head'],
    observe(observation) {
      if (!isOfNode(observation) || !isCorrect(observation.node)) return;
      const { node } = observation;
      if (observation.type === 'durable') durable.set(node, observation.head);
      if (observation.type === 'started') {
        const before = durable.get(node);
        const { head } = observation.chain;
        if (before !== undefined && head.facts.weight < before.facts.weight) {
          report({ node, message: `Starts with head ${nameOf(head)}, which has less work than the durable head ${nameOf(before)}.` });
        }
      }
      if (observation.type !== 'head') return;
      const { old, head } = observation;
      if (head.facts.weight <= old.facts.weight) {
        report({ node, message: `Left head ${nameOf(old)} of work ${old.facts.weight} for ${nameOf(head)} of work ${head.facts.weight}.` });
      }
    },
  };
};

/**
 * A node may hold a heavier block that it has not executed yet only while it works on it; so this is asked when a node
 * had all the time it needs: at the end of the calm, of blocks that are old enough.
 */
export const headIsMaxWork: CheckerFactory = ({ nodes, isCorrect, chainOf, nowMs, report, options }) => {
  const knownSinceMs = new Map<HeaderNode, number>();
  /** Blocks of this age must have been weighed: executing what a branch of some blocks needs takes a few times this long. */
  const settledMs = 30_000 + 100 * options.executionMs;
  return {
    name: 'HeadIsMaxWork',
    sees: ['inserted'],
    observe(observation) {
      if (observation.type !== 'inserted' || !isCorrect(observation.node)) return;
      const block = chainOf(observation.node)?.get(observation.hash);
      if (block !== undefined) knownSinceMs.set(block, nowMs());
    },
    end() {
      for (let node = 0; node < nodes; node++) {
        const chain = isCorrect(node) ? chainOf(node) : null;
        if (chain === null) continue;
        for (const block of storedBlocks(chain)) {
          if (block.facts.weight <= chain.head.facts.weight || chain.status(block.hash) === 'invalid') continue;
          if (nowMs() - (knownSinceMs.get(block) ?? nowMs()) < settledMs) continue;
          report({ node, message: `Has head ${nameOf(chain.head)}, and knows of ${nameOf(block)} with more work.` });
          return;
        }
      }
    },
  };
};

function* storedBlocks(chain: ChainView): Generator<HeaderNode> {
  for (let number = 0; number <= chain.maxHeight; number++) yield* chain.atHeight(number, MAX_SIBLINGS);
}
