/**
 * Zab's invariants about leaders and epochs (Zab.tla of apache/zookeeper, zookeeper-specifications).
 *
 * EpochPromise: who has acknowledged an epoch enters no earlier one, before or after a crash (algorithm 1: f.p never falls).
 * Leadership1: in one epoch one node speaks as its leader.
 * Leadership2: an epoch in which something is decided is on the disks of a quorum as the current one, and so is what is decided.
 * PrimaryIntegrity: the history with which an epoch begins has everything that anybody has delivered before.
 * HistoryBeforeEpoch: a node on whose disk an epoch is the current one has the history with which that began
 * (ZOOKEEPER-4643, 4646, 4685).
 */
import { majority } from '../../consensus/votes.ts';
import { type Claim, type Place, zabChecker } from './zab-disks.ts';

export const epochPromise = zabChecker('EpochPromise', ({ report }) => {
  const promised = new Map<number, number>();
  return {
    sent(node, message) {
      if (message.type !== 'ackEpoch') return;
      const { epoch } = message;
      const before = promised.get(node) ?? 0;
      promised.set(node, Math.max(before, epoch));
      if (epoch < before) report({ node, message: `Acknowledges epoch ${epoch}, and has acknowledged epoch ${before} before.` });
    },
  };
});

export const leadership1 = zabChecker('Leadership1', ({ report }) => {
  const leaders = new Map<number, number>();
  return {
    sent(node, message) {
      const { type } = message;
      if (type !== 'newLeader' && type !== 'propose' && type !== 'commit' && type !== 'snapshot') return;
      const before = leaders.get(message.epoch) ?? node;
      leaders.set(message.epoch, before);
      if (before !== node) report({ node, message: `Says ${type} in epoch ${message.epoch}, which node ${before} leads.` });
    },
  };
});

export const leadership2 = zabChecker('Leadership2', ({ nodes, report }, disks) => ({
  committed(node, { epoch, height, hash }) {
    const places = Array.from({ length: nodes }, (_, place) => place);
    const holders = places.filter((place) => disks.currentOf(place) >= epoch && disks.has(place, { height, hash }));
    if (holders.length >= majority(nodes)) return;
    const message = `Decides block ${height} (${hash}) in epoch ${epoch}; both are on the disks of node ${holders.join(', ')} only, and ${majority(nodes)} are needed.`;
    report({ node, message });
  },
}));

export const primaryIntegrity = zabChecker('PrimaryIntegrity', ({ report, chainOf }) => {
  let top: Place | null = null;
  return {
    delivered(_node, { header, hash }) {
      if (header.number > (top?.height ?? -1)) top = { height: header.number, hash };
    },
    chosen(node, { epoch, height, hash }) {
      const chain = chainOf(node);
      if (top === null || chain === null) return;
      let at = chain.get(hash);
      while (at !== undefined && at.header.number > top.height) at = chain.get(at.header.parentHash);
      if (at?.hash === top.hash) return;
      const message = `Begins epoch ${epoch} with a history up to ${height} without block ${top.height} (${top.hash}), which was delivered.`;
      report({ node, message });
    },
  };
});

export const historyBeforeEpoch = zabChecker('HistoryBeforeEpoch', ({ report }, disks) => {
  const beginnings = new Map<number, Claim>();
  return {
    chosen: (_node, claim) => void beginnings.set(claim.epoch, claim),
    entered(node, epoch) {
      const claim = beginnings.get(epoch);
      if (claim === undefined) return void report({ node, message: `Has epoch ${epoch} as the current one, which no leader has begun.` });
      if (disks.has(node, claim)) return;
      report({
        node,
        message: `Has epoch ${epoch} on disk as the current one, and not its history up to ${claim.height} (${claim.hash}).`,
      });
    },
  };
});
