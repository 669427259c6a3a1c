/**
 * Raft's own properties (Ongaro's dissertation, figure 3.2). State Machine Safety is Agreement, which holds for every engine.
 *
 * ElectionSafety: at most one leader in a term; and nobody votes for two candidates of one term, whatever crashes.
 * ElectedByQuorum: who leads has the votes of a quorum of the membership that its own log ends with: of both sides, if it is joint.
 * LeaderAppendOnly: a leader never drops a block of its log.
 * LogMatching: blocks of one height and term are the same block, and each follows the one before it in the log.
 * PersistBeforeSend: what a node says of its term, its vote and its log is on its disk (figure 3.1, "updated on stable storage").
 * OwnTermFirst: what a leader decides by counting is a block of its own term (figure 3.7, in the paper figure 8).
 * ReadsAfterOwnBlock: a leader tells others what a read must show only when a block of its own term is decided (section 6.4, step 1).
 * ChangesAfterOwnBlock: a leader begins no change of members before a block of its own term is decided (Ongaro, raft-dev, 2015).
 * LeaderCompleteness: what a leader has decided is in the logs of the leaders of all later terms.
 */
import type { Hash, NodeId } from '../../base/types.ts';
import { placeId } from '../places.ts';
import type { Checker, CheckerFactory, Setting } from './checker.ts';
import { type Commit, type LogListener, logsOf, type RaftLogs, SEES } from './raft-logs.ts';

export function logChecker(name: string, listen: (setting: Setting, logs: RaftLogs) => LogListener): CheckerFactory {
  return (setting): Checker => {
    const logs = logsOf(setting);
    logs.listeners.push(listen(setting, logs));
    return { name, sees: SEES, observe: (observation) => logs.observe(observation) };
  };
}

export const electionSafety = logChecker('ElectionSafety', ({ report }) => {
  const leaders = new Map<number, number>();
  /** By node and term. */
  const votes = new Map<string, string>();

  function voted(node: number, term: number, candidate: string): void {
    const before = votes.get(`${node}/${term}`) ?? candidate;
    votes.set(`${node}/${term}`, before);
    if (before !== candidate) report({ node, message: `Votes for ${candidate} in term ${term}, and has voted for ${before} in it.` });
  }

  return {
    role(node, role, term) {
      if (role !== 'leader') return;
      const before = leaders.get(term) ?? node;
      leaders.set(term, before);
      if (before !== node) report({ node, message: `Leads in term ${term}, which node ${before} has led.` });
    },
    sent(node, to, message) {
      if (message.type === 'vote' && message.granted && !message.isPre) voted(node, message.term, to);
      if (message.type === 'requestVote' && message.campaign !== 'preVote') voted(node, message.term, placeId(node));
    },
  };
});

export const electedByQuorum = logChecker('ElectedByQuorum', ({ report }, logs) => {
  /** By term and candidate: who votes for it. */
  const votes = new Map<string, Set<NodeId>>();

  function voted(term: number, candidate: NodeId, voter: NodeId): void {
    const key = `${term}/${candidate}`;
    votes.set(key, (votes.get(key) ?? new Set()).add(voter));
  }

  return {
    sent(node, to, message) {
      if (message.type === 'vote' && message.granted && !message.isPre && to !== '*') voted(message.term, to, placeId(node));
    },
    role(node, role, term) {
      const log = logs.logs.get(node);
      if (role !== 'leader' || log === undefined) return;
      const self = placeId(node);
      const voters = [self, ...(votes.get(`${term}/${self}`) ?? [])];
      const membership = logs.membershipAt(log.last);
      if (membership.isQuorum(voters.flatMap((voter) => membership.placeOf(voter) ?? []))) return;
      report({ node, message: `Leads in term ${term} with the votes of ${voters.join(', ')}, which are no quorum of those in force.` });
    },
  };
});

export const leaderAppendOnly = logChecker('LeaderAppendOnly', ({ report }) => {
  const roles = new Map<number, string>();
  return {
    role: (node, role) => void roles.set(node, role),
    reset: (node) => void roles.delete(node),
    appended(node, { height }, dropped) {
      if (dropped > 0 && roles.get(node) === 'leader') report({ node, message: `Leads, and drops ${dropped} blocks from ${height} on.` });
    },
  };
});

export const logMatching = logChecker('LogMatching', ({ report }, { logs }) => {
  /** By height and term. */
  const blocks = new Map<string, Hash>();
  return {
    appended(node, { height, term, hash, parent }) {
      const key = `${height}/${term}`;
      const known = blocks.get(key) ?? hash;
      blocks.set(key, known);
      if (known !== hash) report({ node, message: `Has ${hash} at height ${height} of term ${term}; another log has ${known} there.` });
      const before = logs.get(node)?.hashAt(height - 1);
      if (before !== parent) {
        report({ node, message: `Block ${height} follows ${parent} in its log, where ${before ?? 'nothing'} is.` });
      }
    },
  };
});

export const leaderCompleteness = logChecker('LeaderCompleteness', ({ report }, { logs }) => {
  /** The highest that was decided in each term. */
  const commits = new Map<number, Commit>();
  return {
    committed(_node, commit) {
      if (commit.height > (commits.get(commit.term)?.height ?? -1)) commits.set(commit.term, commit);
    },
    role(node, role, term) {
      const log = logs.get(node);
      if (role !== 'leader' || log === undefined) return;
      for (const { height, hash, term: decidedIn } of commits.values()) {
        if (decidedIn >= term || log.hashAt(height) === hash) continue;
        report({ node, message: `Leads in term ${term} without block ${height} (${hash}), which was decided in term ${decidedIn}.` });
      }
    },
  };
});

export const persistBeforeSend = logChecker('PersistBeforeSend', ({ report }, logs) => {
  function check(node: number, isOnDisk: boolean, what: string): void {
    if (isOnDisk) return;
    const { term, vote } = logs.termOnDisk(node);
    report({ node, message: `Says ${what}, which is not on its disk (term ${term}, vote for ${vote ?? 'nobody'}).` });
  }

  return {
    sent(node, to, message) {
      const { term, vote } = logs.termOnDisk(node);
      if (message.type === 'vote' && message.granted && !message.isPre) {
        check(node, term > message.term || (term === message.term && vote === to), `that it votes for ${to} in term ${message.term}`);
      }
      if (message.type === 'requestVote' && message.campaign !== 'preVote') {
        check(node, term > message.term || (term === message.term && vote === placeId(node)), `that it stands in term ${message.term}`);
      }
      if (message.type !== 'ack') return;
      check(node, term >= message.term, `that this is term ${message.term}`);
      const hash = logs.logs.get(node)?.hashAt(message.durable);
      check(node, hash !== undefined && logs.isOnDisk(node, { height: message.durable, hash }), `that it has block ${message.durable}`);
    },
  };
});

export const ownTermFirst = logChecker('OwnTermFirst', ({ report }, { logs }) => ({
  committed(node, { height, hash, term }) {
    const place = logs.get(node)?.placeAt(height);
    if (place === undefined || place.hash !== hash || place.term === term) return;
    report({
      node,
      message: `Leads in term ${term}, and decides block ${height} (${hash}) of term ${place.term} because a quorum has it.`,
    });
  },
}));

export const readsAfterOwnBlock = logChecker('ReadsAfterOwnBlock', ({ report }) => {
  /** By node: the term that it leads in, and the last in which it decided a block. */
  const leads = new Map<number, number>();
  const decided = new Map<number, number>();
  return {
    role: (node, role, term) => void (role === 'leader' ? leads.set(node, term) : leads.delete(node)),
    reset: (node) => void leads.delete(node),
    committed: (node, { term }) => void decided.set(node, term),
    sent(node, to, message) {
      const term = leads.get(node);
      if (message.type !== 'readAt' || term === undefined || decided.get(node) === term) return;
      report({ node, message: `Answers a read of ${to} with height ${message.height}, and has decided no block of its own term ${term}.` });
    },
  };
});

export const changesAfterOwnBlock = logChecker('ChangesAfterOwnBlock', ({ report }, { logs }) => {
  const leads = new Map<number, number>();
  const decided = new Map<number, number>();
  return {
    role: (node, role, term) => void (role === 'leader' ? leads.set(node, term) : leads.delete(node)),
    reset: (node) => void leads.delete(node),
    committed: (node, { term }) => void decided.set(node, term),
    appended(node, { height, members, parent }) {
      const term = leads.get(node);
      const before = logs.get(node)?.membersAt(height - 1, parent);
      if (term === undefined || decided.get(node) === term || before === undefined || before === members) return;
      report({ node, message: `Changes the members with block ${height}, and has decided no block of its own term ${term}.` });
    },
  };
});
