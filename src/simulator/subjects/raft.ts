/**
 * Raft in the simulator. What is drawn keeps to what the protocol promises: progress when the election time-out is much
 * longer than a message there and back with a write in between (Ongaro's dissertation, section 3.9). Safety hangs on no time.
 */
import type { Random } from '../../base/random.ts';
import { createRaft } from '../../consensus/raft/engine.ts';
import { committedIsDurable, logInv, moreUpToDateCorrect, quorumLogInv } from '../checkers/raft-quorums.ts';
import {
  electionSafety,
  leaderAppendOnly,
  leaderCompleteness,
  logMatching,
  ownTermFirst,
  persistBeforeSend,
  readsAfterOwnBlock,
} from '../checkers/raft-safety.ts';
import { traced } from '../marks.ts';
import type { EngineJson, NetworkTimes } from '../subject.ts';
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
    leaderAppendOnly,
    logMatching,
    leaderCompleteness,
    persistBeforeSend,
    ownTermFirst,
    readsAfterOwnBlock,
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
