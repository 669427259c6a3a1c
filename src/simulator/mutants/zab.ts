/** Bugs of Zab: those that ZooKeeper had between election and broadcast, and what its papers warn of. */
import { placeId } from '../places.ts';
import { membersOf } from '../subjects/member-list.ts';
import { TAG_KEYS } from '../tags.ts';
import { turns } from './conditions.ts';
import type { Mutant } from './mutant.ts';

const LOOKING = 'consensus/zab/looking.ts';
const FOLLOWING = 'consensus/zab/following.ts';
const BROADCAST = 'consensus/zab/broadcast.ts';

/** Small networks whose leaders change often. */
const ZAB = { engine: 'zab', options: { nodes: 3, faultsMs: 300_000 } } as const;
/** Links are slow compared with everything else, so that a leader that falls leaves undecided blocks behind; and events are few. */
const SLOW_LINKS = {
  engine: 'zab',
  options: {
    nodes: 5,
    faultsMs: 1_800_000,
    latencyMs: 250,
    jitterMs: 250,
    diskWriteMs: 20,
    transfersPerMinute: 0,
    engine: {
      members: membersOf([0, 1, 2, 3, 4].map(placeId), TAG_KEYS),
      tickMs: 1_500,
      initLimit: 6,
      syncLimit: 3,
      blockIntervalMs: 0,
      emptyBlockMs: 1_500,
    },
  },
} as const;

const WHAT_IS_LOST = ['ZabIntegrity', 'Leadership2', 'PrimaryIntegrity', 'TotalOrder', 'Agreement', 'Engine'];

const SYNCHRONISING: readonly Mutant[] = [
  {
    ...ZAB,
    name: 'zab/epoch-before-history',
    story:
      'A follower writes down the new epoch while the history that belongs to it is still on its way to the disk, or not there at all.',
    source: 'ZOOKEEPER-4643 and 4646: currentEpoch was updated before the history was on disk',
    file: FOLLOWING,
    edits: [
      { find: '  if (durableHeight(state) < role.initial.height) return;\n', replace: '' },
      {
        find: 'if (following.initial === null && (initial.height < commit || history.has(initial))) {',
        replace: 'if (following.initial === null && initial.height >= 0) {',
      },
    ],
    finders: ['HistoryBeforeEpoch'],
    maxSeeds: 50,
    faults: ['crash', 'partition', 'noise', 'slowDisk'],
  },
  {
    ...ZAB,
    name: 'zab/current-epoch-not-on-disk',
    story:
      'A follower acknowledges the history of a new epoch and does not write down that it has taken it over: after a crash an older history may win the election.',
    source: 'Junqueira, Reed, Serafini, DSN 2011, algorithm 2: f.a is on stable storage before the acknowledgement',
    file: FOLLOWING,
    edits: [{ find: '  epochs.current = role.epoch;\n  persistEpochs(turn);', replace: '  epochs.current = role.epoch;' }],
    finders: ['Leadership2'],
    maxSeeds: 20,
    faults: ['crash', 'partition', 'cutLink', 'noise'],
  },
  {
    ...SLOW_LINKS,
    name: 'zab/commits-during-synchronisation',
    story: 'A follower decides the history of a new leader as soon as it has it, while nobody knows whether a quorum ever will.',
    source: 'ZOOKEEPER-4394: a COMMIT was carried out while the follower was synchronising',
    file: FOLLOWING,
    edits: [
      {
        find: '    takeOverEpoch(turn);\n  }\n  acknowledge(turn, round);',
        replace: '    takeOverEpoch(turn);\n    commitUpTo(turn, state.matched);\n  }\n  acknowledge(turn, round);',
      },
    ],
    finders: [...WHAT_IS_LOST, 'PrefixConsistency'],
    maxSeeds: 300,
    faults: ['crash', 'partition', 'cutLink', 'noise'],
  },
];

/** Each member in turn is cut off, for long enough that others lead, and comes back while they are idle. */
const IN_TURN = turns(3, 9_000, 12_000, 600_000);
const IDLE = {
  engine: 'zab',
  schedule: IN_TURN,
  options: {
    nodes: 3,
    faultsMs: 600_000,
    survivors: [0, 1, 2],
    latencyMs: 10,
    jitterMs: 5,
    diskWriteMs: 5,
    executionMs: 5,
    transfersPerMinute: 20,
    engine: {
      members: membersOf([0, 1, 2].map(placeId), TAG_KEYS),
      tickMs: 1_000,
      initLimit: 10,
      syncLimit: 4,
      blockIntervalMs: 0,
      emptyBlockMs: 30_000,
    },
  },
} as const;

/**
 * Node 4 leads 3 and 2, and asks 0 again and again to enter its epoch, which 0 does not hear. Then 2 comes to lead 0 and 1 in a
 * later epoch while 4 still believes that it leads; and 0 comes back to 4, which hears of that later than its questions arrive.
 */
const TWO_EPOCHS = {
  engine: 'zab',
  schedule: [
    ...[0, 1].map((to) => ({ fault: 'clogLink', from: 4, to, atMs: 2_620, forMs: 5_480 }) as const),
    ...[0, 1, 2].map((node) => ({ fault: 'crash', node, atMs: 8_000, forMs: 200 }) as const),
    { fault: 'partition', side: [3, 4], direction: 'both', atMs: 8_000, forMs: 6_000 },
    { fault: 'partition', side: [0, 4], direction: 'both', atMs: 14_000, forMs: 10_000 },
    { fault: 'crash', node: 0, atMs: 14_000, forMs: 200 },
    { fault: 'clogLink', from: 0, to: 4, atMs: 14_400, forMs: 4_000 },
  ],
  options: {
    nodes: 5,
    faultsMs: 30_000,
    survivors: [0, 1, 2, 3, 4],
    latencyMs: 10,
    jitterMs: 1,
    diskWriteMs: 5,
    executionMs: 5,
    transfersPerMinute: 0,
    engine: {
      members: membersOf([0, 1, 2, 3, 4].map(placeId), TAG_KEYS),
      tickMs: 1_000,
      initLimit: 20,
      syncLimit: 20,
      emptyBlockMs: 60_000,
    },
  },
} as const;

const TRUNCATING: readonly Mutant[] = [
  {
    ...IDLE,
    name: 'zab/tail-not-truncated',
    story: 'A follower keeps blocks of an older epoch above the history of its leader, and acknowledges heights at which it has others.',
    source: 'ZOOKEEPER-2832: an uncommitted tail survived the synchronisation with a new leader',
    file: FOLLOWING,
    edits: [
      { find: '  if (next !== undefined && next.epoch !== epoch) cutHistory(turn, end);', replace: '  void [next, epoch, cutHistory];' },
    ],
    finders: [...WHAT_IS_LOST, 'PrefixConsistency', 'HistoryBeforeEpoch', 'NoHonestBlamed'],
    maxSeeds: 50,
  },
  {
    ...TWO_EPOCHS,
    name: 'zab/goes-back-to-an-old-epoch',
    story: 'A follower that has accepted a later epoch takes proposals of a leader of an earlier one, and acknowledges them.',
    source: 'Junqueira, Reed, Serafini, DSN 2011, algorithm 1: NEWEPOCH is taken only if it is not below f.p',
    file: FOLLOWING,
    edits: [
      { find: "  if (epoch < epochs.accepted) return look(turn, 'the leader proposes an old epoch');\n", replace: '' },
      {
        find: 'const isCounted = epochs.acceptedFrom === from && !isIncomplete(state);',
        replace: 'const isCounted = !isIncomplete(state);',
      },
    ],
    finders: ['EpochPromise', ...WHAT_IS_LOST, 'PrefixConsistency', 'Leadership1'],
    maxSeeds: 100,
  },
];

const READING: readonly Mutant[] = [
  {
    engine: 'zab',
    name: 'zab/reads-without-asking',
    story: 'A member answers a linearizable read from its own chain, without asking who leads: one that is cut off shows the past.',
    source: "ZooKeeper's own reads, which are local; the stale reads of many systems in the Jepsen analyses",
    file: 'consensus/zab/reads.ts',
    edits: [{ find: 'ask: (read) => ask(turn, read) }', replace: 'ask: (read) => heardOf(turn.state.reads, read, turn.self, 0, 1) }' }],
    finders: ['Linearizability'],
    maxSeeds: 100,
    options: { nodes: 3, faultsMs: 300_000, transfersPerMinute: 120 },
    faults: ['partition', 'noise'],
  },
];

const ELECTING: readonly Mutant[] = [
  {
    ...SLOW_LINKS,
    name: 'zab/elects-the-shorter-history',
    story: 'Of two nodes of one epoch the one that has less may lead: what was decided is truncated everywhere.',
    source: 'ZOOKEEPER-1154, and FastLeaderElection.tla: the last zxid counts among nodes of one epoch',
    file: LOOKING,
    edits: [
      {
        find: 'return a.current - b.current || compareZxids(a.last, b.last);',
        replace: 'return a.current - b.current || compareZxids(b.last, a.last);',
      },
    ],
    finders: WHAT_IS_LOST,
    maxSeeds: 50,
    faults: ['crash', 'partition', 'cutLink', 'noise'],
  },
];

const BROADCASTING: readonly Mutant[] = [
  {
    ...ZAB,
    name: 'zab/acknowledges-too-early',
    story: 'A follower acknowledges what it has in memory: a crash of two takes what the leader has decided.',
    source: 'ZOOKEEPER-4685: acknowledged before it was logged',
    file: FOLLOWING,
    edits: [{ find: 'answered.durable = Math.min(durableHeight(state), matched);', replace: 'answered.durable = matched;' }],
    finders: ['Leadership2'],
    maxSeeds: 20,
    faults: ['crash', 'slowDisk', 'noise'],
  },
  {
    ...ZAB,
    name: 'zab/counts-the-unled',
    story: 'A leader counts followers that have not acknowledged its history: what it decides they may drop.',
    source: 'Junqueira, Reed, Serafini, DSN 2011, algorithm 2: a quorum acknowledges NEWLEADER first',
    file: BROADCAST,
    edits: [
      { find: 'state.persisted >= state.epochsLsn;', replace: 'state.persisted >= 0;' },
      {
        find: '({ isLed, match }) => (isLed ? match : null)',
        replace: '({ standing, match }) => (standing === null ? null : Math.max(match, standing.last.height))',
      },
    ],
    finders: ['Leadership2'],
    maxSeeds: 50,
    faults: ['crash', 'partition', 'cutLink', 'noise'],
  },
];

export const ZAB_MUTANTS: readonly Mutant[] = [...SYNCHRONISING, ...TRUNCATING, ...ELECTING, ...BROADCASTING, ...READING];
