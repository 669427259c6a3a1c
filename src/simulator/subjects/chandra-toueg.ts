/**
 * Chandra-Toueg in the simulator. What is drawn keeps to what the protocol promises: progress when the failure detector may
 * wait longer than messages take. Safety hangs on no time.
 */
import type { Random } from '../../base/random.ts';
import { createChandraToueg } from '../../consensus/chandra-toueg/engine.ts';
import { CHANDRA_TOUEG_INVARIANTS } from '../checkers/chandra-toueg.ts';
import { eventualWeakAccuracy, strongCompleteness } from '../checkers/chandra-toueg-detector.ts';
import { traced } from '../marks.ts';
import type { EngineJson, NetworkTimes } from '../subject.ts';
import { membersSubject } from './members.ts';

/** As in `simulation.ts`: links differ by this factor; and jitter is seldom more than so many times its mean. */
const SLOWEST_LINK = 4;
const MUCH_JITTER = 4;
const SUSPICION_MS = [500, 1_000, 2_000];
const HEARTBEATS_PER_SUSPICION = [3, 5];
const EMPTY_BLOCK_MS = { low: 500, high: 3_000 } as const;
/** Rounds that may fail in a row: coordinators that are down and not suspected yet, or cannot propose. */
const ROUNDS = 3;

export const chandraTouegSubject = membersSubject({
  name: 'chandra-toueg',
  faults: 'crash',
  create: createChandraToueg,
  settings: drawSettings,
  blockMs: (settings) => Number(settings.emptyBlockMs),
  maxTimeoutMs: (settings) => ROUNDS * Number(settings.maxSuspicionMs) + Number(settings.emptyBlockMs),
  linearizableRead: 'read',
  invariants: [...CHANDRA_TOUEG_INVARIANTS, strongCompleteness, eventualWeakAccuracy],
  marks: [
    traced('a coordinator was given up because it was suspected', 'round', ({ reason }) => reason === 'suspected'),
    traced('a coordinator was given up because it took too long', 'round', ({ reason }) => reason === 'patience'),
    traced('a coordinator was refused, and followed the others', 'round', ({ reason }) => reason === 'nack'),
    traced('a suspicion was taken back', 'trusted'),
    traced('a value of an earlier round was proposed again', 'proposed', ({ adopted }) => Number(adopted) > 0),
    traced('a value was decided in a later round', 'decided', ({ round }) => Number(round) > 1),
    traced('an instance went on after a restart', 'round', ({ reason }) => reason === 'restart'),
    traced(
      'a member began in the place of the first coordinator',
      'round',
      ({ reason, isCoordinator }) => reason === 'work' && isCoordinator === false,
    ),
  ],
});

function drawSettings(random: Random, { latencyMs, jitterMs, diskWriteMs }: NetworkTimes): EngineJson {
  const roundTripMs = 2 * (SLOWEST_LINK * latencyMs + MUCH_JITTER * jitterMs) + 2 * diskWriteMs;
  const suspicionMs = Math.max(random.pick(SUSPICION_MS), Math.ceil(roundTripMs / 2));
  const { low, high } = EMPTY_BLOCK_MS;
  return {
    blockIntervalMs: random.pick([0, 0, 100]),
    emptyBlockMs: low + random.below(high - low + 1),
    heartbeatMs: Math.floor(suspicionMs / random.pick(HEARTBEATS_PER_SUSPICION)),
    suspicionMs,
    maxSuspicionMs: Math.max(4 * suspicionMs, 2 * roundTripMs),
  };
}
