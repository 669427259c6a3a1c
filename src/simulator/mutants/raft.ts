/** Bugs of Raft: elections, what is counted as decided, what is on disk before it is said, and reads. */
import { placeId } from '../places.ts';
import { membersOf } from '../subjects/member-list.ts';
import { TAG_KEYS } from '../tags.ts';
import type { Mutant } from './mutant.ts';

const ELECTION = 'consensus/raft/election.ts';
const FOLLOW = 'consensus/raft/follow.ts';
const REPLICATION = 'consensus/raft/replication.ts';
const ROLES = 'consensus/raft/roles.ts';
const READS = 'consensus/raft/reads.ts';

/** Small networks whose leaders change often. */
const RAFT = { engine: 'raft', options: { nodes: 3, faultsMs: 300_000 } } as const;
const FIVE = { engine: 'raft', options: { nodes: 5, faultsMs: 300_000 } } as const;

const CLIENTS_NODES = 3;
/** Who write and read the same few accounts all the time; and a leader that is cut off believes for seconds that it leads. */
const manyClients = (latencyMs: number) => ({
  nodes: CLIENTS_NODES,
  faultsMs: 240_000,
  latencyMs,
  jitterMs: 2,
  diskWriteMs: 2,
  executionMs: 2,
  transfersPerMinute: 240,
  accounts: 2,
  engine: {
    members: membersOf(
      Array.from({ length: CLIENTS_NODES }, (_, place) => placeId(place)),
      TAG_KEYS,
    ),
    heartbeatMs: 800,
    electionMinMs: 4_000,
    electionMaxMs: 5_000,
    emptyBlockMs: 3_000,
  },
});

const ELECTIONS: readonly Mutant[] = [
  {
    ...RAFT,
    name: 'raft/vote-not-on-disk',
    story: 'A vote is given and not written down: after a crash the node votes again in the same term, for somebody else.',
    source: "Ongaro's dissertation, figure 3.1: votedFor is persistent; Jepsen found it missing in several implementations",
    file: ELECTION,
    edits: [{ find: '      state.vote = from;\n      persistTerm(turn);', replace: '      state.vote = from;' }],
    finders: ['PersistBeforeSend', 'ElectionSafety'],
    maxSeeds: 10,
    faults: ['crash', 'partition', 'noise'],
  },
  {
    ...RAFT,
    name: 'raft/term-not-on-disk',
    story: 'A new term is entered and not written down: after a crash the node lives through it again, and votes in it again.',
    source: "Ongaro's dissertation, figure 3.1: currentTerm is persistent",
    file: ROLES,
    edits: [{ find: '  persistTerm(turn);\n}', replace: '}' }],
    finders: ['PersistBeforeSend', 'ElectionSafety'],
    maxSeeds: 10,
    faults: ['crash', 'partition', 'noise'],
  },
  {
    ...RAFT,
    name: 'raft/votes-twice',
    story: 'Who asks gets a vote, whoever got it before in this term: two leaders of one term.',
    source: "Ongaro's dissertation, section 3.4: first come, first served",
    file: ELECTION,
    edits: [{ find: '(state.vote === null || state.vote === from)', replace: 'state.term > 0' }],
    finders: ['ElectionSafety'],
    maxSeeds: 100,
    faults: ['crash', 'partition', 'noise'],
  },
  {
    ...RAFT,
    name: 'raft/votes-for-a-shorter-log',
    story: 'Whether the log of a candidate is as up to date as the own is not looked at: a leader overwrites what was decided.',
    source: "Ongaro's dissertation, section 3.6.1",
    file: ELECTION,
    edits: [{ find: '!isMoreUpToDate(state.log.last, last)', replace: 'last.height >= 0' }],
    finders: ['LeaderCompleteness', 'LogInv', 'MoreUpToDateCorrect', 'QuorumLogInv'],
    maxSeeds: 50,
    faults: ['crash', 'partition', 'noise'],
  },
  {
    ...RAFT,
    name: 'raft/pre-vote-deadlock',
    story: 'Who has heard a leader in this term refuses all others, however long that is ago: when the leader is gone, nobody wins.',
    source:
      "Ongaro's dissertation, section 4.2.3: within the minimum election time-out of hearing from a leader; pre-vote deadlocks of etcd",
    file: ROLES,
    edits: [
      {
        find: '(heardMs !== null && nowMs - heardMs < electionMinMs)',
        replace: '(heardMs !== null && nowMs - heardMs < nowMs + electionMinMs)',
      },
    ],
    finders: ['Termination'],
    maxSeeds: 20,
    faults: ['crash', 'partition', 'noise'],
  },
];

const DECIDING: readonly Mutant[] = [
  {
    ...FIVE,
    name: 'raft/counts-an-old-term',
    story: 'A block of an earlier term is taken for decided because a majority has it; a later leader overwrites it.',
    source: "Ongaro's dissertation, figure 3.7; figure 8 of the paper",
    file: REPLICATION,
    edits: [{ find: 'if (position.term !== state.term) {', replace: 'if (position.term > state.term) {' }],
    finders: ['OwnTermFirst', 'LeaderCompleteness', 'LogInv', 'MoreUpToDateCorrect', 'QuorumLogInv'],
    maxSeeds: 30,
    faults: ['crash', 'partition', 'noise'],
  },
  {
    ...RAFT,
    name: 'raft/acknowledges-too-early',
    story: 'A follower acknowledges what it has in memory: a crash of two takes what the leader has decided.',
    source: "Ongaro's dissertation, figure 3.1: updated on stable storage before responding",
    file: FOLLOW,
    edits: [{ find: 'answered.durable = Math.min(durableHeight(state), matched);', replace: 'answered.durable = matched;' }],
    finders: ['CommittedIsDurable', 'PersistBeforeSend'],
    maxSeeds: 20,
    faults: ['crash', 'slowDisk', 'noise'],
  },
  {
    ...RAFT,
    name: 'raft/counts-itself-too-early',
    story: 'A leader counts itself before its own disk has the block.',
    source: "Ongaro's dissertation, section 10.2.1: the leader may write in parallel, and counts itself when it has written",
    file: REPLICATION,
    edits: [{ find: 'const own = durableHeight(state);', replace: 'const own = state.log.last.height;' }],
    finders: ['CommittedIsDurable'],
    maxSeeds: 50,
    faults: ['slowDisk', 'crash'],
  },
  {
    ...RAFT,
    name: 'raft/commits-beyond-what-matched',
    story: "The leader's commit index is applied to whatever the follower's log has there, left over from another leader.",
    source: "Ongaro's dissertation, figure 3.1, AppendEntries 5: the minimum with the index of the last new entry",
    file: FOLLOW,
    edits: [{ find: 'Math.min(commit, state.matched)', replace: 'Math.min(commit, log.last.height)' }],
    finders: ['LogInv', 'Agreement'],
    maxSeeds: 100,
    faults: ['crash', 'partition', 'noise'],
  },
  {
    ...RAFT,
    name: 'raft/keeps-what-contradicts',
    story: 'A block that is already at a height stays there, though the leader has another one: nothing is truncated.',
    source: "Ongaro's dissertation, figure 3.1, AppendEntries 3",
    file: FOLLOW,
    edits: [{ find: 'log.at(end)?.hash !== hashHeader(block.header)', replace: 'log.at(end) === undefined' }],
    finders: ['LogInv', 'Agreement', 'CommittedIsDurable', 'LogMatching'],
    maxSeeds: 100,
    faults: ['crash', 'partition', 'noise'],
  },
];

const READING: readonly Mutant[] = [
  {
    ...RAFT,
    name: 'raft/reads-before-an-own-block',
    story: 'A new leader answers reads before a block of its own term is decided, and does not know yet what was decided before.',
    source: "Ongaro's dissertation, section 6.4, step 1; etcd-io/raft: ReadIndex before a commit in the current term",
    file: READS,
    edits: [{ find: 'hasDecidedOwn(state) && state.readIndex', replace: 'state.readIndex' }],
    finders: ['ReadsAfterOwnBlock', 'Linearizability'],
    maxSeeds: 20,
    // Slow links: it takes a new leader seconds to decide its first block.
    options: manyClients(120),
    faults: ['crash', 'partition'],
  },
  {
    ...RAFT,
    name: 'raft/reads-without-asking',
    story: 'A leader answers reads without asking whether it still leads: one that is cut off shows the past.',
    source: "Ongaro's dissertation, section 6.4, step 3; etcd before 2.3 read stale values (Jepsen, 2014)",
    file: READS,
    edits: [{ find: 'receiveRead(turn, self, read);', replace: 'readIsAt(turn, self, read, state.commit);' }],
    finders: ['Linearizability'],
    maxSeeds: 30,
    options: manyClients(5),
    faults: ['partition'],
  },
];

export const RAFT_MUTANTS: readonly Mutant[] = [...ELECTIONS, ...DECIDING, ...READING];
