/** PBFT in the simulator. What is drawn keeps to what the protocol promises: a view is long enough for a block to go round. */
import type { Random } from '../../base/random.ts';
import { createPbft } from '../../consensus/pbft/engine.ts';
import { PBFT_BEHAVIOURS } from '../behaviours/pbft.ts';
import { externalValidity, pbftBounded, stableCheckpointMatch, waterMarks } from '../checkers/pbft-bounds.ts';
import { newViewCarries, viewChangeComplete } from '../checkers/pbft-views.ts';
import { committedLocal, evidenceSound, preparedIsKept, preparedUnique } from '../checkers/pbft-votes.ts';
import { traced } from '../marks.ts';
import type { EngineJson, NetworkTimes } from '../subject.ts';
import { membersSubject } from './members.ts';

const VIEW_TIMEOUTS_MS = [500, 1_000, 2_000, 4_000, 8_000, 16_000];
const DOUBLINGS = [2, 3, 4];
const EMPTY_BLOCK_MS = { low: 500, high: 3_000 };
const CHECKPOINTS = [2, 4, 16];
/** As in `simulation.ts`: links differ by this factor; and jitter is seldom more than so many times its mean. */
const SLOWEST_LINK = 4;
const MUCH_JITTER = 4;
/** Proposal, prepares and commits, and what may have to be asked for again. */
const HOPS = 4;
/** Block, prepared, committed. */
const WRITES = 3;

export const pbftSubject = membersSubject({
  name: 'pbft',
  faults: 'byzantine',
  create: createPbft,
  settings: drawSettings,
  blockMs: ({ emptyBlockMs }) => Number(emptyBlockMs),
  // A view may be idle for as long as an empty block takes before its time-out begins. Of ten such waits f are for primaries that are
  // gone or lie, some for members that come together in one view, and the rest for what was lost on the way.
  maxTimeoutMs: ({ maxViewTimeoutMs, emptyBlockMs }) => Number(maxViewTimeoutMs) + Number(emptyBlockMs),
  linearizableRead: 'read',
  behaviours: PBFT_BEHAVIOURS,
  invariants: [
    preparedUnique,
    committedLocal,
    preparedIsKept,
    evidenceSound,
    viewChangeComplete,
    newViewCarries,
    waterMarks,
    stableCheckpointMatch,
    externalValidity,
    pbftBounded,
  ],
  marks: [
    traced('a view change', 'viewChange'),
    traced('a member left a view with f + 1 others', 'viewChange', ({ reason }) => reason === 'joined'),
    traced('a new view carried a prepared block', 'newView', ({ carried }) => carried !== null),
    traced('a null request', 'nullRequest'),
    traced('a checkpoint', 'checkpoint'),
    traced('evidence of equivocation', 'evidence'),
    traced('a view was left because its primary was convicted', 'viewChange', ({ reason }) => reason === 'equivocation'),
    traced('a view failed as soon as it was wanted', 'viewChange', ({ reason }) => reason === 'no new view'),
  ],
});

function drawSettings(random: Random, times: NetworkTimes): EngineJson {
  const viewTimeoutMs = VIEW_TIMEOUTS_MS.find((timeoutMs) => timeoutMs >= neededMs(times)) ?? 16_000;
  return {
    emptyBlockMs: EMPTY_BLOCK_MS.low + random.below(EMPTY_BLOCK_MS.high - EMPTY_BLOCK_MS.low),
    viewTimeoutMs,
    maxViewTimeoutMs: viewTimeoutMs * 2 ** random.pick(DOUBLINGS),
    checkpointEvery: random.pick(CHECKPOINTS),
  };
}

function neededMs({ latencyMs, jitterMs, executionMs, diskWriteMs }: NetworkTimes): number {
  return HOPS * (SLOWEST_LINK * latencyMs + MUCH_JITTER * jitterMs) + 2 * executionMs + WRITES * diskWriteMs;
}
