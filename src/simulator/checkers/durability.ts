/**
 * No acknowledged write is lost. After a restart a node has every head, finalized block and log record that was reported
 * durable before. (The head itself may have been replaced by a heavier one that was on its way to the disk.)
 */
import type { Lsn } from '../../base/types.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import { type CheckerFactory, nameOf } from './checker.ts';

export const durability: CheckerFactory = ({ report }) => {
  const heads = new Map<number, HeaderNode>();
  const finals = new Map<number, HeaderNode>();
  const records = new Map<number, Lsn>();
  return {
    name: 'Durability',
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
