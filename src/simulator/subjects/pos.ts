/**
 * Proof-of-stake in the simulator: signatures are tags, slots are those of a small network, and clients talk to a staking
 * contract (`pos-clients.ts`).
 *
 * What is drawn keeps to what the protocol promises. All nodes have the same stake, since a quorum is counted in nodes. A slot is long
 * enough for a block to be there before votes are due: without synchrony it is safe, and owes no progress. And the leak is
 * so slow that nobody loses anything by it: with a real one a partition that lasts finalizes two chains with nobody to blame, which
 * is the protocol's known price for going on without a third (test/simulator/pos-recovery.test.ts shows it).
 */
import type { Random } from '../../base/random.ts';
import { posEngine } from '../../consensus/pos/engine.ts';
import { parseSettings } from '../../consensus/pos/settings.ts';
import { COMMON_BEHAVIOURS, TWIN, twin } from '../behaviours/common.ts';
import { POS_BEHAVIOURS } from '../behaviours/pos.ts';
import { posBounded } from '../checkers/pos-bounds.ts';
import { silentAfterJump } from '../checkers/pos-clock.ts';
import { dutiesExact } from '../checkers/pos-duties.ts';
import { offencesFound } from '../checkers/pos-evidence.ts';
import { certificates, finalizationRules, finalizedMonotone, headDescendsFromJustified } from '../checkers/pos-finality.ts';
import { headIsGhost } from '../checkers/pos-ghost.ts';
import { leak, registryRules } from '../checkers/pos-registry.ts';
import { accountableSafety, noHonestSlashable } from '../checkers/pos-safety.ts';
import { requests, stakeConservation } from '../checkers/pos-stake.ts';
import { FAULT_RANGES } from '../schedule.ts';
import type { EngineJson, NetworkTimes, Subject } from '../subject.ts';
import { depositorOf, KEYS_AT_GENESIS, saysToStaking } from './pos-clients.ts';
import { POS_MARKS } from './pos-marks.ts';
import { posRulesOf } from './pos-rules.ts';

/** With one that is deposited later, if clients get to it. */
const KEYS_PER_NODE = KEYS_AT_GENESIS + 1;
const MINIMUM_DEPOSIT_ETHER = 32;
/** Of a node's keys, in any order. The first may leave, and one more of the least deposit may come, without the rest losing its quorum. */
const STAKES_ETHER = [
  [32, 96, 96, 96],
  [32, 64, 96, 128],
  [32, 32, 128, 128],
];
const SLOT_SECONDS = [1, 2, 6, 12];
const SLOTS_PER_EPOCH = [4, 8];
/** No partition of a run lasts so long that anybody loses an ether. */
const LEAK_QUOTIENT = 2 ** 32;
/** Nobody brings nodes a new checkpoint after a long partition. */
const WEAK_SUBJECTIVITY_EPOCHS = 2 ** 24;
/** Votes are due after a third of a slot. */
const PARTS_OF_SLOT = 3;
/** As in `simulation.ts`: links differ by this factor; and jitter is seldom more than so many times its mean. */
const SLOWEST_LINK = 4;
const MUCH_JITTER = 4;

/** Until the clocks of a quorum are believed again, and votes of other times have been forgotten: see `consensus/pos/clock.ts`. */
const SILENT_EPOCHS = 2 + 8;
/** Eight blocks by two thirds of the proposers, an epoch that had begun badly, two that justify, one for the certificate, and luck. */
const FINALITY_EPOCHS = 16;
/** How far ahead faults make a clock, three of them at a time: what it has signed for then it must not sign again. */
const { clockOffsetMs, driftMs, driftPpm } = FAULT_RANGES;
const AHEAD_MS = 3 * clockOffsetMs.high + (driftMs.high * driftPpm.high) / 1_000_000;

export const posSubject: Subject = {
  name: 'pos',
  create: (params, node, _proofs, signatures) => posEngine(posRulesOf(params, signatures), node),
  drawSettings: (random, nodes, keys, times) => ({
    slotSeconds: random.pick(slotsFor(times)),
    slotsPerEpoch: random.pick(SLOTS_PER_EPOCH),
    minimumDepositEther: MINIMUM_DEPOSIT_ETHER,
    unbondingEpochs: 64,
    leakQuotient: LEAK_QUOTIENT,
    weakSubjectivityEpochs: WEAK_SUBJECTIVITY_EPOCHS,
    validators: drawValidators(random, nodes.length, (identity, index) => keys.signer(identity, index).publicKey),
  }),
  says: saysToStaking,
  keysPerNode: KEYS_PER_NODE,
  difficulty: () => 0n,
  blockMs: (settings) => 1_000 * parseSettings(settings).slotSeconds,
  quorum: (nodes) => Math.floor((2 * nodes) / 3) + 1,
  progressMs: ({ params }) => AHEAD_MS + (SILENT_EPOCHS + FINALITY_EPOCHS) * epochMs(params.engine.settings),
  invariants: [
    finalizationRules,
    certificates,
    finalizedMonotone,
    headDescendsFromJustified,
    headIsGhost,
    noHonestSlashable,
    accountableSafety,
    offencesFound,
    stakeConservation,
    requests,
    silentAfterJump,
    dutiesExact,
    registryRules,
    leak,
    posBounded,
  ],
  marks: POS_MARKS,
  tolerates: (nodes) => Math.floor((nodes - 1) / 3),
  behaviours: new Map([...COMMON_BEHAVIOURS, ...POS_BEHAVIOURS, [TWIN, twin]]),
};

function drawValidators(random: Random, nodes: number, keyOf: (identity: number, index: number) => string): EngineJson[] {
  const stakes = random.pick(STAKES_ETHER);
  return Array.from({ length: nodes }, (_, identity) => identity).flatMap((identity) =>
    random.shuffle([...stakes.keys()]).map((index) => ({
      publicKey: keyOf(identity, index),
      depositor: depositorOf(identity),
      stakeEther: stakes[index] ?? MINIMUM_DEPOSIT_ETHER,
    })),
  );
}

/** Those in which a block arrives before votes are due. */
function slotsFor({ latencyMs, jitterMs, executionMs, diskWriteMs }: NetworkTimes): number[] {
  const oneWayMs = SLOWEST_LINK * latencyMs + MUCH_JITTER * jitterMs;
  // Built, recorded and sent; then executed.
  const neededMs = PARTS_OF_SLOT * (oneWayMs + 3 * executionMs + 2 * diskWriteMs);
  const long = SLOT_SECONDS.filter((seconds) => 1_000 * seconds >= neededMs);
  return long.length > 0 ? long : SLOT_SECONDS.slice(-1);
}

function epochMs(settings: EngineJson): number {
  const { slotSeconds, slotsPerEpoch } = parseSettings(settings);
  return 1_000 * slotSeconds * slotsPerEpoch;
}
