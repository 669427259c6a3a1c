/**
 * Invariants of etcd's TLA+ specification of Raft (etcd-io/raft, tla/etcdraft.tla), about what is decided and who has it.
 *
 * LogInv: what two nodes take for decided are the same blocks, as far as both go.
 * CommittedIsDurable: what a leader decides is on the disks of a quorum.
 * QuorumLogInv: of every quorum somebody has what is decided in its log.
 * MoreUpToDateCorrect: a log that is at least as up to date as another has all that the node of the other takes for decided.
 */
import type { Hash } from '../../base/types.ts';
import { majority } from '../../consensus/votes.ts';
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
    const needed = majority(setting.nodes);
    if (holders.length >= needed) return;
    const message = `Decides block ${commit.height} (${commit.hash}) in term ${commit.term}, which is on the disks of node ${holders.join(', ')} only; expected ${needed}.`;
    setting.report({ node, message });
  },
}));

export const quorumLogInv: CheckerFactory = logChecker('QuorumLogInv', (setting, logs) => {
  let top: Commit | null = null;

  function check(node: number): void {
    if (top === null) return;
    const commit = top;
    const without = nodesOf(setting).filter((each) => !hasInLog(logs, each, commit));
    const quorum = majority(setting.nodes);
    if (without.length < quorum) return;
    const message = `Node ${without.join(', ')} are a quorum, and none of them has block ${commit.height} (${commit.hash}) in its log, which is decided.`;
    setting.report({ node, message });
  }

  return {
    committed(node, commit) {
      if (commit.height > (top?.height ?? -1)) top = commit;
      check(node);
    },
    reset: check,
    appended: (node, _place, dropped) => void (dropped > 0 && check(node)),
  };
});

export const moreUpToDateCorrect: CheckerFactory = logChecker('MoreUpToDateCorrect', (setting, { logs }) => {
  const heads = new Map<number, Pick<Place, 'height' | 'hash'>>();

  function check(node: number, other: number): void {
    const [own, theirs, decided] = [logs.get(node), logs.get(other), heads.get(other)];
    if (own === undefined || theirs === undefined || decided === undefined || !isAtLeast(own.last, theirs.last)) return;
    if (own.hashAt(decided.height) === decided.hash) return;
    const message = `Its log ends at ${own.last.height} of term ${own.last.term}, as up to date as that of node ${other} (${theirs.last.height} of term ${theirs.last.term}), and has not block ${decided.height} (${decided.hash}), which that has decided.`;
    setting.report({ node, message });
  }

  const checkOwn = (node: number): void => nodesOf(setting).forEach((other) => void check(node, other));
  return {
    decided(node, { header, hash }) {
      heads.set(node, { height: header.number, hash });
      for (const other of nodesOf(setting)) check(other, node);
    },
    reset(node) {
      heads.delete(node);
      checkOwn(node);
    },
    appended: checkOwn,
  };
});

function nodesOf({ nodes }: Setting): number[] {
  return Array.from({ length: nodes }, (_, node) => node);
}

/** Of a node that is down: on its disk. */
function hasInLog(logs: RaftLogs, node: number, commit: Commit): boolean {
  const log = logs.logs.get(node);
  return log === undefined ? logs.isOnDisk(node, commit) : log.hashAt(commit.height) === commit.hash;
}

function isAtLeast(a: Place, b: Place): boolean {
  return a.term > b.term || (a.term === b.term && a.height >= b.height);
}
