/**
 * Raft in the simulator. What is drawn keeps to what the protocol promises: progress when the election time-out is much
 * longer than a message there and back with a write in between (Ongaro's dissertation, section 3.9). Safety hangs on no time.
 */
import type { Random } from '../../base/random.ts';
import type { Json } from '../../base/types.ts';
import { createRaft } from '../../consensus/raft/engine.ts';
import { committedIsDurable, logInv, moreUpToDateCorrect, quorumLogInv } from '../checkers/raft-quorums.ts';
import {
  changesAfterOwnBlock,
  electedByQuorum,
  electionSafety,
  leaderAppendOnly,
  leaderCompleteness,
  logMatching,
  ownTermFirst,
  persistBeforeSend,
  readsAfterOwnBlock,
} from '../checkers/raft-safety.ts';
import { traced } from '../marks.ts';
import type { EngineJson, NetworkTimes, Subject } from '../subject.ts';
import { membersSubject } from './members.ts';

/** As in `simulation.ts`: links differ by this factor; and jitter is seldom more than so many times its mean. */
const SLOWEST_LINK = 4;
const MUCH_JITTER = 4;
const ELECTION_MS = [1_000, 2_000, 4_000];
const HEARTBEATS_PER_ELECTION = [5, 10];
const EMPTY_BLOCK_MS = { low: 500, high: 3_000 } as const;
/** Elections that may fail in a row: nobody is heard, or votes are split. */
const ELECTIONS = 3;

export const raftSubject = membersSubject({
  name: 'raft',
  faults: 'crash',
  create: createRaft,
  settings: drawSettings,
  blockMs: (settings) => Number(settings.emptyBlockMs),
  maxTimeoutMs: (settings) => ELECTIONS * Number(settings.electionMaxMs) + Number(settings.emptyBlockMs),
  linearizableRead: 'read',
  invariants: [
    electionSafety,
    electedByQuorum,
    leaderAppendOnly,
    logMatching,
    leaderCompleteness,
    persistBeforeSend,
    ownTermFirst,
    readsAfterOwnBlock,
    changesAfterOwnBlock,
    logInv,
    committedIsDurable,
    quorumLogInv,
    moreUpToDateCorrect,
  ],
  marks: [
    traced('a leader was deposed with uncommitted blocks', 'deposed', ({ uncommitted }) => Number(uncommitted) > 0),
    traced('a leader without a quorum stepped down', 'noQuorum'),
    traced('blocks that contradict the leader were truncated', 'truncated'),
    traced('a candidate was less up to date', 'lessUpToDate'),
    traced('a leader began with undecided blocks of others', 'elected', ({ uncommitted }) => Number(uncommitted) > 0),
    traced('a quorum had a block of an old term', 'oldTerm'),
    traced('a leader looked for the common part further back', 'backtracked', ({ by }) => Number(by) > 1),
    traced('a follower got decided blocks in a chunk', 'chunk'),
  ],
});

/** Of five nodes three are members at first; operators add and remove any of them. */
const FIRST_MEMBERS = 3;

/** Whoever is a member in the end: all nodes have to work for progress to be owed. */
export const raftMembersSubject: Subject = {
  ...raftSubject,
  name: 'members-of-raft',
  sizes: [5],
  quorum: (nodes) => nodes,
  drawSettings(random, nodes, keys, times) {
    const { members, ...settings } = raftSubject.drawSettings(random, nodes, keys, times);
    const all = members as readonly Json[];
    return { ...settings, members: all.slice(0, FIRST_MEMBERS), spare: all.slice(FIRST_MEMBERS) };
  },
  create(params, node, proofs, signatures) {
    const { spare: _, ...settings } = params.engine.settings;
    return raftSubject.create({ ...params, engine: { ...params.engine, settings } }, node, proofs, signatures);
  },
  operators({ members, spare }) {
    const all = [...(members as readonly EngineJson[]), ...(spare as readonly EngineJson[])];
    const adds = all.map((member) => ({ name: 'add', arguments: member }));
    const removes = all.map(({ node = null }) => ({ name: 'remove', arguments: { node } }));
    // Adding takes longer, and seldom comes about where much fails: else one voter would soon be left.
    return [...adds, ...adds, ...removes];
  },
  marks: [
    ...raftSubject.marks,
    traced('a joint membership came into force', 'members', ({ incoming }) => incoming !== null),
    traced('a learner came', 'members', ({ learners }) => Array.isArray(learners) && learners.length > 0),
    traced('a membership with an even number of voters', 'members', ({ voters }) => Array.isArray(voters) && voters.length % 2 === 0),
    traced('a leader that was removed left its office', 'leftOffice'),
    traced('a stranger was asked about', 'stranger'),
  ],
};

function drawSettings(random: Random, { latencyMs, jitterMs, diskWriteMs }: NetworkTimes): EngineJson {
  const roundTripMs = 2 * (SLOWEST_LINK * latencyMs + MUCH_JITTER * jitterMs) + 2 * diskWriteMs;
  const electionMinMs = Math.max(random.pick(ELECTION_MS), Math.ceil(2 * roundTripMs));
  const { low, high } = EMPTY_BLOCK_MS;
  return {
    blockIntervalMs: random.pick([0, 0, 100]),
    emptyBlockMs: low + random.below(high - low + 1),
    heartbeatMs: Math.floor(electionMinMs / random.pick(HEARTBEATS_PER_ELECTION)),
    electionMinMs,
    electionMaxMs: 2 * electionMinMs,
  };
}
