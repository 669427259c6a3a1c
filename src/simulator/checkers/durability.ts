/**
 * No acknowledged write is lost, in two senses.
 *
 * Durability: after a restart a node has every head, finalized block and log record that was reported durable before. (The
 * head itself may have been replaced by a heavier one that was on its way to the disk.)
 *
 * AcknowledgedWrites: what a client may believe to be done (`acknowledgements.ts`) is in the chain of every correct node
 * that has come so far, at every restart and in the end: the block that was final with it is, and the transaction is in it.
 */
import type { Hash, Lsn } from '../../base/types.ts';
import type { ChainView, HeaderNode } from '../../chain/tree.ts';
import { isOfNode } from '../observations.ts';
import { Acknowledgements } from './acknowledgements.ts';
import { type CheckerFactory, nameOf } from './checker.ts';

export const durability: CheckerFactory = ({ report }) => {
  const heads = new Map<number, HeaderNode>();
  const finals = new Map<number, HeaderNode>();
  const records = new Map<number, Lsn>();
  return {
    name: 'Durability',
    sees: ['durable', 'finalDurable', 'persisted', 'started'],
    observe(observation) {
      if (observation.type === 'durable') heads.set(observation.node, observation.head);
      if (observation.type === 'finalDurable') finals.set(observation.node, observation.block);
      if (observation.type === 'persisted') records.set(observation.node, observation.lsn);
      if (observation.type !== 'started') return;
      const { node, chain, lsn } = observation;
      const head = heads.get(node);
      const final = finals.get(node);
      if (head !== undefined && chain.status(head.hash) !== 'executed') {
        report({ node, message: `Lost the head ${nameOf(head)}, which was durable before the crash.` });
      }
      if (final !== undefined && chain.canonical(final.header.number) !== final.hash) {
        report({ node, message: `Lost the finalized block ${nameOf(final)}, which was durable before the crash.` });
      }
      if (lsn < (records.get(node) ?? 0))
        report({ node, message: `Lost log records: ${records.get(node)} were durable, ${lsn} are left.` });
    },
  };
};

export const acknowledgedWrites: CheckerFactory = ({ engine, nodes, isCorrect, chainOf, report }) => {
  const acknowledgements = new Acknowledgements(chainOf);
  /** By height: the block that was final with what was acknowledged, and by whom. */
  const promised = new Map<number, { readonly hash: Hash; readonly node: number; readonly writes: Set<string> }>();

  function check(node: number, chain: ChainView, ownHeight: number): void {
    for (const [height, { hash, node: by, writes }] of promised) {
      if (height > ownHeight || chain.canonical(height) === hash) continue;
      const [first] = writes;
      return report({
        node,
        message: `Has lost ${writes.size} transactions of block ${height} (${hash}), ${first} among them, which node ${by} told a client were done.`,
      });
    }
  }

  return {
    name: 'AcknowledgedWrites',
    sees: ['submitted', 'finalDurable', 'started'],
    observe(observation) {
      if (engine.finality === 'probabilistic' || !isOfNode(observation) || !isCorrect(observation.node)) return;
      for (const { node, id, hash, block } of acknowledgements.observe(observation)) {
        const { number } = block.header;
        const known = promised.get(number) ?? { hash, node, writes: new Set<string>() };
        // The first promise counts: that a second one is another block is for Agreement to say, and for the end to find.
        if (known.hash === hash) promised.set(number, { ...known, writes: known.writes.add(id) });
      }
      // What a node had finalized when it went down has to be there when it comes back.
      if (observation.type === 'started') check(observation.node, observation.chain, observation.chain.finalized.header.number);
    },
    end() {
      for (let node = 0; node < nodes; node++) {
        const chain = isCorrect(node) ? chainOf(node) : null;
        if (chain !== null) check(node, chain, chain.finalized.header.number);
      }
    },
  };
};
