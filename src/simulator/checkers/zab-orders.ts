/**
 * Zab's invariants about what is delivered, and in which order (DSN 2011, section III; Zab.tla). A block is delivered by the node
 * whose head it becomes, after all before it.
 *
 * Integrity: what is delivered, a leader has proposed and a quorum has on disk. TotalOrder: whoever delivers a height delivers the same block there.
 * PrefixConsistency: of two nodes, what one has delivered begins with what the other has, or the other way round.
 * LocalPrimaryOrder: the blocks of one epoch are one chain, each proposed once, after the one before it.
 * GlobalPrimaryOrder: no block of an earlier epoch is delivered after one of a later epoch.
 */
import type { Hash } from '../../base/types.ts';
import { hashHeader } from '../../chain/header.ts';
import type { ChainView, HeaderNode } from '../../chain/tree.ts';
import { majority } from '../../consensus/votes.ts';
import { epochOf } from '../../consensus/zab/state.ts';
import { zabChecker } from './zab-disks.ts';

/** From the new head back to the old one. */
function* delivered(chain: ChainView | null, head: HeaderNode, old: HeaderNode): Generator<HeaderNode, undefined> {
  let at: HeaderNode | undefined = head;
  while (at !== undefined && at.header.number > old.header.number) {
    yield at;
    at = chain?.get(at.header.parentHash);
  }
}

export const zabIntegrity = zabChecker('ZabIntegrity', ({ report, chainOf, nodes }, disks) => {
  const proposed = new Set<Hash>();
  return {
    sent(_node, message) {
      if (message.type === 'propose') proposed.add(hashHeader(message.block.header));
    },
    delivered(node, head, old) {
      const place = { height: head.header.number, hash: head.hash };
      const holders = Array.from({ length: nodes }, (_, other) => other).filter((other) => disks.has(other, place));
      if (holders.length < majority(nodes)) {
        const message = `Delivers block ${place.height} (${place.hash}), which is on the disks of node ${holders.join(', ')} only.`;
        report({ node, message });
      }
      for (const { header, hash } of delivered(chainOf(node), head, old)) {
        if (!proposed.has(hash)) report({ node, message: `Delivers block ${header.number} (${hash}), which no leader has proposed.` });
      }
    },
  };
});

export const totalOrder = zabChecker('TotalOrder', ({ report, chainOf }) => {
  const known = new Map<number, { readonly hash: Hash; readonly node: number }>();
  return {
    delivered(node, head, old) {
      for (const { header, hash } of delivered(chainOf(node), head, old)) {
        const first = known.get(header.number) ?? { hash, node };
        known.set(header.number, first);
        if (first.hash === hash) continue;
        report({ node, message: `Delivers ${hash} at height ${header.number}, where node ${first.node} has delivered ${first.hash}.` });
      }
    },
  };
});

export const prefixConsistency = zabChecker('PrefixConsistency', ({ report, chainOf, nodes }) => ({
  delivered(node, head) {
    const own = chainOf(node);
    for (let other = 0; other < nodes; other++) {
      const chain = other === node ? null : chainOf(other);
      if (chain === null || own === null) continue;
      const height = Math.min(head.header.number, chain.head.header.number);
      const [here, there] = [own.canonical(height), chain.canonical(height)];
      if (here !== there) report({ node, message: `Has delivered ${here} at height ${height}, and node ${other} ${there}.` });
    }
  },
}));

export const localPrimaryOrder = zabChecker('LocalPrimaryOrder', ({ report }) => {
  /** By epoch and height: the block, and what is before it. */
  const blocks = new Map<string, Hash>();
  return {
    sent(node, message) {
      if (message.type !== 'propose') return;
      const { header } = message.block;
      const epoch = epochOf({ header });
      const hash = hashHeader(header);
      const key = `${epoch}/${header.number}`;
      const known = blocks.get(key) ?? hash;
      blocks.set(key, known);
      if (known !== hash)
        report({ node, message: `Proposes ${hash} as block ${header.number} of epoch ${epoch}; ${known} has that zxid.` });
      const before = blocks.get(`${epoch}/${header.number - 1}`);
      if (before === undefined || before === header.parentHash) return;
      report({ node, message: `Proposes block ${header.number} of epoch ${epoch} after ${header.parentHash}, and not after ${before}.` });
    },
  };
});

export const globalPrimaryOrder = zabChecker('GlobalPrimaryOrder', ({ report, chainOf }) => ({
  delivered(node, head, old) {
    let later = epochOf(head);
    for (const block of [...delivered(chainOf(node), head, old), old]) {
      const epoch = epochOf(block);
      if (epoch > later) {
        report({ node, message: `Delivers a block of epoch ${later} after block ${block.header.number}, which is of epoch ${epoch}.` });
      }
      later = epoch;
    }
  },
}));
