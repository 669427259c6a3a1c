/**
 * Multi-Paxos in the simulator, with each of its electors. What is drawn keeps to what the protocol promises: progress when
 * members are not suspected before a message there and back, with a write in between, can have come. Safety hangs on no time.
 */
import type { Random } from '../../base/random.ts';
import { ELECTIONS } from '../../consensus/election/electors.ts';
import { createPaxos } from '../../consensus/paxos/engine.ts';
import { PAXOS_INVARIANTS } from '../checkers/paxos.ts';
import { traced } from '../marks.ts';
import type { EngineJson, NetworkTimes } from '../subject.ts';
import { membersSubject, transfersAmong } from './members.ts';

/** As in `simulation.ts`: links differ by this factor; and jitter is seldom more than so many times its mean. */
const SLOWEST_LINK = 4;
const MUCH_JITTER = 4;
const SUSPICION_MS = [1_000, 2_000, 4_000];
const HEARTBEATS_PER_SUSPICION = [4, 8];
const EMPTY_BLOCK_MS = { low: 500, high: 3_000 } as const;
/** An election: a silent leader is suspected, those above do not answer, phase 1; and it may have to be held again. */
const PATIENCES = 8;

export const paxosSubject = membersSubject({
  name: 'paxos',
  faults: 'crash',
  create: createPaxos,
  settings: drawSettings,
  blockMs: (settings) => Number(settings.emptyBlockMs),
  maxTimeoutMs: (settings) => PATIENCES * Number(settings.maxSuspicionMs) + Number(settings.emptyBlockMs),
  linearizableRead: 'read',
  operators: transfersAmong,
  invariants: PAXOS_INVARIANTS,
  marks: [
    traced('a leader handed over to another, on the wish of an operator', 'handedOver'),
    traced('a leader was deposed with undecided blocks', 'deposed', ({ undecided }) => Number(undecided) > 0),
    traced('a leader without a majority stepped down', 'noMajority'),
    traced('a leader took over undecided blocks of others', 'elected', ({ undecided }) => Number(undecided) > 0),
    traced('phase 1 showed values that had lost', 'elected', ({ hasGap }) => hasGap === true),
    traced('an accepted block was replaced', 'replaced'),
    traced('a member was suspected falsely', 'falselySuspected'),
    traced('a ballot was preempted', 'preempted'),
    traced('a member got blocks that it had missed', 'caughtUp'),
  ],
});

function drawSettings(random: Random, { latencyMs, jitterMs, diskWriteMs }: NetworkTimes): EngineJson {
  const roundTripMs = 2 * (SLOWEST_LINK * latencyMs + MUCH_JITTER * jitterMs) + 2 * diskWriteMs;
  const suspicionMs = Math.max(random.pick(SUSPICION_MS), Math.ceil(2 * roundTripMs));
  const { low, high } = EMPTY_BLOCK_MS;
  return {
    election: random.pick([...ELECTIONS]),
    blockIntervalMs: random.pick([0, 0, 100]),
    emptyBlockMs: low + random.below(high - low + 1),
    heartbeatMs: Math.floor(suspicionMs / random.pick(HEARTBEATS_PER_SUSPICION)),
    suspicionMs,
    maxSuspicionMs: 2 * suspicionMs,
    window: random.pick([2, 8, 32]),
  };
}
