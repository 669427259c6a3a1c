/**
 * Invariants of etcd's TLA+ specification of Raft (etcd-io/raft, tla/etcdraft.tla), about what is decided and who has it.
 *
 * LogInv: what two nodes take for decided are the same blocks, as far as both go.
 * CommittedIsDurable: what a leader decides is on the disks of a quorum.
 * QuorumLogInv: of every quorum somebody has what is decided in its log.
 * MoreUpToDateCorrect: a log that is at least as up to date as a decided block has that block. The specification compares with the
 * log of another node and what that takes for decided, which does not hold of one that catches up: it may have the leader's
 * word that all of its log is decided, and not yet the block of the leader's own term by which it was.
 */
import { present } from '../../base/assert.ts';
import type { Hash } from '../../base/types.ts';
import type { Membership } from '../../consensus/members/membership.ts';
import { placeId } from '../places.ts';
import type { CheckerFactory, Setting } from './checker.ts';
import type { Commit, Place, RaftLogs } from './raft-logs.ts';
import { logChecker } from './raft-safety.ts';

export const logInv = logChecker('LogInv', ({ report }) => {
  const decided = new Map<number, { readonly hash: Hash; readonly node: number }>();
  return {
    decided(node, { header, hash }) {
      const known = decided.get(header.number) ?? { hash, node };
      decided.set(header.number, known);
      if (known.hash === hash) return;
      report({ node, message: `Has decided ${hash} at height ${header.number}, where node ${known.node} has decided ${known.hash}.` });
    },
  };
});

export const committedIsDurable: CheckerFactory = logChecker('CommittedIsDurable', (setting, logs) => ({
  committed(node, commit) {
    const holders = nodesOf(setting).filter((each) => logs.isOnDisk(each, commit));
    const membership = membershipOf(logs, node);
    if (membership.isQuorum(placesOf(membership, holders))) return;
    const message = `Decides block ${commit.height} (${commit.hash}) in term ${commit.term}, which is on the disks of node ${holders.join(', ')} only; expected a quorum of ${describe(membership)}.`;
    setting.report({ node, message });
  },
}));

export const quorumLogInv: CheckerFactory = logChecker('QuorumLogInv', (setting, logs) => {
  /** And who decided it. */
  let top: (Commit & { readonly by: Membership }) | null = null;

  function check(node: number): void {
    if (top === null) return;
    const commit = top;
    const without = nodesOf(setting).filter((each) => !hasInLog(logs, each, commit));
    if (!commit.by.isQuorum(placesOf(commit.by, without))) return;
    const message = `Node ${without.join(', ')} have a quorum of ${describe(commit.by)}, and none of them has block ${commit.height} (${commit.hash}) in its log, which is decided.`;
    setting.report({ node, message });
  }

  return {
    committed(node, commit) {
      if (commit.height > (top?.height ?? -1)) top = { ...commit, by: membershipOf(logs, node) };
      check(node);
    },
    reset: check,
    appended: (node, _place, dropped) => void (dropped > 0 && check(node)),
  };
});

export const moreUpToDateCorrect: CheckerFactory = logChecker('MoreUpToDateCorrect', (setting, { logs }) => {
  /** The highest that a leader decided, with the block's own term, and that leader. */
  let top: (Pick<Place, 'height' | 'hash' | 'term'> & { readonly by: number }) | null = null;

  function check(node: number): void {
    const own = logs.get(node);
    if (own === undefined || top === null || !isAtLeast(own.last, top) || own.hashAt(top.height) === top.hash) return;
    const message = `Its log ends at ${own.last.height} of term ${own.last.term}, and has not block ${top.height} of term ${top.term} (${top.hash}), which node ${top.by} has decided.`;
    setting.report({ node, message });
  }

  return {
    committed(by, { height, hash, term }) {
      if (height <= (top?.height ?? -1)) return;
      top = { height, hash, term: logs.get(by)?.placeAt(height)?.term ?? term, by };
      for (const node of nodesOf(setting)) check(node);
    },
    reset: check,
    appended: check,
  };
});

/** In force with this node now. */
function membershipOf(logs: RaftLogs, node: number): Membership {
  return logs.membershipAt(present(logs.logs.get(node), 'the log of a node that runs').last);
}

function describe({ voters, incoming }: Membership): string {
  const [before, after] = [voters, incoming].map((members) => members?.map(({ node }) => node).join(', '));
  return after === undefined ? `${before}` : `${before} and of ${after}`;
}

/** Of those of these nodes that vote. */
export function placesOf(membership: Membership, nodes: readonly number[]): number[] {
  return nodes.flatMap((node) => membership.placeOf(placeId(node)) ?? []);
}

function nodesOf({ nodes }: Setting): number[] {
  return Array.from({ length: nodes }, (_, node) => node);
}

/** Of a node that is down: on its disk. */
function hasInLog(logs: RaftLogs, node: number, commit: Commit): boolean {
  const log = logs.logs.get(node);
  return log === undefined ? logs.isOnDisk(node, commit) : log.hashAt(commit.height) === commit.hash;
}

type End = Pick<Place, 'height' | 'term'>;

function isAtLeast(a: End, b: End): boolean {
  return a.term > b.term || (a.term === b.term && a.height >= b.height);
}
