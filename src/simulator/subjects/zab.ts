/**
 * Zab in the simulator. What is drawn keeps to what the protocol promises: progress when what both limits allow is much
 * longer than a message there and back with a write in between. Safety hangs on no time.
 */
import type { Random } from '../../base/random.ts';
import { createZab } from '../../consensus/zab/engine.ts';
import { epochPromise, historyBeforeEpoch, leadership1, leadership2, primaryIntegrity } from '../checkers/zab-epochs.ts';
import { globalPrimaryOrder, localPrimaryOrder, prefixConsistency, totalOrder, zabIntegrity } from '../checkers/zab-orders.ts';
import { traced } from '../marks.ts';
import type { EngineJson, NetworkTimes } from '../subject.ts';
import { membersSubject, transfersAmong } from './members.ts';

/** As in `simulation.ts`: links differ by this factor; and jitter is seldom more than so many times its mean. */
const SLOWEST_LINK = 4;
const MUCH_JITTER = 4;
const SYNC_MS = [1_000, 2_000, 4_000];
const SYNC_LIMITS = [5, 10];
const EMPTY_BLOCK_MS = { low: 500, high: 3_000 } as const;
/** Leaders that may fail one after another before one succeeds, each found out by the longest silence. */
const ATTEMPTS = 4;

export const zabSubject = membersSubject({
  name: 'zab',
  faults: 'crash',
  create: createZab,
  settings: drawSettings,
  blockMs: (settings) => Number(settings.emptyBlockMs),
  maxTimeoutMs: ({ tickMs, initLimit, emptyBlockMs }) => ATTEMPTS * Number(tickMs) * Number(initLimit) + Number(emptyBlockMs),
  linearizableRead: 'read',
  operators: transfersAmong,
  invariants: [
    epochPromise,
    leadership1,
    leadership2,
    primaryIntegrity,
    historyBeforeEpoch,
    zabIntegrity,
    totalOrder,
    prefixConsistency,
    localPrimaryOrder,
    globalPrimaryOrder,
  ],
  marks: [
    traced('a leader handed over to another, on the wish of an operator', 'handedOver'),
    traced('a leader was deposed with uncommitted blocks', 'deposed', ({ uncommitted }) => Number(uncommitted) > 0),
    traced('a leader without a quorum stepped down', 'noQuorum'),
    traced('a tail that is not in the history of the leader was truncated', 'truncated'),
    traced('a leader began with undecided blocks of others', 'newLeader', ({ uncommitted }) => Number(uncommitted) > 0),
    traced('a follower was brought up to date from the log', 'sync', ({ mode }) => mode === 'diff'),
    traced('a follower was brought back to what is decided', 'sync', ({ mode }) => mode === 'trunc'),
    traced('a follower got decided blocks in a snapshot', 'snapshot'),
    traced('blocks that were lost were sent again', 'sentAgain'),
    traced('a leader gave up, since a follower had a better history', 'look', ({ reason }) => reason === 'a follower has a better history'),
    traced(
      'a leader gave up, since a follower had accepted a later epoch',
      'look',
      ({ reason }) => reason === 'a follower has accepted a later epoch',
    ),
  ],
});

function drawSettings(random: Random, { latencyMs, jitterMs, diskWriteMs }: NetworkTimes): EngineJson {
  const roundTripMs = 2 * (SLOWEST_LINK * latencyMs + MUCH_JITTER * jitterMs) + 2 * diskWriteMs;
  const syncMs = Math.max(random.pick(SYNC_MS), Math.ceil(2 * roundTripMs));
  const syncLimit = random.pick(SYNC_LIMITS);
  const { low, high } = EMPTY_BLOCK_MS;
  return {
    blockIntervalMs: random.pick([0, 0, 100]),
    emptyBlockMs: low + random.below(high - low + 1),
    tickMs: Math.ceil(syncMs / syncLimit),
    initLimit: 2 * syncLimit,
    syncLimit,
  };
}
